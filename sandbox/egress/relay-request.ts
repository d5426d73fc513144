/**
 * Sends one checked request on, with a head of our own making: the path that was checked, the host that was checked, one
 * framing, and no hop-by-hop header. What comes after its body is a second request that nobody checked, and cuts it off.
 */
import type { Socket } from 'node:net';
import type { EgressCredential } from './credentials.ts';
import { EchoFilter } from './echo-filter.ts';
import type { Meter, Passage } from './passage.ts';
import { relayBack } from './relay-tunnel.ts';
import { RequestBody } from './request-body.ts';
import type { RequestHead } from './request-head.ts';
import type { EgressDecision } from './rules.ts';

const NOT_FORWARDED = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export interface CheckedRequest {
  readonly head: RequestHead;
  /** Bytes that came with the head. */
  readonly rest: Buffer;
  readonly decision: Extract<EgressDecision, { kind: 'allowed' }>;
  /** True when what came in must not go out. What came with the head was shown before. */
  readonly inspect: (bytes: Buffer) => boolean;
  readonly credential: EgressCredential | undefined;
}

export function relayRequest(
  client: Socket,
  upstream: Socket,
  request: CheckedRequest,
  passage: Passage,
  meter: Meter,
): void {
  const { head, rest, decision } = request;
  const body = new RequestBody(head.body);
  const cut = (code: Passage['code']): void => {
    passage.code = code;
    client.destroy();
    upstream.destroy();
  };
  const send = (bytes: Buffer): boolean => {
    if (!meter(passage, 'bytesOut', bytes.length)) {
      cut('over-limit');
      return false;
    }
    if (!upstream.write(bytes)) client.pause();
    return true;
  };
  let ended = false;
  const forward = (chunk: Buffer): void => {
    const step = body.push(chunk);
    if (step.kind === 'refused') return cut('bad-request');
    for (const data of step.data) {
      const framed =
        head.body.kind === 'chunked'
          ? Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')])
          : data;
      if (!send(framed)) return;
    }
    if (step.done && !ended) {
      ended = true;
      if (head.body.kind === 'chunked') send(Buffer.from('0\r\n\r\n'));
    }
  };
  // Seen before a byte goes out: what came with the head and is past its body.
  const early = new RequestBody(head.body).push(rest);
  if (early.kind === 'refused') return cut('bad-request');
  passage.code = 'relayed';
  const { credential } = request;
  passage.credentials = credential === undefined ? 0 : 1;
  const filter = credential === undefined ? undefined : new EchoFilter(credential.hidden);
  relayBack(upstream, client, passage, meter, filter);
  if (!send(Buffer.from(toHead(head, decision, credential), 'latin1'))) return;
  forward(rest);
  client.on('data', (chunk: Buffer) => (request.inspect(chunk) ? cut('honey-credential') : forward(chunk)));
  client.on('end', () => {
    if (!body.done && passage.code === 'relayed') cut('bad-request');
  });
  upstream.on('drain', () => client.resume());
  client.resume();
}

function toHead(
  head: RequestHead,
  decision: CheckedRequest['decision'],
  credential: EgressCredential | undefined,
): string {
  const usual = decision.via === 'https' ? 443 : 80;
  const named = new Set(
    head.headers
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) =>
        value
          .toLowerCase()
          .split(',')
          .map((option) => option.trim()),
      ),
  );
  // A compressed reply could not be searched for the credential.
  const replaced = credential === undefined ? [] : [credential.header.toLowerCase(), 'accept-encoding'];
  const passed = head.headers.filter(([name]) => {
    const key = name.toLowerCase();
    return !NOT_FORWARDED.has(key) && !named.has(key) && !replaced.includes(key);
  });
  const lines = [
    `${head.method} ${decision.path} HTTP/1.1`,
    `Host: ${decision.host}${decision.port === usual ? '' : `:${decision.port}`}`,
    ...passed.map(([name, value]) => `${name}: ${value}`),
    ...(credential === undefined ? [] : [`${credential.header}: ${credential.value}`, 'Accept-Encoding: identity']),
    ...(head.body.kind === 'length' ? [`Content-Length: ${head.body.bytes}`] : []),
    ...(head.body.kind === 'chunked' ? ['Transfer-Encoding: chunked'] : []),
    'Connection: close',
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

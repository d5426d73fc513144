/** Relays a CONNECT tunnel, once its first bytes are a TLS hello for the very host it was opened to. */
import type { Socket } from 'node:net';
import { parseHostName } from '../domain-pattern.ts';
import { parseClientHello } from './client-hello.ts';
import type { EchoFilter } from './echo-filter.ts';
import type { Meter, Passage } from './passage.ts';

export function relayTunnel(client: Socket, upstream: Socket, host: string, passage: Passage, meter: Meter): void {
  let first: Buffer | undefined = Buffer.alloc(0);
  const cut = (code: Passage['code']): void => {
    passage.code = code;
    client.destroy();
    upstream.destroy();
  };
  passage.code = 'not-tls-for-host';
  client.on('data', (chunk: Buffer) => {
    let bytes = chunk;
    if (first !== undefined) {
      first = Buffer.concat([first, chunk]);
      const hello = parseClientHello(first);
      if (hello.kind === 'incomplete') return;
      if (hello.kind === 'refused' || parseHostName(hello.serverName) !== host) return cut('not-tls-for-host');
      bytes = first;
      first = undefined;
      passage.code = 'relayed';
    }
    if (!meter(passage, 'bytesOut', bytes.length)) return cut('over-limit');
    if (!upstream.write(bytes)) client.pause();
  });
  client.on('end', () => upstream.end());
  upstream.on('drain', () => client.resume());
  relayBack(upstream, client, passage, meter);
  client.write('HTTP/1.1 200 Connection established\r\n\r\n');
  client.resume();
}

/** Upstream to client, counted, and without what the filter keeps back. */
export function relayBack(upstream: Socket, client: Socket, passage: Passage, meter: Meter, filter?: EchoFilter): void {
  upstream.on('data', (received: Buffer) => {
    const filtered = filter?.push(received) ?? { kind: 'pass', bytes: received };
    if (filtered.kind === 'cut') {
      passage.code = 'credential-echoed';
      client.destroy();
      return void upstream.destroy();
    }
    const chunk = filtered.bytes;
    if (chunk.length === 0) return;
    if (!meter(passage, 'bytesIn', chunk.length)) {
      client.destroy();
      return void upstream.destroy();
    }
    if (!client.write(chunk)) upstream.pause();
  });
  upstream.on('end', () => client.end(filter?.rest() ?? ''));
  client.on('drain', () => upstream.resume());
}

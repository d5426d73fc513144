/** What a sandbox, a model's tool call or the other half of the broker says. */
import assert from 'node:assert/strict';
import { parseArguments } from '../../../sandbox/arguments.ts';
import { FrameDecoder, encodeFrame } from '../../../sandbox/broker/frame.ts';
import { fromEngine, fromExecutor, toEngine, toExecutor } from '../../../sandbox/broker/messages.ts';
import { isPublicAddress } from '../../../sandbox/egress/address.ts';
import { parseClientHello } from '../../../sandbox/egress/client-hello.ts';
import { RequestBody } from '../../../sandbox/egress/request-body.ts';
import { parseRequestHead } from '../../../sandbox/egress/request-head.ts';
import type { FuzzTarget } from '../fuzzer.ts';

const frames: FuzzTarget = {
  name: 'frames',
  bytes: true,
  seeds: [
    encodeFrame({ kind: 'hello' }).toString('latin1'),
    `${encodeFrame([1]).toString('latin1')}${encodeFrame({ kind: 'ready' }).toString('latin1')}`,
  ],
  tokens: ['\0\0\0\x02{}', '\0\0\0\0', '\xff\xff\xff\xff', '\0\0\0\x01', '{"kind":"', '"}', '\0\0\x01'],
  check(input, random) {
    const bytes = Buffer.from(input, 'latin1');
    const decode = (pieces: readonly Buffer[]): unknown[] => {
      const decoder = new FrameDecoder(1_000);
      return pieces.flatMap((piece) => [...decoder.push(piece)]);
    };
    const whole = decode([bytes]);
    assert.deepEqual(decode(random.split(bytes)), whole);
    for (const each of whole as { kind: string; value?: unknown }[])
      if (each.kind === 'frame')
        for (const schema of [toEngine, fromEngine, toExecutor, fromExecutor]) schema.safeParse(each.value);
  },
};

const HEAD =
  'POST http://api.example.com/v1/x?y=1 HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\nX-A: b\r\n\r\n';
/** A head that is taken is one head for every server: no line end but CRLF, one framing, one Host, nothing that a copy of it could split into two. */
const egressHead: FuzzTarget = {
  name: 'egress-head',
  bytes: true,
  seeds: [
    HEAD,
    'CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n',
    'GET / HTTP/1.0\r\n\r\n',
    HEAD.replace('Content-Length: 5', 'Transfer-Encoding: chunked'),
  ],
  tokens: [
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    'Host: ',
    'Content-Length: ',
    'Transfer-Encoding: chunked',
    ' ',
    '\t',
    ':',
    '\0',
    'Connection: upgrade',
    'Upgrade: h2c',
    '\x0b',
    '\x85',
    'HTTP/1.1',
  ],
  check(input) {
    const bytes = Buffer.from(input, 'latin1');
    const parsed = parseRequestHead(bytes);
    if (parsed.kind !== 'head') return;
    const { head } = parsed;
    assert.ok(head.length <= bytes.length);
    const names = head.headers.map(([name]) => name.toLowerCase());
    for (const single of ['host', 'content-length', 'transfer-encoding'])
      assert.ok(names.filter((name) => name === single).length <= 1, single);
    assert.ok(!(names.includes('content-length') && names.includes('transfer-encoding')));
    for (const [name, value] of head.headers) assert.match(name + value, /^[\x20-\x7e\t]*$/);
    assert.match(head.method + head.target, /^[\x21-\x7e]+$/);
    // Written anew and read again it is the same request.
    const again = parseRequestHead(
      Buffer.from(
        `${head.method} ${head.target} HTTP/1.1\r\n${head.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
      ),
    );
    assert.ok(again.kind === 'head');
    assert.deepEqual([again.head.headers, again.head.body], [head.headers, head.body]);
  },
};

const egressBody: FuzzTarget = {
  name: 'egress-body',
  bytes: true,
  seeds: ['5\r\nhello\r\n0\r\n\r\n', 'a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n', '0\r\n\r\n', 'hello'],
  tokens: ['0\r\n\r\n', '\r\n', '\n', ';a=b', '0x1', '+1', 'ffffffff', '00000001', ' 1'],
  check(input, random) {
    const bytes = Buffer.from(input, 'latin1');
    for (const body of [{ kind: 'chunked' }, { kind: 'length', bytes: 5 }, { kind: 'none' }] as const) {
      const read = (pieces: readonly Buffer[]): { data: string; done: boolean } | 'refused' => {
        const reader = new RequestBody(body);
        let data = '';
        for (const piece of pieces) {
          const step = reader.push(piece);
          if (step.kind === 'refused') return 'refused';
          data += Buffer.concat(step.data).toString('latin1');
        }
        return { data, done: reader.done };
      };
      assert.deepEqual(read(random.split(bytes)), read([bytes]));
    }
  },
};

const hello: FuzzTarget = {
  name: 'client-hello',
  bytes: true,
  seeds: [clientHello('api.example.com'), clientHello('a')],
  tokens: ['\x16\x03\x01', '\x01\0', '\0\0', '\xfe\x0d', '\0\x05', 'api.example.com'],
  check(input) {
    const parsed = parseClientHello(Buffer.from(input, 'latin1'));
    if (parsed.kind === 'hello') assert.ok(input.includes(parsed.serverName) || input.length > 5);
  },
};

/** A hello with one server name, by hand (RFC 8446, 4.1.2). */
function clientHello(name: string): string {
  const u16 = (value: number): string => String.fromCharCode(value >> 8, value & 255);
  const entry = `\0${u16(name.length)}${name}`;
  const extension = `\0\0${u16(entry.length + 2)}${u16(entry.length)}${entry}`;
  const hello_ = `\x03\x03${'r'.repeat(32)}\0${u16(2)}\x13\x01\x01\0${u16(extension.length)}${extension}`;
  const message = `\x01\0${u16(hello_.length)}${hello_}`;
  return `\x16\x03\x01${u16(message.length)}${message}`;
}

/** An address that is let through is one that the dialler reads as the same public address: private ranges in no spelling. */
const address: FuzzTarget = {
  name: 'address',
  seeds: [
    '93.184.216.34',
    '2606:2800:220:1:248:1893:25c8:1946',
    '::ffff:127.0.0.1',
    '0x7f.1',
    '127.1',
    '[::1]',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
  ],
  tokens: [
    '127.0.0.1',
    '::',
    ':',
    '.',
    '0x',
    '0',
    'ffff',
    '169.254.169.254',
    '10.',
    'fe80::',
    '%eth0',
    'fc00::',
    '%25',
    '%',
  ],
  check(input) {
    if (!isPublicAddress(input)) return;
    assert.match(input, /^[0-9a-fA-F.:]+$/);
    assert.doesNotMatch(
      input,
      /^(127|10|0|169\.254|192\.168|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])|172\.(1[6-9]|2\d|3[01]))\./,
    );
    assert.doesNotMatch(input, /^(fe[89ab]|f[cd]|ff|::1$|::$)/i);
  },
};

const toolArguments: FuzzTarget = {
  name: 'arguments',
  seeds: ['{"command":"ls -la","timeout":5}', '{"a":{"b":[{"c":null}]}}', '', '{"path":"/x","content":"\\u0000"}'],
  tokens: ['{', '}', '[', ']', ':', ',', '"a":', '"__proto__":', 'null', '1e5', '"\\u0061"', '"\\ud800"', '\\', '"'],
  check(input) {
    const parsed = parseArguments(input);
    if (parsed.kind !== 'arguments' || input.trim() === '') return;
    assert.deepEqual(parsed.value, JSON.parse(input));
    assert.equal(Object.getPrototypeOf(parsed.value), Object.prototype);
  },
};

export const SANDBOX: readonly FuzzTarget[] = [frames, egressHead, egressBody, hello, address, toolArguments];

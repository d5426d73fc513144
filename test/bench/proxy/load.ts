/**
 * The load generator, in a process of its own: keeps `concurrency` requests open for `ms`, and says how long each took. Told what to do over IPC, one round at
 * a time. Bodies are made before the clock starts; requests are written whole to raw sockets and replies only looked at for their
 * end, so that what is measured is the other side.
 */
import { connect, type Socket } from 'node:net';
import { bodyOf, type BodyOptions, type Shape } from './bodies.ts';
import { ResponseFrame } from './frames.ts';
import { quantile } from './statistics.ts';

export interface Round {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly shape: Shape;
  readonly options: BodyOptions;
  /** Index of the first body; bodies of other indexes are others. */
  readonly from: number;
  readonly bodies: number;
  readonly concurrency: number;
  readonly ms: number;
  /** Requests each connection makes at most; 0 for as many as fit. */
  readonly each: number;
}

/** Times in milliseconds. */
export interface RoundResult {
  readonly requests: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly firstByteP50: number;
  /** From the upstream's write to our read, per chunk; 0 where nothing was streamed. */
  readonly tokenP50: number;
  readonly tokenP99: number;
  readonly tokens: number;
  /** Replies by status and by the route Sluice names: `200 cloud`. */
  readonly replies: Readonly<Record<string, number>>;
}

const AT = 0x40;

async function run(round: Round): Promise<RoundResult> {
  const head = Object.entries(round.headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const requests = Array.from({ length: round.bodies }, (_, index) => {
    const body = bodyOf(round.shape, round.from + index, round.options);
    return Buffer.concat([
      Buffer.from(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${round.port}\r\ncontent-type: application/json\r\n${head}content-length: ${body.length}\r\n\r\n`,
      ),
      body,
    ]);
  });
  const streams = round.options.stream;
  const latencies: number[] = [];
  const firstBytes: number[] = [];
  const tokens: number[] = [];
  const replies: Record<string, number> = {};
  let next = 0;
  let tokenCount = 0;
  const sockets: Socket[] = await Promise.all(Array.from({ length: round.concurrency }, () => open(round.port)));
  const startedAt = performance.now();
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve, reject) => {
          let frame = new ResponseFrame();
          let sentAt = 0;
          let made = 0;
          let isFirst = true;
          const send = (): void => {
            if (performance.now() - startedAt >= round.ms || (round.each > 0 && made >= round.each)) {
              socket.removeAllListeners();
              socket.on('error', () => undefined);
              socket.destroy();
              resolve();
              return;
            }
            made += 1;
            frame = new ResponseFrame();
            isFirst = true;
            sentAt = performance.now();
            socket.write(requests[next % requests.length] ?? '');
            next += 1;
          };
          socket.on('data', (chunk: Buffer) => {
            const { whole, body } = frame.push(chunk);
            if (isFirst && body.length > 0) {
              isFirst = false;
              firstBytes.push(performance.now() - sentAt);
            }
            if (streams) {
              const now = Number(process.hrtime.bigint() / 1000n);
              for (let at = body.indexOf(AT); at !== -1; at = body.indexOf(AT, at + 1)) {
                tokenCount += 1;
                const writtenAt = Number(/^@(\d{6,20}) /.exec(body.toString('latin1', at, at + 24))?.[1] ?? 0);
                if (writtenAt > 0) tokens.push((now - writtenAt) / 1000);
              }
            }
            if (!whole) return;
            latencies.push(performance.now() - sentAt);
            const name = `${frame.status} ${frame.header('x-sluice-route')}`.trim();
            replies[name] = (replies[name] ?? 0) + 1;
            send();
          });
          socket.on('error', reject);
          socket.on('close', () => reject(new Error(`connection closed after ${frame.head.slice(0, 60)}`)));
          send();
        }),
    ),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    requests: latencies.length,
    seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    firstByteP50: quantile(firstBytes, 0.5),
    tokenP50: quantile(tokens, 0.5),
    tokenP99: quantile(tokens, 0.99),
    tokens: tokenCount,
    replies,
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

process.on('message', (round: Round) => {
  run(round).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.send?.('ready');

/** Bytes on a bare socket: what no HTTP client lets one send. */
import { connect, type Socket } from 'node:net';

export interface RawReply {
  /** Everything that came back, as latin1. */
  readonly text: string;
  /** Whether the other side closed the connection within the wait. */
  readonly closed: boolean;
  /** Status lines seen, in order. */
  readonly statuses: readonly number[];
}

/** rawExchange writes `pieces` one after the other (`pauseMs` apart) and collects for at most `waitMs` after the last. */
export function rawExchange(
  url: string,
  pieces: readonly (string | Uint8Array)[],
  { pauseMs = 0, waitMs = 400 }: { readonly pauseMs?: number; readonly waitMs?: number } = {},
): Promise<RawReply> {
  const { port } = new URL(url);
  return new Promise((resolve) => {
    let text = '';
    let closed = false;
    const socket = connect(Number(port), '127.0.0.1');
    const done = (): void => {
      socket.destroy();
      resolve({
        text,
        closed,
        statuses: [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((match) => Number(match[1])),
      });
    };
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      closed = true;
      done();
    });
    socket.on('connect', () => void send(socket, pieces, pauseMs).then(() => setTimeout(done, waitMs)));
  });
}

async function send(socket: Socket, pieces: readonly (string | Uint8Array)[], pauseMs: number): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** A request as text, its length right. */
export function rawRequest(
  target: string,
  body: string,
  headers: readonly string[] = [],
  { method = 'POST', version = 'HTTP/1.1' }: { readonly method?: string; readonly version?: string } = {},
): string {
  return [
    `${method} ${target} ${version}`,
    'host: localhost',
    'content-type: application/json',
    ...headers,
    ...(headers.some((each) => /^(content-length|transfer-encoding):/i.test(each))
      ? []
      : [`content-length: ${Buffer.byteLength(body)}`]),
    '',
    body,
  ].join('\r\n');
}

/**
 * WebSockets of the listener: one path, the same gate as everybody, one limit for what all may hold. The only place that knows the library. Fails closed: what is not let in is answered with its
 * error over HTTP; a connection that holds too much, does not answer pings or is too old is ended.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type ErrorCode, publicError } from '../errors.ts';
import type { Context } from '../pipeline/context.ts';
import { letIn } from '../principals/let-in.ts';
import { openaiErrorReply } from '../protocols/openai-error.ts';
import { ResponsesConnection, SOCKET_PATH } from '../responses/connection.ts';

/** Half-open connections are found out within two of these. */
const PING_MS = 30_000;
/** As at the provider, whose clients open a new one then. */
const LONGEST_MS = 60 * 60_000;
/** RFC 6455, 7.4.1. */
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;
const TRY_AGAIN_LATER = 1013;

export interface WebSockets {
  /** Whether a request asks for a WebSocket that is served here. */
  takes(request: IncomingMessage): boolean;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends those that wait for their client, and all others when `cut` is called. */
  drain(): { cut(): void };
}

export function createWebSockets(current: () => Context): WebSockets {
  const server = new WebSocketServer({
    noServer: true,
    // Decompressing costs memory per connection, and bombs would have to be looked for.
    perMessageDeflate: false,
    maxPayload: current().config.listen.maxBodyBytes,
  });
  const connections = new Map<WebSocket, ResponsesConnection>();
  let draining = false;

  const open = (client: WebSocket, request: IncomingMessage, socket: Duplex): void => {
    const account = { open: current().bodies.open() };
    // Counted as it comes: fragments of a message are held by the library until the last.
    socket.on('data', (chunk: Buffer) => {
      if (!account.open.take(chunk.length)) client.terminate();
    });
    const connection = new ResponsesConnection(
      request,
      (text, sent) => (client.readyState === client.OPEN ? client.send(text, sent) : sent(new Error('closed'))),
      current,
    );
    connections.set(client, connection);
    let isAlive = true;
    const openedAt = performance.now();
    const pings = setInterval(() => {
      const isOld = performance.now() - openedAt > LONGEST_MS && connection.isIdle;
      if (!isAlive) client.terminate();
      else if (isOld) client.close(GOING_AWAY);
      else client.ping();
      isAlive = false;
    }, PING_MS);
    pings.unref();
    client.on('pong', () => (isAlive = true));
    client.on('error', () => client.terminate());
    client.on('message', (data: Buffer, isBinary) => {
      isAlive = true;
      const taken = account.open;
      account.open = current().bodies.open();
      if (isBinary) {
        taken.close();
        client.close(UNSUPPORTED_DATA);
        return;
      }
      void connection
        .take(data)
        .catch((error: unknown) => {
          current().log.error({ err: error, event: 'fault' }, 'fault');
          client.terminate();
        })
        .finally(() => {
          taken.close();
          if (draining && connection.isIdle) client.close(GOING_AWAY);
        });
    });
    client.on('close', () => {
      clearInterval(pings);
      account.open.close();
      connections.delete(client);
      connection.close();
    });
    if (draining) client.close(TRY_AGAIN_LATER);
  };

  return {
    takes: (request) =>
      request.method === 'GET' &&
      request.headers.upgrade?.toLowerCase() === 'websocket' &&
      pathOf(request) === SOCKET_PATH,
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      if (!this.takes(request)) return refuse(socket, 'not_found');
      void letIn(request, SOCKET_PATH, current()).then(
        (entered) => {
          if (entered.kind === 'refused') return refuse(socket, entered.code);
          server.handleUpgrade(request, socket, head, (client) => open(client, request, socket));
        },
        () => refuse(socket, 'internal'),
      );
    },
    drain() {
      draining = true;
      for (const [client, connection] of connections) if (connection.isIdle) client.close(GOING_AWAY);
      return {
        cut: () => {
          for (const client of connections.keys()) client.terminate();
        },
      };
    },
  };
}

function pathOf({ url = '' }: IncomingMessage): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}

function refuse(socket: Duplex, code: ErrorCode): void {
  const { status, body, contentType } = openaiErrorReply(publicError(code), 'none');
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: ${contentType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\nx-sluice-request-id: none\r\n\r\n${body}`,
  );
}

/** The HTTP server around the app: limits against slow clients, and a close that drains. */
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type AdminSide, createApp } from './app.ts';
import { createWebSockets, type WebSockets } from './http/web-sockets.ts';
import type { Context } from './pipeline/context.ts';

export interface Listener {
  readonly port: number;
  /** Stops taking connections, waits up to `drainMs` for open requests, then cuts. */
  drain(drainMs: number): Promise<void>;
}

export type Listening =
  | { readonly kind: 'listening'; readonly listener: Listener }
  | { readonly kind: 'failed'; readonly code: string };

export interface Patience {
  readonly headersMs: number;
  /** Of a whole request, body included. */
  readonly requestMs: number;
  /** Between two looks at open connections: what Node leaves at 30 s lets a slow client stay that much longer. */
  readonly checkMs: number;
}

/** Slow loris: what a client that means it needs a fraction of. */
const PATIENCE: Patience = { headersMs: 20_000, requestMs: 120_000, checkMs: 2_000 };

export async function listen(
  current: () => Context,
  host: string,
  port: number,
  options: { readonly patience?: Patience; readonly admin?: AdminSide } = {},
): Promise<Listening> {
  const { patience = PATIENCE, admin } = options;
  const handle = getRequestListener(createApp(current, admin).fetch, { overrideGlobalObjects: false });
  const sockets = createWebSockets(current);
  const server = createServer(
    {
      headersTimeout: patience.headersMs,
      requestTimeout: patience.requestMs,
      connectionsCheckingInterval: patience.checkMs,
      keepAliveTimeout: 60_000,
      maxHeaderSize: 32 * 1024,
      // Any other wish to upgrade is passed over, as RFC 9110 allows, and the request answered.
      shouldUpgradeCallback: (request) => sockets.takes(request),
    },
    (request, response) => void handle(request, response),
  );
  server.on('upgrade', (request, socket, head) => sockets.upgrade(request, socket, head));
  server.maxConnections = current().config.listen.maxConnections;
  const code = await new Promise<string>((resolve) => {
    server.once('error', (error) => resolve('code' in error ? String(error.code) : 'unknown'));
    server.listen(port, host, () => resolve(''));
  });
  if (code !== '') return { kind: 'failed', code };
  const address = server.address();
  return {
    kind: 'listening',
    listener: {
      port: typeof address === 'object' && address !== null ? address.port : port,
      drain: (drainMs) => {
        admin?.close();
        return drain(server, sockets, drainMs);
      },
    },
  };
}

async function drain(server: Server, sockets: WebSockets, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeIdleConnections();
  const upgraded = sockets.drain();
  const cut = setTimeout(() => {
    server.closeAllConnections();
    upgraded.cut();
  }, drainMs);
  await closed;
  clearTimeout(cut);
}

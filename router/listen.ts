/** The HTTP server around the app: limits against slow clients, and a close that drains. */
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { createApp } from './app.ts';
import type { Context } from './pipeline/context.ts';

export interface Listener {
  readonly port: number;
  /** Stops taking connections, waits up to `drainMs` for open requests, then cuts. */
  drain(drainMs: number): Promise<void>;
}

export type Listening =
  | { readonly kind: 'listening'; readonly listener: Listener }
  | { readonly kind: 'failed'; readonly code: string };

export async function listen(current: () => Context, host: string, port: number): Promise<Listening> {
  const handle = getRequestListener(createApp(current).fetch, { overrideGlobalObjects: false });
  // Slow loris: headers within 20 s, a whole request within 120 s.
  const server = createServer(
    { headersTimeout: 20_000, requestTimeout: 120_000, keepAliveTimeout: 60_000, maxHeaderSize: 32 * 1024 },
    (request, response) => void handle(request, response),
  );
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
      drain: (drainMs) => drain(server, drainMs),
    },
  };
}

async function drain(server: Server, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearTimeout(cut);
}

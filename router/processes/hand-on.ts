/**
 * Console, admin API and metrics in several processes: one of them takes the connection, the first answers, over a socket in a directory that only this user can enter. The
 * caller's address goes with the request; a header that claims one is dropped. Fails closed: with the first process gone the answer is an error.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admin } from '../admin/admin.ts';
import { publicError } from '../errors.ts';
import { peerOf, tellPeer } from '../http/peer.ts';
import type { Context } from '../pipeline/context.ts';
import { openaiErrorReply } from '../protocols/openai-error.ts';

/** Of this hop, between two processes of one instance. */
const PEER = 'sluice-peer';
const HOP = ['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect', PEER];

/** A body is sent once the first process asks for it: one it refuses unread would meet a closed connection, and the answer be lost. */
export function handOn(socketPath: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const headers: Record<string, string | string[] | undefined> = { ...incoming.headers, [PEER]: peerOf(incoming) };
  for (const name of HOP) if (name !== PEER) delete headers[name];
  const hasBody = incoming.headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (hasBody) headers['expect'] = '100-continue';
  return new Promise((resolve) => {
    const asked = ask({ socketPath, path: incoming.url, method: incoming.method, headers, agent: false });
    const fail = (): void => {
      if (!outgoing.headersSent) {
        const reply = openaiErrorReply(publicError('admin_unavailable', ''), 'none');
        outgoing.writeHead(503, { 'content-type': reply.contentType, 'cache-control': 'no-store' });
        outgoing.end(reply.body);
      } else if (!outgoing.writableEnded) outgoing.destroy();
      resolve();
    };
    asked.once('error', fail);
    asked.once('continue', () => void incoming.pipe(asked));
    asked.once('response', (answer) => {
      const shown: Record<string, string | string[] | undefined> = { ...answer.headers };
      for (const name of HOP) delete shown[name];
      outgoing.writeHead(answer.statusCode ?? 502, shown);
      answer.once('error', fail);
      answer.once('close', () => {
        asked.destroy();
        resolve();
      });
      answer.pipe(outgoing);
    });
    outgoing.once('close', () => asked.destroy());
    if (hasBody) asked.flushHeaders();
    else asked.end();
  });
}

export interface FirstSocket {
  readonly path: string;
  close(): Promise<void>;
}

/** openFirstSocket listens where processes of this instance hand requests on to. */
export async function openFirstSocket(admin: Admin, current: () => Context): Promise<FirstSocket> {
  // mkdtemp makes it for this user alone.
  const directory = mkdtempSync(join(tmpdir(), 'sluice-'));
  const path = join(directory, 'first.sock');
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const address = incoming.headers[PEER];
    delete incoming.headers[PEER];
    tellPeer(incoming, typeof address === 'string' ? address : '');
    if (incoming.url?.split('?')[0] === '/metrics') void showMetrics(outgoing, current());
    else void admin.serve(incoming, outgoing, current());
  };
  const server = createServer(serve);
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    incoming.once('resume', () => {
      if (!outgoing.headersSent) outgoing.writeContinue();
    });
    serve(incoming, outgoing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
  return {
    path,
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function showMetrics(outgoing: ServerResponse, { fleet }: Context): Promise<void> {
  try {
    const registry = await fleet?.metrics();
    outgoing.writeHead(registry === undefined ? 404 : 200, { 'content-type': registry?.contentType ?? 'text/plain' });
    outgoing.end(await registry?.metrics());
  } catch {
    outgoing.destroy();
  }
}

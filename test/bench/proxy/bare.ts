/** The bare pass-through everything is held against: hono as router, raw request and response, undici.dispatch, the body buffered once. Reads nothing. */
import { createServer, type ServerResponse } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { Pool } from 'undici';

const pool = new Pool(process.argv[2] ?? '', { connections: 256, pipelining: 1, allowH2: false });
const app = new Hono<{ Bindings: HttpBindings }>();
app.post('/v1/chat/completions', async (c) => {
  const { incoming, outgoing } = c.env;
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  await forward(Buffer.concat(chunks), outgoing);
  return RESPONSE_ALREADY_SENT;
});

function forward(body: Buffer, outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    pool.dispatch(
      { path: '/v1/chat/completions', method: 'POST', headers: { 'content-type': 'application/json' }, body },
      {
        onRequestStart() {},
        onResponseStart(controller, status, headers) {
          outgoing.writeHead(status, { 'content-type': String(headers['content-type']) });
          outgoing.on('close', () => {
            if (!outgoing.writableFinished) controller.abort(new Error('closed'));
          });
        },
        onResponseData(controller, chunk) {
          if (!outgoing.write(chunk)) {
            controller.pause();
            outgoing.once('drain', () => controller.resume());
          }
        },
        onResponseEnd() {
          outgoing.end();
          resolve();
        },
        onResponseError: (_, error) => reject(error),
      },
    );
  });
}

const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
const server = createServer((request, response) => void listener(request, response));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});

/**
 * What the door costs: CPU of the proxy process per request, against bare hono with undici, side by side in one run.
 *
 *     npx node test/bench/door.ts [--rounds 5] [--seconds 1.5]
 *
 * Upstream, proxies and load are processes of their own; only the proxy's CPU (user and system, all threads) is counted. Rounds of all
 * variants alternate and the median is printed: CPU per request is the judge, requests a second depends on neighbours.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { Pool } from 'undici';
import { openCloudDoor } from '../../router/upstreams/door.ts';
import { clearedFor } from '../helpers/cleared.ts';

const VARIANTS = ['bare-dispatch', 'bare-request', 'door-body', 'door-pipe'] as const;
type Variant = (typeof VARIANTS)[number];

const SHAPES = [
  { name: '2 KB, JSON, c=16', prompt: 2_048, stream: false, concurrency: 16 },
  { name: '60 KB, JSON, c=16', prompt: 61_440, stream: false, concurrency: 16 },
  { name: '2 KB, 200 events, c=16', prompt: 2_048, stream: true, concurrency: 16 },
] as const;

const ANSWER = JSON.stringify({
  id: 'chatcmpl-x',
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'x'.repeat(800) }, finish_reason: 'stop' }],
});
const EVENT = `data: ${JSON.stringify({ id: 'chatcmpl-x', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'word ' } }] })}\n\n`;

function serveUpstream(): void {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      if (request.headers.accept !== 'text/event-stream') {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length }).end(ANSWER);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let left = 200;
      const next = (): void => {
        // Ten events a turn of the loop, each its own write: as many packets as a fast model sends.
        for (let count = 0; count < 10 && left > 0; count += 1, left -= 1) response.write(EVENT);
        if (left > 0) setImmediate(next);
        else response.end('data: [DONE]\n\n');
      };
      next();
    });
  });
  server.listen(0, '127.0.0.1', () => report(server.address()));
}

function serveProxy(variant: Variant, upstream: string): void {
  const pool = new Pool(upstream, { allowH2: false, headersTimeout: 0, bodyTimeout: 0 });
  const door = openCloudDoor({
    name: 'cloud',
    url: `${upstream}/v1`,
    connectTimeoutMs: 5_000,
    firstByteTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
    explain: () => 'upstream_rejected',
  });
  const handle: Readonly<Record<Variant, (body: Buffer, accept: string, response: ServerResponse) => void>> = {
    'bare-dispatch': (body, accept, response) => {
      pool.dispatch(
        {
          method: 'POST',
          path: '/v1/chat/completions',
          body,
          headers: ['content-type', 'application/json', 'accept', accept],
        },
        {
          onRequestStart() {},
          onResponseStart(_controller, status, headers) {
            response.writeHead(status, headers as Record<string, string>);
          },
          onResponseData(controller, chunk) {
            if (response.write(chunk)) return;
            controller.pause();
            response.once('drain', () => controller.resume());
          },
          onResponseEnd: () => void response.end(),
          onResponseError: () => void response.destroy(),
        },
      );
    },
    'bare-request': (body, accept, response) => {
      void pool
        .request({
          method: 'POST',
          path: '/v1/chat/completions',
          body,
          headers: ['content-type', 'application/json', 'accept', accept],
        })
        .then((reply) => {
          response.writeHead(reply.statusCode, reply.headers);
          reply.body.pipe(response);
        });
    },
    'door-body': (body, accept, response) => {
      void door
        .sendCleared(
          clearedFor('cloud', undefined, { body: body.toString('utf8'), stream: accept === 'text/event-stream' }),
          { signal: new AbortController().signal },
        )
        .then((reply) => {
          if (reply.kind === 'failed') response.writeHead(502).end();
          else void passOn(reply.body, response.writeHead(200, reply.headers));
        });
    },
    'door-pipe': (body, accept, response) => {
      void door.pipeRaw(
        clearedFor('cloud', undefined, { body: body.toString('utf8'), stream: accept === 'text/event-stream' }),
        response,
        { onHead: (headers) => headers },
      );
    },
  };
  const app = new Hono<{ Bindings: { incoming: IncomingMessage; outgoing: ServerResponse } }>();
  app.post('/v1/chat/completions', (context) => {
    const { incoming, outgoing } = context.env;
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () =>
      handle[variant](
        chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks),
        incoming.headers.accept ?? '',
        outgoing,
      ),
    );
    return RESPONSE_ALREADY_SENT;
  });
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer((request, response) => void listener(request, response));
  process.on('message', () => process.send?.({ cpu: process.cpuUsage(), rss: process.memoryUsage.rss() }));
  server.listen(0, '127.0.0.1', () => report(server.address()));
}

async function passOn(body: AsyncIterable<Buffer>, response: ServerResponse): Promise<void> {
  for await (const chunk of body) if (!response.write(chunk)) await once(response, 'drain');
  response.end();
}

function report(address: ReturnType<ReturnType<typeof createServer>['address']>): void {
  process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 });
}

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
}

async function start(...role: readonly string[]): Promise<Started> {
  const child = fork(fileURLToPath(import.meta.url), role);
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return { child, url: `http://127.0.0.1:${message.port}` };
}

async function cpuOf(proxy: Started): Promise<number> {
  proxy.child.send('cpu');
  const [message] = (await once(proxy.child, 'message')) as [{ cpu: NodeJS.CpuUsage }];
  return message.cpu.user + message.cpu.system;
}

async function load(
  proxy: Started,
  shape: (typeof SHAPES)[number],
  seconds: number,
): Promise<{ readonly cpu: number; readonly rate: number }> {
  const pool = new Pool(proxy.url, { connections: shape.concurrency, allowH2: false });
  const body = JSON.stringify({
    model: 'x',
    stream: shape.stream,
    messages: [{ role: 'user', content: 'a word '.repeat(shape.prompt / 7) }],
  });
  const headers = {
    'content-type': 'application/json',
    accept: shape.stream ? 'text/event-stream' : 'application/json',
  };
  const before = await cpuOf(proxy);
  const began = performance.now();
  let requests = 0;
  await Promise.all(
    Array.from({ length: shape.concurrency }, async () => {
      while (performance.now() - began < seconds * 1_000) {
        const reply = await pool.request({ method: 'POST', path: '/v1/chat/completions', body, headers });
        const length = (await reply.body.arrayBuffer()).byteLength;
        if (reply.statusCode !== 200 || length < 800)
          throw new Error(`bad reply: ${reply.statusCode}, ${length} bytes`);
        requests += 1;
      }
    }),
  );
  const elapsed = performance.now() - began;
  const cpu = (await cpuOf(proxy)) - before;
  await pool.close();
  return { cpu: cpu / requests, rate: (requests / elapsed) * 1_000 };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '1.5' } },
  });
  const upstream = await start('upstream');
  const proxies = await Promise.all(
    VARIANTS.map(async (variant) => ({ variant, started: await start('proxy', variant, upstream.url) })),
  );
  const lines = ['| shape | variant | CPU us/request | requests/s | CPU : bare-dispatch |', '|---|---|---|---|---|'];
  for (const shape of SHAPES) {
    const samples = new Map<Variant, { cpu: number; rate: number }[]>(VARIANTS.map((variant) => [variant, []]));
    for (let round = -1; round < Number(values.rounds); round += 1) {
      for (const { variant, started } of proxies) {
        const sample = await load(started, shape, round < 0 ? 1 : Number(values.seconds));
        // The first round warms the compiler.
        if (round >= 0) samples.get(variant)?.push(sample);
      }
    }
    const cpu = (variant: Variant): number => median((samples.get(variant) ?? []).map((sample) => sample.cpu));
    for (const variant of VARIANTS) {
      const rate = median((samples.get(variant) ?? []).map((sample) => sample.rate));
      lines.push(
        `| ${shape.name} | ${variant} | ${cpu(variant).toFixed(0)} | ${rate.toFixed(0)} | ${(cpu(variant) / cpu('bare-dispatch')).toFixed(2)} |`,
      );
    }
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  for (const { started } of proxies) started.child.kill();
  upstream.child.kill();
}

const [role, ...rest] = process.argv.slice(2);
if (role === 'upstream') serveUpstream();
else if (role === 'proxy') serveProxy(rest[0] as Variant, rest[1] ?? '');
else await main();

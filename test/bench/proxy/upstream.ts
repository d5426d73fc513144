/**
 * A mock of both upstreams in a process of its own: a cloud that speaks chat completions and an Ollama, so that nothing the benchmark sends ends in
 * an error. Answers at once, whole or as a stream of 200 chunks; `"seed":N` in a request paces its stream by N ms. Every chunk says when it was written, in
 * microseconds of the monotonic clock that all processes share: the load generator reads the delay of each. Prints its port.
 */
import { createServer, type Socket } from 'node:net';
import { RequestFrames } from './frames.ts';

const CHUNKS = 200;
const TEXT = 'word '.repeat(160);
const json = (value: unknown, type = 'application/json'): string => {
  const body = JSON.stringify(value);
  return `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
};
const WHOLE = json({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 100, completion_tokens: 160, total_tokens: 260 },
});
const CATALOGUE: Readonly<Record<string, string>> = {
  '/api/version': json({ version: '0.31.2' }),
  '/api/tags': json({
    models: [
      {
        name: 'bench:latest',
        model: 'bench:latest',
        modified_at: '2026-11-01T00:00:00Z',
        size: 1,
        digest: 'd',
        details: {},
      },
    ],
  }),
  '/api/ps': json({ models: [{ name: 'bench:latest', model: 'bench:latest', size: 1, context_length: 131_072 }] }),
  '/api/show': json({
    details: {},
    model_info: { 'general.architecture': 'bench', 'bench.context_length': 131_072 },
    capabilities: ['completion', 'tools'],
  }),
  '/v1/models': json({ object: 'list', data: [{ id: 'bench', object: 'model', created: 1, owned_by: 'bench' }] }),
};
const NATIVE = { model: 'bench:latest', created_at: '2026-11-01T00:00:00Z' };
const DONE = {
  ...NATIVE,
  message: { role: 'assistant', content: '' },
  done: true,
  done_reason: 'stop',
  prompt_eval_count: 100,
  eval_count: 160,
};
const nativeLine = (content: string): string =>
  `${JSON.stringify({ ...NATIVE, message: { role: 'assistant', content }, done: false })}\n`;

const openaiChunk = (delta: object, finish: string | null): string =>
  `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const OPENAI_PIECE = openaiChunk({ content: '%' }, null).split('%') as [string, string];
const USAGE = `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [], usage: { prompt_tokens: 100, completion_tokens: 200, total_tokens: 300 } })}\n\n`;
const NATIVE_PIECE = nativeLine('%').split('%') as [string, string];

const framed = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const now = (): string => String(process.hrtime.bigint() / 1000n);

function stream(socket: Socket, type: string, piece: readonly [string, string], last: string, gapMs: number): void {
  socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`);
  let next = 0;
  const step = (): void => {
    while (next < CHUNKS && !socket.destroyed) {
      next += 1;
      socket.write(framed(`${piece[0]}w @${now()} ${piece[1]}`));
      if (gapMs > 0) {
        setTimeout(step, gapMs);
        return;
      }
    }
    socket.write(`${framed(last)}0\r\n\r\n`);
  };
  step();
}

function answer(socket: Socket, head: string, body: Buffer): void {
  const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/'));
  const tail = body.toString('latin1', Math.max(0, body.length - 400)) + body.toString('latin1', 0, 400);
  const gapMs = Number(/"seed":(\d{1,4})/.exec(tail)?.[1] ?? 0);
  if (path === '/api/chat') {
    // Sluice always asks for a stream; a reply that the client wants whole comes in one piece.
    if (gapMs > 0) stream(socket, 'application/x-ndjson', NATIVE_PIECE, `${JSON.stringify(DONE)}\n`, gapMs);
    else {
      const text = `${nativeLine(TEXT)}${JSON.stringify(DONE)}\n`;
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n${framed(text)}0\r\n\r\n`,
      );
    }
  } else if (path.endsWith('/chat/completions')) {
    if (!tail.includes('"stream":true')) socket.write(WHOLE);
    else
      stream(
        socket,
        'text/event-stream',
        OPENAI_PIECE,
        `${openaiChunk({}, 'stop')}${tail.includes('"include_usage":true') ? USAGE : ''}data: [DONE]\n\n`,
        gapMs,
      );
  } else socket.write(CATALOGUE[path] ?? 'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
}

const server = createServer({ noDelay: true }, (socket) => {
  const frames = new RequestFrames((head, body) => answer(socket, head, body));
  socket.on('data', (chunk: Buffer) => frames.push(chunk));
  socket.on('error', () => socket.destroy());
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});

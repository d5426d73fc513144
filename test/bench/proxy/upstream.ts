/** A mock cloud: answers chat completions at once, whole or as a stream of chunks. Prints its port. `GAP_MS` paces the stream. */
import { createServer } from 'node:http';

const CHUNKS = 200;
const gapMs = Number(process.env['GAP_MS'] ?? 0);
const whole = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: 'word '.repeat(160) }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 100, completion_tokens: 160, total_tokens: 260 },
});
const chunk = (delta: object, finish: string | null): string =>
  `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const pieces = Array.from({ length: CHUNKS }, (_, index) => chunk({ content: `word${index} ` }, null));
const last = `${chunk({}, 'stop')}data: [DONE]\n\n`;

const server = createServer((request, response) => {
  let stream = false;
  request.on('data', (bytes: Buffer) => {
    stream ||= bytes.includes('"stream":true');
  });
  request.on('end', () => {
    if (!stream) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(whole) });
      response.end(whole);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let next = 0;
    const step = (): void => {
      while (next < pieces.length) {
        response.write(pieces[next]);
        next += 1;
        if (gapMs > 0) {
          setTimeout(step, gapMs);
          return;
        }
      }
      response.end(last);
    };
    step();
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});

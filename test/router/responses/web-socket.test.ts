/** /v1/responses over a WebSocket: the same pipeline, the same refusals, and a memory of its own for what must not be kept. */
import { once } from 'node:events';
import { request } from 'node:http';
import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { CARD, COMPLEX, startSluice, type TestSluice, type TestSluiceOptions } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
const sockets: WebSocket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await sluice?.close();
  sluice = undefined;
});
async function start(options: TestSluiceOptions): Promise<TestSluice> {
  sluice = await startSluice(options);
  return sluice;
}
type Event = Readonly<Record<string, unknown>> & { readonly type: string };
interface Wire {
  readonly socket: WebSocket;
  say(body: object | string): void;
  /** Events up to and with the one that ends an answer. */
  answer(stream?: string): Promise<readonly Event[]>;
}

async function connect(running: TestSluice, headers: Readonly<Record<string, string>> = {}): Promise<Wire> {
  const socket = new WebSocket(`${running.url.replace('http', 'ws')}/v1/responses`, { headers });
  sockets.push(socket);
  const events: Event[] = [];
  const waiting: (() => void)[] = [];
  const woken = (): void => waiting.splice(0).forEach((wake) => wake());
  socket.on('message', (data: Buffer) => {
    events.push(JSON.parse(data.toString()) as Event);
    woken();
  });
  socket.on('close', () => woken());
  await once(socket, 'open');
  return {
    socket,
    say: (body) =>
      socket.send(
        typeof body === 'string' ? body : JSON.stringify({ type: 'response.create', model: 'auto', ...body }),
      ),
    async answer(stream) {
      const out: Event[] = [];
      for (;;) {
        const at = events.findIndex((event) => stream === undefined || event['stream_id'] === stream);
        const event = at === -1 ? undefined : events.splice(at, 1)[0];
        if (event !== undefined) {
          out.push(event);
          if (/^(error|response\.(completed|incomplete|failed))$/.test(event.type)) return out;
          continue;
        }
        if (socket.readyState === WebSocket.CLOSED) throw new Error('closed before the answer ended');
        await new Promise<void>((resolve) => void waiting.push(resolve));
      }
    },
  };
}
const textOf = (events: readonly Event[]): string =>
  events.map((event) => (event.type === 'response.output_text.delta' ? String(event['delta']) : '')).join('');
const lastOf = (events: readonly Event[]): Event => events.at(-1) as Event;
const responseOf = (events: readonly Event[]): Event => lastOf(events)['response'] as Event;
const errorOf = (events: readonly Event[]): unknown => (lastOf(events)['error'] as Event | undefined)?.['code'];

describe('a WebSocket of /v1/responses', () => {
  it('answers turn after turn, masked for the cloud and restored for the client', async () => {
    const running = await start({
      cloud: {
        reply: ({ body }) => ({
          text: `the card is ${/\[\[CREDIT_CARD_[a-z]+\]\]/.exec(body)?.[0] ?? 'unknown'}, done`,
        }),
      },
    });
    const wire = await connect(running);
    for (let turn = 0; turn < 2; turn += 1) {
      wire.say({ input: `${COMPLEX} Pay with ${CARD}.` });
      const events = await wire.answer();
      expect(events.map((event) => event['sequence_number'])).toEqual(events.map((_, index) => index));
      expect(events[0]?.type).toBe('response.created');
      expect(textOf(events)).toBe(`the card is ${CARD}, done`);
    }
    expect(leaksIn(canaryOf(CARD), running.sentToCloud())).toEqual([]);
    const logged = running
      .logged()
      .split('\n')
      .filter((line) => line.includes('"event":"request"'));
    expect(logged.map((line) => (JSON.parse(line) as { route: string }).route)).toEqual([
      'cloud-masked',
      'cloud-masked',
    ]);
  });

  it('goes on from a reply that is not kept, on this connection alone', async () => {
    const running = await start({ cloud: { replies: [{ text: 'noted' }] } });
    const wire = await connect(running);
    wire.say({ store: false, input: `${COMPLEX} The word is cobalt.` });
    const first = responseOf(await wire.answer())['id'];
    wire.say({ store: false, previous_response_id: first, input: 'Which word?' });
    expect(lastOf(await wire.answer()).type).toBe('response.completed');
    expect(running.cloud.requests.at(-1)?.body).toContain('cobalt');
    expect((await fetch(`${running.url}/v1/responses/${String(first)}`)).status).toBe(404);
    const other = await connect(running);
    other.say({ store: false, previous_response_id: first, input: 'Which word?' });
    expect(errorOf(await other.answer())).toBe('previous_response_not_found');
  });

  it('does not go on from what a turn failed on', async () => {
    const running = await start({ cloud: { replies: [{ text: 'noted' }] } });
    const wire = await connect(running);
    wire.say({ store: false, input: COMPLEX });
    const first = responseOf(await wire.answer())['id'];
    wire.say({
      store: false,
      previous_response_id: first,
      input: [{ type: 'function_call_output', call_id: 'call_nobody_made', output: 'x' }],
    });
    const failed = await wire.answer();
    expect([lastOf(failed)['status'], errorOf(failed)]).toEqual([400, 'tool_call_not_found']);
    wire.say({ store: false, previous_response_id: first, input: 'again' });
    expect(errorOf(await wire.answer())).toBe('previous_response_not_found');
  });

  it('keeps the label of what it goes on from', async () => {
    const running = await start({ local: { reply: () => ({ text: 'noted' }) } });
    const wire = await connect(running);
    wire.say({ store: false, input: `my card ${CARD}` });
    const first = responseOf(await wire.answer())['id'];
    wire.say({ store: false, previous_response_id: first, input: COMPLEX });
    await wire.answer();
    expect(leaksIn(canaryOf(CARD), running.sentToCloud())).toEqual([]);
    const logged = running
      .logged()
      .split('\n')
      .filter((line) => line.includes('"event":"request"'));
    expect(logged.map((line) => (JSON.parse(line) as { label: string }).label)).not.toContain('public');
  });

  it('prepares a turn without asking a model', async () => {
    const running = await start({ cloud: { replies: [{ text: 'noted' }] } });
    const wire = await connect(running);
    wire.say({ store: false, generate: false, input: `${COMPLEX} The word is cobalt.` });
    const prepared = responseOf(await wire.answer());
    expect([prepared['status'], prepared['output']]).toEqual(['completed', []]);
    expect(running.cloud.requests).toEqual([]);
    wire.say({ store: false, previous_response_id: prepared['id'], input: 'Go on.' });
    expect(lastOf(await wire.answer()).type).toBe('response.completed');
    expect(running.cloud.requests.at(-1)?.body).toContain('cobalt');
  });

  it('keeps streams of one connection apart, and names each', async () => {
    const running = await start({ cloud: { reply: ({ body }) => ({ text: body.includes('first') ? 'one' : 'two' }) } });
    const wire = await connect(running);
    wire.say({ stream_id: 'a', input: `${COMPLEX} first` });
    wire.say({ stream_id: 'b', input: `${COMPLEX} second` });
    const [a, b] = await Promise.all([wire.answer('a'), wire.answer('b')]);
    expect([textOf(a), textOf(b)]).toEqual(['one', 'two']);
    expect([...a, ...b].every((event) => typeof event['stream_id'] === 'string')).toBe(true);
  });

  it.each([
    ['no JSON', '{"type":"response.create",', 400, 'invalid_json'],
    ['a key twice', '{"type":"response.create","input":"a","input":"b"}', 400, 'duplicate_key'],
    ['another message', '{"type":"response.steer","input":"a"}', 400, 'unsupported_value'],
    ['a background', '{"type":"response.create","input":"a","background":true}', 400, 'background_unsupported'],
    ['no input', '{"type":"response.create"}', 400, 'missing_field'],
  ])('refuses %s as HTTP does, and stays open', async (_, message, status, code) => {
    const running = await start({ cloud: { replies: [{ text: 'ok' }] } });
    const wire = await connect(running);
    wire.say(message);
    const refused = await wire.answer();
    expect(lastOf(refused)).toMatchObject({ type: 'error', status, error: { code } });
    wire.say({ input: COMPLEX });
    expect(textOf(await wire.answer())).toBe('ok');
  });

  it('tells a refusal by policy in a way that agents do not try again', async () => {
    const running = await start({ config: 'policy: { unknown: refuse }' });
    const wire = await connect(running);
    wire.say({
      input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }] }],
    });
    expect(lastOf(await wire.answer())).toMatchObject({
      type: 'error',
      status: 400,
      error: { code: 'refused_unknown_content' },
    });
  });

  it('ends a broken stream visibly', async () => {
    const running = await start({ cloud: { replies: ['truncated'] }, config: 'policy: { onCloudFailure: error }' });
    const wire = await connect(running);
    wire.say({ input: COMPLEX });
    expect(lastOf(await wire.answer()).type).toBe('response.failed');
  });

  it('stops the upstream when its client goes away', async () => {
    const running = await start({ cloud: { replies: ['hang-mid-stream'] } });
    const wire = await connect(running);
    wire.say({ input: COMPLEX });
    await expect.poll(() => running.cloud.requests.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    wire.socket.terminate();
    await expect.poll(() => running.cloud.requests[0]?.aborted).toBe(true);
  });

  it('lets in nobody whom HTTP would not: no key, a stranger’s page, another host', async () => {
    const running = await start({ config: 'access: { open: never }' });
    const status = (headers: Readonly<Record<string, string>>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const upgrade = {
          connection: 'upgrade',
          upgrade: 'websocket',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
          'sec-websocket-version': '13',
          ...headers,
        };
        const asked = request(`${running.url}/v1/responses`, { headers: upgrade }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        asked.on('upgrade', (answer, socket) => {
          socket.destroy();
          resolve(answer.statusCode);
        });
        asked.on('error', reject).end();
      });
    expect(await status({})).toBe(401);
    expect(await status({ authorization: 'Bearer slc_nobody' })).toBe(401);
    expect(await status({ origin: 'https://evil.example' })).toBe(403);
    expect(await status({ host: 'evil.example' })).toBe(403);
  });

  it('passes over a wish to upgrade anything else', async () => {
    const running = await start({ cloud: { replies: [{ text: 'ok' }] } });
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { connection: 'upgrade', upgrade: 'websocket', 'content-type': 'application/json' };
      request(`${running.url}/v1/models`, { headers }, (reply) => {
        reply.resume();
        resolve(reply.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(answer).toBe(200);
  });

  it('refuses bytes and too much of them', async () => {
    const running = await start({ config: 'listen: { maxBodyBytes: 20000 }' });
    const bytes = await connect(running);
    bytes.socket.send(Buffer.from('x'));
    expect((await once(bytes.socket, 'close'))[0]).toBe(1003);
    const large = await connect(running);
    large.socket.on('error', () => undefined);
    large.say({ input: 'x'.repeat(30_000) });
    await once(large.socket, 'close');
    expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
  });

  it('closes when the server does', async () => {
    const running = await start({});
    const wire = await connect(running);
    const closed = once(wire.socket, 'close');
    await running.close();
    sluice = undefined;
    expect((await closed)[0]).toBe(1001);
  });

  it('works with the official client', async () => {
    const running = await start({ cloud: { replies: [{ text: 'hello there' }] } });
    const client = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'not-a-key' });
    const ws = new ResponsesWS(client);
    const done = new Promise<string>((resolve, reject) => {
      let text = '';
      ws.on('event', (event) => {
        if (event.type === 'response.output_text.delta') text += event.delta;
        if (event.type === 'response.completed') resolve(text);
      });
      ws.on('error', reject);
    });
    ws.send({ type: 'response.create', model: 'auto', input: COMPLEX });
    expect(await done).toBe('hello there');
    ws.close();
  });
});

/** What a whole request costs, counted: values parsed, questions to the store, hashes, writes to the client per chunk of the upstream. Time is for the benchmark. */
import type * as Crypto from 'node:crypto';
import { ServerResponse } from 'node:http';
import { StatementSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Parser } from '../../../router/json/parser.ts';
import { createPassthroughGuard } from '../../../router/protocols/openai-chat-passthrough.ts';
import { startSluice, type TestSluice } from '../../helpers/sluice.ts';

const counted = vi.hoisted(() => ({ hashes: 0, hashedChars: 0, hmacs: 0 }));
vi.mock('node:crypto', async (original) => {
  const real = await original<typeof Crypto>();
  return {
    ...real,
    hash: (...given: Parameters<typeof real.hash>) => {
      counted.hashes += 1;
      counted.hashedChars += typeof given[1] === 'string' ? given[1].length : 0;
      return real.hash(...given);
    },
    createHmac: (...given: Parameters<typeof real.createHmac>) => {
      counted.hmacs += 1;
      return real.createHmac(...given);
    },
  };
});

const PIECES = Array.from({ length: 60 }, (_, index) => `piece ${index} `);
/** Apart, so that each is a packet of its own. */
const GAP_MS = 4;
const LONG = 'The report says where the two tables differ, and in which of their columns nothing can be compared. ';
const HISTORY = Array.from({ length: 20 }, (_, index) => ({
  role: index % 2 === 0 ? 'user' : 'assistant',
  content: `Turn ${index}. ${LONG.repeat(20)}`,
}));
const TOOLS = Array.from({ length: 12 }, (_, index) => ({
  type: 'function',
  function: {
    name: `tool_${index}`,
    description: LONG,
    parameters: { type: 'object', properties: { a: { type: 'string' } } },
  },
}));
const bodyOf = (newest: string) => ({
  model: 'auto',
  messages: [...HISTORY, { role: 'user', content: newest }],
  tools: TOOLS,
  stream: true,
});

let sluice: TestSluice;
const count = { values: 0, queries: 0, writes: 0 };

beforeAll(async () => {
  sluice = await startSluice({
    cloud: { replies: [{ pieces: PIECES, gapMs: GAP_MS }] },
    config: 'policy: { clean: { simple: cloud } }',
  });
  const value = Parser.prototype.value;
  vi.spyOn(Parser.prototype, 'value').mockImplementation(function counting(this: Parser, ...given) {
    count.values += 1;
    return value.apply(this, given);
  });
  for (const name of ['all', 'get', 'run'] as const) {
    const real = StatementSync.prototype[name] as (...given: unknown[]) => never;
    vi.spyOn(StatementSync.prototype, name).mockImplementation(function counting(
      this: StatementSync,
      ...given: unknown[]
    ) {
      count.queries += 1;
      return real.apply(this, given);
    } as never);
  }
  for (const name of ['write', 'end'] as const) {
    const real = ServerResponse.prototype[name] as (...given: unknown[]) => never;
    vi.spyOn(ServerResponse.prototype, name).mockImplementation(function counting(
      this: ServerResponse,
      ...given: unknown[]
    ) {
      // Of replies only: the fakes write to bare sockets.
      if (given[0] !== undefined && typeof given[0] !== 'function') count.writes += 1;
      return real.apply(this, given);
    } as never);
  }
  await (await sluice.ask(bodyOf('First of all.'))).text();
});
afterAll(async () => {
  vi.restoreAllMocks();
  await sluice.close();
});
beforeEach(() => {
  Object.assign(count, { values: 0, queries: 0, writes: 0 });
  Object.assign(counted, { hashes: 0, hashedChars: 0, hmacs: 0 });
});

async function turn(newest: string): Promise<string> {
  const response = await sluice.ask(bodyOf(newest));
  expect(response.headers.get('x-sluice-route')).toBe('cloud');
  return response.text();
}

describe('a turn whose prefix was seen', () => {
  it('parses the new message, the short members of the root and nothing else', async () => {
    await turn('And what of the third one?');
    // model, stream, the new message with its two strings, and the two messages before it for the seam.
    expect(count.values).toBeLessThanOrEqual(2 + 3 + 2 * 3);
  });

  it('hashes every part of the body twice, for what is remembered and at the door, and its own words twice more', async () => {
    await turn('And what of the fourth one?');
    const size = JSON.stringify(bodyOf('And what of the fourth one?')).length;
    expect(counted.hashedChars).toBeLessThan(2.5 * size);
    // Per message: one to know it, one at the door, two for the chain.
    expect(counted.hashes).toBeLessThanOrEqual(4 * (HISTORY.length + 1) + TOOLS.length + 20);
    // The audit's, of what was sent.
    expect(counted.hmacs).toBeLessThanOrEqual(1);
  });

  it('asks the store three questions, however long the history is, and writes for many requests together', async () => {
    const requests = 20;
    await Promise.all(Array.from({ length: requests }, (_, index) => turn(`And what of number ${index}?`)));
    // Whose key, which marks, which band; what is written goes in batches.
    expect(count.queries).toBeLessThanOrEqual(3 * requests + requests);
  });
});

describe('a body of /v1/responses', () => {
  it('is parsed once, whole', async () => {
    const body = {
      model: 'auto',
      store: false,
      input: [...HISTORY, { role: 'user', content: 'And what of the fifth one?' }],
    };
    const reply = await sluice.ask(body, {}, '/v1/responses');
    expect(reply.status).toBe(200);
    await reply.text();
    const values = 3 + body.input.length * 3;
    expect(count.values).toBeGreaterThan(values / 2);
    expect(count.values).toBeLessThan(1.5 * values);
  });
});

describe('a stream that passes through', () => {
  it('is written as often as the upstream wrote, and comes whole', async () => {
    const text = await turn('And what of the sixth one?');
    expect(PIECES.every((piece) => text.includes(JSON.stringify(piece).slice(1, -1)))).toBe(true);
    // The opening and closing events of the fake come with others or alone.
    expect(count.writes).toBeLessThanOrEqual(PIECES.length + 6);
    expect(count.writes).toBeGreaterThan(PIECES.length / 4);
  });

  it('is parsed once, for its usage, and gives back the very bytes it was given', () => {
    const parse = vi.spyOn(JSON, 'parse');
    const guard = createPassthroughGuard();
    const event = Buffer.from(
      'data: {"id":"c","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n',
    );
    for (let index = 0; index < 200; index += 1) expect(guard.push(event)).toBe(event);
    expect(parse).not.toHaveBeenCalled();
    guard.push(Buffer.from('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'));
    guard.push(
      Buffer.from('data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n'),
    );
    expect(guard.finish('{}')).toMatchObject({ complete: true, usage: { inputTokens: 1, outputTokens: 2 } });
    expect(parse).toHaveBeenCalledTimes(1);
    parse.mockRestore();
  });
});

import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import type { ChatRequest, ReplyEvent } from '../../../router/chat.ts';
import type { Cleared } from '../../../router/clearance.ts';
import { toToken } from '../../../router/masking/placeholder.ts';
import { readOpenAIChatBody, readOpenAIChatStream } from '../../../router/protocols/openai-chat-reader.ts';
import { createCloudStandIn, createLocalStandIn } from '../../../router/upstreams/stand-in.ts';
import { chatRequest, message } from '../../helpers/chat-request.ts';
import { clearedFor } from '../../helpers/cleared.ts';

const PACE = { pieceMs: 0 };
const config = (name: string) =>
  ({
    kind: 'stand-in',
    name,
    sees: 'public',
    model: `stand-in-${name}`,
    connectTimeoutMs: 1,
    firstByteTimeoutMs: 1,
    idleTimeoutMs: 1,
  }) as const;
const local = createLocalStandIn(config('local'), PACE);
const cloud = createCloudStandIn(config('cloud'), PACE);
const never = (): AbortSignal => new AbortController().signal;

async function collect(events: AsyncIterable<ReplyEvent>): Promise<readonly ReplyEvent[]> {
  const all: ReplyEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const askLocal = (chat: ChatRequest): Promise<readonly ReplyEvent[]> =>
  collect(local.send(chat, { model: '', signal: never() }));

async function askCloud(body: {
  readonly stream?: boolean;
  readonly [field: string]: unknown;
}): Promise<readonly ReplyEvent[]> {
  const reply = await cloud.send(clearedFor('cloud', body), { signal: never() });
  if (reply.kind === 'failed') throw new Error(reply.failure.code);
  return collect(
    body.stream === true ? readOpenAIChatStream(reply.body, 'cloud') : readOpenAIChatBody(reply.body, 'cloud'),
  );
}

const textIn = (events: readonly ReplyEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');
const callIn = (events: readonly ReplyEvent[]): readonly [string, string] | undefined => {
  const opened = events.find((event) => event.kind === 'tool-call');
  return opened === undefined
    ? undefined
    : [opened.name, events.map((event) => (event.kind === 'tool-arguments' ? event.text : '')).join('')];
};

const EXEC = {
  name: 'exec',
  description: '',
  parameters: {
    type: 'object',
    properties: { command: { type: 'string' }, timeout: { type: 'number' } },
    required: ['command'],
  },
};
const PYTHON = {
  name: 'python',
  description: '',
  parameters: { type: 'object', properties: { code: { type: 'string' } } },
};
const SHELL = {
  name: 'shell',
  description: '',
  parameters: { type: 'object', properties: { command: { type: 'array', items: { type: 'string' } } } },
};

describe('the label comes first in every answer', () => {
  const chats: readonly (readonly [string, ChatRequest])[] = [
    ['plain', chatRequest({ text: 'Hello' })],
    ['no text at all', chatRequest({ messages: [message('user', '')] })],
    ['cut to one token', chatRequest({ sampling: { maxTokens: 1 } })],
    [
      'a tool result',
      chatRequest({
        messages: [
          message('user', 'run: ls'),
          message('assistant', '', { toolCalls: [{ id: 'a', name: 'exec', arguments: '{}' }] }),
          message('tool', 'a.txt', { toolCallId: 'a' }),
        ],
      }),
    ],
    ['asked to run without tools', chatRequest({ text: 'run: ls' })],
  ];
  it.each(chats)('%s', async (_name, chat) => {
    expect(textIn(await askLocal(chat))).toMatch(/^\[stand-in local model\]/);
    const messages = chat.messages.map((each) => ({
      role: each.role,
      content: each.content.map((part) => (part.kind === 'text' ? part.text : '')).join(''),
    }));
    for (const stream of [true, false])
      expect(textIn(await askCloud({ model: 'x', stream, messages, max_tokens: chat.sampling.maxTokens }))).toMatch(
        /^\[stand-in cloud model\]/,
      );
  });

  it('inside JSON where JSON was asked for', async () => {
    expect(JSON.parse(textIn(await askLocal(chatRequest({ responseFormat: { kind: 'json' } }))))).toMatchObject({
      model: '[stand-in local model]',
    });
  });
});

describe('what it says', () => {
  it('is what reached it', async () => {
    const text = textIn(
      await askLocal(
        chatRequest({
          messages: [message('system', 'Be kind.'), message('user', 'My card is 4111 1111 1111 1111')],
          tools: [EXEC],
        }),
      ),
    );
    expect(text).toContain('2 messages, 38 characters, 1 tool.');
    expect(text).toContain('I was given: "My card is 4111 1111 1111 1111"');
  });

  it('repeats the placeholders it was given, each once and whole', async () => {
    const token = toToken('EMAIL_ADDRESS', Buffer.alloc(32, 7));
    const text = textIn(
      await askCloud({
        model: 'x',
        stream: true,
        messages: [
          { role: 'user', content: [{ type: 'text', text: `${'long '.repeat(46)}write to ${token} and ${token}` }] },
        ],
      }),
    );
    expect(text).toContain(
      `Where you read ${token} I was shown only a placeholder: ${token.slice(2, -2)}, in double brackets.`,
    );
    // Whole or absent: a cut one could not be restored.
    expect(text.split('[[').length).toBe(text.split(token).length);
  });

  it('is the same for the same question', async () => {
    expect(textIn(await askLocal(chatRequest({ text: 'Same?' })))).toBe(
      textIn(await askLocal(chatRequest({ text: 'Same?' }))),
    );
  });

  it('is cut where the client set a limit, and says so', async () => {
    expect(
      (await askLocal(chatRequest({ sampling: { maxTokens: 10 } }))).find((event) => event.kind === 'finish'),
    ).toMatchObject({ reason: 'length' });
  });
});

describe('tool calls on request', () => {
  const rows: readonly (readonly [
    string,
    readonly (typeof EXEC | typeof PYTHON | typeof SHELL)[],
    readonly [string, object] | undefined,
  ])[] = [
    ['run: ls -la /workspace', [PYTHON, EXEC], ['exec', { command: 'ls -la /workspace' }]],
    ['exec: uname -a', [EXEC], ['exec', { command: 'uname -a' }]],
    ['python: print(1)\nprint(2)', [EXEC, PYTHON], ['python', { code: 'print(1)\nprint(2)' }]],
    ['exec: {"command":"ls","timeout":3}', [EXEC], ['exec', { command: 'ls', timeout: 3 }]],
    ['Could you run `id` for me?', [EXEC], ['exec', { command: 'id' }]],
    ['please execute whoami', [EXEC], ['exec', { command: 'whoami' }]],
    ['What files are here?', [EXEC], ['exec', { command: 'ls -la' }]],
    ['run: ls', [SHELL], ['shell', { command: ['sh', '-c', 'ls'] }]],
    ['run: ls', [PYTHON], ['python', { code: 'ls' }]],
    ['run: ls', [], undefined],
    ['Question: who are you?', [EXEC], undefined],
    ['Tell me about runs of files', [EXEC], undefined],
  ];
  it.each(rows)('%j', async (text, tools, expected) => {
    const here = callIn(await askLocal(chatRequest({ text, tools })));
    const wire = tools.map(({ name, parameters }) => ({ type: 'function', function: { name, parameters } }));
    const streamed = callIn(
      await askCloud({ model: 'x', stream: true, messages: [{ role: 'user', content: text }], tools: wire }),
    );
    const whole = callIn(await askCloud({ model: 'x', messages: [{ role: 'user', content: text }], tools: wire }));
    const read = (call: readonly [string, string] | undefined): unknown =>
      call === undefined ? undefined : [call[0], JSON.parse(call[1])];
    expect([here, streamed, whole].map(read)).toEqual([expected, expected, expected]);
  });

  it('none when the client said none', async () => {
    expect(
      callIn(await askLocal(chatRequest({ text: 'run: ls', tools: [EXEC], toolChoice: { kind: 'none' } }))),
    ).toBeUndefined();
  });

  it('the one the client named', async () => {
    expect(
      callIn(
        await askLocal(
          chatRequest({ text: 'hello', tools: [EXEC, PYTHON], toolChoice: { kind: 'tool', name: 'python' } }),
        ),
      )?.[0],
    ).toBe('python');
  });

  it('and the result is reported, with no second call', async () => {
    const messages = [
      message('user', 'run: ls'),
      message('assistant', '', { toolCalls: [{ id: 'call_1', name: 'exec', arguments: '{"command":"ls"}' }] }),
      message('tool', 'a.txt\nb.txt', { toolCallId: 'call_1' }),
    ];
    const events = await askLocal(chatRequest({ messages, tools: [EXEC] }));
    expect(textIn(events)).toBe('[stand-in local model] The tool `exec` answered:\na.txt\nb.txt');
    expect(events.find((event) => event.kind === 'finish')).toMatchObject({ reason: 'stop' });
  });
});

describe('the cloud stand-in is as strict as the door', () => {
  it('takes nothing that clear() did not make', async () => {
    await expect(
      cloud.send({ ...clearedFor('cloud', { model: 'x', messages: [] }) } as Cleared, { signal: never() }),
    ).rejects.toMatchObject({ code: 'not_cleared' });
  });

  it('takes nothing cleared for another', async () => {
    await expect(
      cloud.send(clearedFor('elsewhere', { model: 'x', messages: [] }), { signal: never() }),
    ).rejects.toMatchObject({ code: 'wrong_upstream' });
  });
});

describe('abort', () => {
  it('ends the local answer with an error', async () => {
    const controller = new AbortController();
    const events: ReplyEvent[] = [];
    for await (const event of local.send(chatRequest(), { model: '', signal: controller.signal })) {
      events.push(event);
      controller.abort();
    }
    expect(events.at(-1)).toMatchObject({ kind: 'error', failure: { code: 'aborted' } });
  });

  it('ends the cloud answer without its terminator', async () => {
    const controller = new AbortController();
    const slow = createCloudStandIn(config('cloud'), { pieceMs: 1_000 });
    const reply = await slow.send(clearedFor('cloud', { model: 'x', stream: true, messages: [] }), {
      signal: controller.signal,
    });
    if (reply.kind === 'failed') throw new Error(reply.failure.code);
    controller.abort();
    expect((await collect(readOpenAIChatStream(reply.body, 'cloud'))).at(-1)).toMatchObject({
      kind: 'error',
      failure: { code: 'aborted' },
    });
  });
});

it('the official client reads its bytes, streamed, whole and in several choices', async () => {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const reply = await cloud.send(clearedFor('cloud', JSON.parse(Buffer.concat(chunks).toString())), {
        signal: never(),
      });
      if (reply.kind === 'failed') throw new Error(reply.failure.code);
      response.writeHead(200, reply.headers);
      // The client leaves at [DONE], which may be before the end of the body.
      await pipeline(reply.body, response).catch(() => {});
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  try {
    const client = new OpenAI({
      baseURL: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
      apiKey: 'unused',
      maxRetries: 0,
    });
    const messages = [{ role: 'user', content: 'Hello' }] as const;
    const whole = await client.chat.completions.create({ model: 'x', n: 2, messages: [...messages] });
    expect(whole.choices.map((choice) => choice.finish_reason)).toEqual(['stop', 'stop']);
    const stream = client.chat.completions.stream({
      model: 'x',
      messages: [...messages],
      stream_options: { include_usage: true },
    });
    expect(await stream.finalContent()).toBe(whole.choices[0]?.message.content);
    expect((await stream.totalUsage()).total_tokens).toBeGreaterThan(0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

import { afterEach, describe, expect, it } from 'vitest';
import type { RecordedRequest } from '../../helpers/rude-server.ts';
import {
  CARD,
  COMPLEX,
  recordingExecutor,
  say,
  spoken,
  startSluice,
  type TestSluice,
  type TestSluiceOptions,
} from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
async function start(options: TestSluiceOptions): Promise<TestSluice> {
  sluice = await startSluice(options);
  return sluice;
}
const OFFER = 'tools: { offer: [exec] }';
const call = (name: string, argument: unknown, id?: string) => ({
  toolCalls: [{ name, arguments: argument, ...(id === undefined ? {} : { id }) }],
});
const WEATHER = {
  type: 'function',
  function: { name: 'weather', description: 'tells the weather', parameters: { type: 'object', properties: {} } },
};
interface Message {
  readonly role: string;
  readonly content: string | null;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly tool_call_id?: string;
}
const messagesOf = (request: RecordedRequest | undefined): readonly Message[] =>
  (JSON.parse(request?.body ?? '{}') as { messages: readonly Message[] }).messages;
interface Reply {
  readonly choices: readonly { readonly message: Message; readonly finish_reason: string }[];
}

describe('counting', () => {
  it.each([
    ['/v1/messages/count_tokens', { model: 'auto', messages: [{ role: 'user', content: 'hi' }] }],
    ['/v1/responses/input_tokens', { model: 'auto', input: 'hi' }],
  ])('%s counts the tools Sluice would add', async (path, body) => {
    const executor = recordingExecutor(() => '');
    const counts: number[] = [];
    for (const config of ['tools: { offer: [] }', OFFER]) {
      const running = await startSluice({ config, sandbox: executor });
      const reply = await running.ask(body, {}, path);
      counts.push(((await reply.json()) as { input_tokens: number }).input_tokens);
      await running.close();
    }
    const [bare = 0, offered = 0] = counts;
    expect(offered).toBeGreaterThan(bare + 20);
  });
});

describe('the tool loop', () => {
  it('runs a bundled tool, gives the model its result with a receipt, and hides the call from the client', async () => {
    const executor = recordingExecutor(() => 'uid=65534');
    const { ask, cloud } = await start({
      config: OFFER,
      sandbox: executor,
      cloud: { replies: [call('exec', { command: 'id' }), { text: 'You are nobody.' }] },
    });
    for (const stream of [false, true]) {
      const response = await ask(say(COMPLEX, { stream }));
      const text = await response.text();
      expect(spoken(text)).toBe('You are nobody.');
      expect(text).not.toContain('exec');
    }
    expect(executor.requests[0]).toMatchObject({ tool: 'exec', principal: 'local', label: 'public' });
    expect(JSON.parse(executor.requests[0]?.arguments ?? '')).toEqual({ command: 'id' });
    const second = messagesOf(cloud.requests[1]);
    expect(second.at(-2)?.tool_calls?.[0]?.function.name).toBe('exec');
    expect(second.at(-1)).toMatchObject({
      role: 'tool',
      content: expect.stringMatching(/^uid=65534\n\[sandbox bubblewrap, policy d{12}, proved \d+ s ago\]$/),
    });
  });

  it('moves the conversation inside when a tool reads something sensitive, before the result is sent anywhere', async () => {
    const executor = recordingExecutor(() => `card on file: ${CARD}`);
    const { ask, cloud, local, logged, sentToCloud } = await start({
      config: `${OFFER}\npolicy: { masking: "off" }`,
      sandbox: executor,
      cloud: { replies: [call('exec', { command: 'cat customer' })] },
      local: { replies: [{ text: 'answered at home' }] },
    });
    const response = await ask(say(COMPLEX));
    expect(((await response.json()) as Reply).choices[0]?.message.content).toBe('answered at home');
    expect(cloud.requests.length).toBe(1);
    expect(sentToCloud()).not.toContain('4539');
    expect(JSON.stringify(local.chats())).toContain('4539 5787 6362 1486');
    expect(logged()).not.toContain('4539');
    expect(logged()).toContain('"label":"confidential"');
  });

  it('returns a tool only the client declared, and keeps what ran here for the next request', async () => {
    const executor = recordingExecutor(() => 'listing');
    const both = {
      toolCalls: [
        { name: 'exec', arguments: { command: 'ls' }, id: 'call_own' },
        { name: 'weather', arguments: { at: 'home' }, id: 'call_theirs' },
      ],
    };
    const { ask, cloud } = await start({
      config: OFFER,
      sandbox: executor,
      cloud: { replies: [both, { text: 'done' }] },
    });
    const body = { model: 'auto', messages: [{ role: 'user', content: COMPLEX }], tools: [WEATHER] };
    const reply = (await (await ask(body)).json()) as Reply;
    const { message, finish_reason: finish } = reply.choices[0] ?? {};
    expect(finish).toBe('tool_calls');
    expect(message?.tool_calls?.map((each) => each.function.name)).toEqual(['weather']);
    expect(executor.requests.length).toBe(1);
    const id = message?.tool_calls?.[0]?.id ?? '';
    await (
      await ask({
        ...body,
        messages: [...body.messages, message, { role: 'tool', tool_call_id: id.replace('_', ''), content: 'sunny' }],
      })
    ).text();
    const sent = messagesOf(cloud.requests[1]);
    expect(sent.map((each) => each.role)).toEqual(['user', 'assistant', 'tool', 'assistant', 'tool']);
    expect(sent.at(-1)?.content).toMatch(/^listing/);
    expect(executor.requests.length).toBe(1);
  });

  it('leaves the client’s own tools alone when nothing is offered: the bytes pass through', async () => {
    const executor = recordingExecutor(() => 'never');
    const { ask } = await start({ sandbox: executor, cloud: { replies: [call('weather', { at: 'home' }, 'call_1')] } });
    const reply = (await (await ask({ ...say(COMPLEX), tools: [WEATHER] })).json()) as Reply;
    expect(reply.choices[0]?.message.tool_calls?.[0]?.id).toBe('call_1');
    expect(executor.requests).toEqual([]);
  });

  it.each([
    [
      'a tool a rule denies',
      'tools: { offer: [exec], rules: [{ match: "wea*", action: deny }] }',
      'weather',
      /denied-by-policy/,
    ],
    ['a tool nobody declared', OFFER, 'rm_everything', /unknown-tool/],
  ])('answers %s with the reason and runs nothing', async (_, config, name, expected) => {
    const executor = recordingExecutor(() => 'never');
    const { ask, cloud } = await start({
      config,
      sandbox: executor,
      cloud: { replies: [call(name, {}), { text: 'fine' }] },
    });
    const reply = (await (await ask({ ...say(COMPLEX), tools: [WEATHER] })).json()) as Reply;
    expect(reply.choices[0]?.message.content).toBe('fine');
    expect(messagesOf(cloud.requests[1]).at(-1)?.content).toMatch(expected);
    expect(executor.requests).toEqual([]);
  });

  it('runs a tool of the client’s by rule, under the bundled tool’s name', async () => {
    const executor = recordingExecutor(() => 'ran');
    const { ask } = await start({
      config: 'tools: { rules: [{ match: "bash", action: sandbox, as: exec }] }',
      sandbox: executor,
      cloud: { replies: [call('bash', { command: 'id' }), { text: 'ok' }] },
    });
    await (
      await ask({ ...say(COMPLEX), tools: [{ ...WEATHER, function: { ...WEATHER.function, name: 'bash' } }] })
    ).text();
    expect(executor.requests[0]?.tool).toBe('exec');
  });

  it('does not let a client’s tool of a bundled name run here', async () => {
    const executor = recordingExecutor(() => 'never');
    const { ask } = await start({
      config: OFFER,
      sandbox: executor,
      cloud: { replies: [call('exec', { command: 'id' })] },
    });
    const reply = (await (
      await ask({ ...say(COMPLEX), tools: [{ ...WEATHER, function: { ...WEATHER.function, name: 'exec' } }] })
    ).json()) as Reply;
    expect(reply.choices[0]?.finish_reason).toBe('tool_calls');
    expect(executor.requests).toEqual([]);
  });

  it('stops at its limit with what it has', async () => {
    const executor = recordingExecutor(() => 'again');
    const { ask, cloud } = await start({
      config: 'tools: { offer: [exec], maxRounds: 3 }',
      sandbox: executor,
      cloud: { replies: [call('exec', { command: 'id' })] },
    });
    const reply = (await (await ask(say(COMPLEX))).json()) as Reply;
    expect(reply.choices[0]?.finish_reason).toBe('length');
    expect(cloud.requests.length).toBe(3);
  });

  it('works with the local model too', async () => {
    const executor = recordingExecutor(() => 'uid=65534');
    const { ask, local } = await start({
      config: OFFER,
      sandbox: executor,
      local: { replies: [call('exec', { command: 'id' }), { text: 'local says nobody' }] },
    });
    const reply = (await (await ask(say(`My card is ${CARD}, run id`))).json()) as Reply;
    expect(reply.choices[0]?.message.content).toBe('local says nobody');
    expect(executor.requests[0]?.label).toBe('confidential');
    expect(local.chats().length).toBe(2);
  });

  it('stops a running tool when the client goes away', async () => {
    let aborted = false;
    const executor = recordingExecutor(() => '');
    const slow = {
      ...executor,
      run: (_: unknown, { signal }: { readonly signal: AbortSignal }) =>
        new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(new Error('aborted'));
          });
        }),
    };
    const { ask } = await start({
      config: OFFER,
      sandbox: slow,
      cloud: { replies: [{ text: 'let me see', ...call('exec', { command: 'sleep 100' }) }] },
    });
    const response = await ask(say(COMPLEX, { stream: true }));
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await expect.poll(() => aborted, { timeout: 3_000 }).toBe(true);
  });
});

describe('masking over the wire', () => {
  const MAIL = 'jane.roe@corp-mail.example';
  it('sends placeholders, restores them in text and arguments, streamed and not, and masks the replay the same way', async () => {
    const { ask, sentToCloud } = await start({
      cloud: {
        reply: (request) => {
          const token =
            /\[\[[A-Za-z0-9_]+\]\]/.exec(
              messagesOf(request).findLast((each) => each.role === 'user')?.content ?? '',
            )?.[0] ?? 'no placeholder';
          return { pieces: [...`I wrote to ${token}.`] };
        },
      },
    });
    const first = say(`${COMPLEX} Send it to ${MAIL}`);
    for (const stream of [false, true]) {
      const response = await ask({ ...first, stream });
      expect(response.headers.get('x-sluice-route')).toBe('cloud-masked');
      const text = await response.text();
      expect(spoken(text)).toBe(`I wrote to ${MAIL}.`);
    }
    const again = {
      model: 'auto',
      messages: [
        { role: 'user', content: `${COMPLEX} Send it to ${MAIL}` },
        { role: 'assistant', content: `I wrote to ${MAIL}.` },
        { role: 'user', content: `${COMPLEX} Once more to ${MAIL}` },
      ],
    };
    await (await ask(again)).text();
    expect(sentToCloud()).not.toContain('jane.roe');
    const tokens = new Set([...sentToCloud().matchAll(/\[\[EMAIL_ADDRESS_[a-z]+\]\]/g)].map((match) => match[0]));
    expect(tokens.size).toBe(1);
  });

  it('restores values for a tool that runs here, and masks its result on the way up', async () => {
    const executor = recordingExecutor(
      (request) => `sent to ${(JSON.parse(request.arguments) as { command: string }).command}`,
    );
    const { ask, cloud, sentToCloud } = await start({
      config: `${OFFER}\npolicy: { maskedToolResults: mask }`,
      sandbox: executor,
      cloud: {
        reply: (request) => {
          const messages = messagesOf(request);
          if (messages.at(-1)?.role === 'tool') return { text: 'done' };
          const token = /\[\[[A-Za-z0-9_]+\]\]/.exec(messages.at(-1)?.content ?? '')?.[0] ?? 'none';
          return call('exec', { command: `mail "${token}"` });
        },
      },
    });
    await (await ask(say(`${COMPLEX} Send it to ${MAIL}`))).text();
    expect(JSON.parse(executor.requests[0]?.arguments ?? '{}')).toEqual({ command: `mail "${MAIL}"` });
    expect(cloud.requests.length).toBe(2);
    expect(sentToCloud()).not.toContain('jane.roe');
    expect(messagesOf(cloud.requests[1]).at(-1)?.content).toMatch(/^sent to mail "\[\[EMAIL_ADDRESS_/);
  });

  it('does not send up what a tool made of a masked value: the next turn stays home', async () => {
    // What a steered model would ask for: the value in a form nobody recognises.
    const executor = recordingExecutor((request) =>
      [...(/"(.*)"/.exec((JSON.parse(request.arguments) as { command: string }).command)?.[1] ?? '')].join('\u2044'),
    );
    const { ask, cloud, local, sentToCloud } = await start({
      config: OFFER,
      sandbox: executor,
      cloud: {
        reply: (request) =>
          call('exec', {
            command: `split "${/\[\[[A-Za-z0-9_]+\]\]/.exec(messagesOf(request).at(-1)?.content ?? '')?.[0] ?? 'none'}"`,
          }),
      },
      local: { replies: [{ text: 'done at home' }] },
    });
    const response = await ask(say(`${COMPLEX} Send it to ${MAIL}`));
    expect(spoken(await response.text())).toBe('done at home');
    expect(cloud.requests.length).toBe(1);
    expect(local.chats().length).toBe(1);
    expect(sentToCloud()).not.toContain('j\u2044a');
  });

  it('masks a value again where nothing but the first place gave it away', async () => {
    const { ask, cloud, sentToCloud } = await start({ cloud: { reply: () => ({ text: 'ok' }) } });
    const text = `${COMPLEX} The patient's medical record number is MRN 84736251. Compare 84736251 with the list, and say 8473-6251 aloud.`;
    const response = await ask(say(text));
    await response.text();
    expect(response.headers.get('x-sluice-route')).toBe('cloud-masked');
    expect(cloud.requests.length).toBe(1);
    expect(sentToCloud()).not.toMatch(/8473-?6251/);
  });
});

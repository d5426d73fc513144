import { describe, expect, it } from 'vitest';
import { chatRequest } from '../../helpers/chat-request.ts';
import { ask, CANARY, codeOf, fakeWith, textIn, upstream } from './ollama-harness.ts';

describe('a model that is not on this machine never sees the prompt', () => {
  it.each([
    'gpt-oss:120b-cloud',
    'kimi-k2:cloud',
    'KIMI-K2:Cloud',
    'ns/x:cloud',
    ' x:cloud ',
    'x:cloud:local',
    'qwen3-coder:480b-cloud',
  ])('by name: %j', async (model) => {
    const fake = await fakeWith({
      models: [{ name: 'small' }, { name: model.trim(), remoteHost: 'https://ollama.com:443' }],
    });
    expect(await ask(upstream(fake.url), chatRequest({ text: CANARY }), { model })).toEqual([
      {
        kind: 'error',
        failure: { code: 'model_not_local', upstream: 'local', status: 0, retryAfterSeconds: 0, sent: false },
      },
    ]);
    expect(fake.wire().toString()).not.toContain(CANARY);
  });

  it.each(['known', 'unknown'] as const)('a stub under an innocent name, :local suffix %s', async (localSuffix) => {
    const fake = await fakeWith({ localSuffix, models: [{ name: 'innocent', remoteHost: 'https://ollama.com:443' }] });
    expect(codeOf(await ask(upstream(fake.url), chatRequest({ text: CANARY }), { model: 'innocent' }))).toBe(
      'model_not_local',
    );
    expect(fake.wire().toString()).not.toContain(CANARY);
  });

  it('a model swapped for a stub between question and prompt is not answered by it', async () => {
    const fake = await fakeWith({ models: [{ name: 'small' }] });
    const local = upstream(fake.url);
    await ask(local);
    fake.replace({ name: 'small', remoteHost: 'https://ollama.com:443' });
    expect(codeOf(await ask(local, chatRequest({ text: CANARY })))).toBe('model_not_found');
    expect(fake.forwarded).toEqual([]);
  });

  it.each([0, 1])(
    'a frame that names a remote host ends the reply before its content, from frame %i',
    async (remoteFrom) => {
      const fake = await fakeWith({
        replies: [{ pieces: ['first', 'second', 'third'], remoteHost: 'https://ollama.com:443', remoteFrom }],
      });
      const events = await ask(upstream(fake.url));
      expect(codeOf(events)).toBe('model_not_local');
      expect(textIn(events)).toBe(remoteFrom === 0 ? '' : 'first');
    },
  );

  it.each(['unauthorized', 'cloud-disabled'] as const)('%s means that the server wanted to forward', async (fault) => {
    const fake = await fakeWith({ replies: [fault] });
    expect(codeOf(await ask(upstream(fake.url)))).toBe('model_not_local');
  });

  it('and is not listed', async () => {
    const fake = await fakeWith({
      models: [
        { name: 'a:cloud' },
        { name: 'b:8b', remoteHost: 'https://ollama.com:443' },
        { name: 'ns/c:7b', modifiedAt: '2026-01-02T03:04:05Z' },
      ],
    });
    expect(await upstream(fake.url).models()).toMatchObject({
      kind: 'models',
      models: [{ id: 'ns/c:7b', ownedBy: 'ns', createdSeconds: 1_767_323_045 }],
    });
  });

  it.each(['hang', 'server-error', 'not-json', 'reset'] as const)(
    'a server whose catalogue is %s gets no prompt',
    async (catalogue) => {
      const fake = await fakeWith({ catalogue });
      const local = upstream(fake.url, { firstByteTimeoutMs: 100 });
      expect(codeOf(await ask(local, chatRequest({ text: CANARY })))).toBe(
        {
          hang: 'upstream_timeout',
          'server-error': 'upstream_failed',
          'not-json': 'upstream_unreachable',
          reset: 'upstream_unreachable',
        }[catalogue],
      );
      expect((await local.models()).kind).toBe('unreachable');
      expect(fake.wire().toString()).not.toContain(CANARY);
    },
  );

  it('a URL at ollama.com is no local upstream', () => {
    expect(() => upstream('https://ollama.com')).toThrowError(expect.objectContaining({ code: 'not_local' }));
  });
});

describe('models', () => {
  it('without a configured one the first that is local and can chat is taken', async () => {
    const fake = await fakeWith({
      models: [
        { name: 'a:cloud' },
        { name: 'b', remoteHost: 'https://ollama.com:443' },
        { name: 'embed', capabilities: ['embedding'] },
        { name: 'c:7b' },
      ],
    });
    await ask(upstream(fake.url), chatRequest(), { model: '' });
    expect(fake.chats()[0]).toMatchObject({ model: 'c:7b:local' });
    await ask(upstream(fake.url, { model: 'c:7b' }), chatRequest(), { model: '' });
    expect(fake.chats()[1]).toMatchObject({ model: 'c:7b:local' });
  });

  it('are asked for once in a while, not with every request', async () => {
    const fake = await fakeWith();
    const local = upstream(fake.url);
    for (let turn = 0; turn < 4; turn += 1) await ask(local, chatRequest(), { model: '' });
    expect(fake.requests.filter((request) => request.path !== '/api/chat')).toHaveLength(2);
  });

  it('no local model at all is model_not_found', async () => {
    expect(codeOf(await ask(upstream((await fakeWith({ models: [] })).url), chatRequest(), { model: '' }))).toBe(
      'model_not_found',
    );
  });

  it('health names version and models', async () => {
    expect(await upstream((await fakeWith()).url).health()).toEqual({
      kind: 'reachable',
      version: '0.31.2',
      models: ['small:latest'],
    });
  });
});

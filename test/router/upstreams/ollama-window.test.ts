import { describe, expect, it } from 'vitest';
import { chatRequest } from '../../helpers/chat-request.ts';
import { ask, codeOf, fakeWith, lastOf, textIn, upstream } from './ollama-harness.ts';

describe('a prompt longer than the window', () => {
  const words = (count: number): string => Array.from({ length: count }, (_, index) => `word${index % 10}`).join(' ');

  it('that cannot fit is refused before it is sent', async () => {
    const fake = await fakeWith();
    expect(
      lastOf(await ask(upstream(fake.url, { contextTokens: 512 }), chatRequest({ text: words(2_000) }))),
    ).toMatchObject({ kind: 'error', failure: { code: 'context_too_long', sent: false } });
    expect(fake.chats()).toEqual([]);
  });

  it('that may fit is left to the server, which says no', async () => {
    const fake = await fakeWith();
    expect(
      lastOf(await ask(upstream(fake.url, { contextTokens: 512 }), chatRequest({ text: words(400) }))),
    ).toMatchObject({ kind: 'error', failure: { code: 'context_too_long', sent: true, status: 400 } });
  });

  it('counts against what the model was trained with', async () => {
    const fake = await fakeWith({ models: [{ name: 'small', contextLength: 1_024 }] });
    expect(codeOf(await ask(upstream(fake.url), chatRequest({ text: words(2_000) })))).toBe('context_too_long');
    expect(fake.chats()).toEqual([]);
  });

  it.each([true, false])('cut in silence by a server that ignores truncate is an error, stream %j', async (stream) => {
    const fake = await fakeWith({ overflow: 'always-cut' });
    const events = await ask(upstream(fake.url, { contextTokens: 600 }), chatRequest({ stream, text: words(550) }));
    expect(codeOf(events)).toBe('context_too_long');
    expect(textIn(events)).toBe(stream ? 'Hello from the fake' : '');
    expect(events.some((event) => event.kind === 'finish')).toBe(false);
  });

  it('cut by a server that made a smaller window than asked for is an error', async () => {
    const fake = await fakeWith({ overflow: 'always-cut', mostContext: 600 });
    expect(codeOf(await ask(upstream(fake.url), chatRequest({ text: words(900) })))).toBe('context_too_long');
    expect(fake.requests.filter((request) => request.path === '/api/ps')).toHaveLength(1);
  });

  it('is not suspected where there was room: some servers do not count what their cache held', async () => {
    const fake = await fakeWith({ replies: [{ text: 'ok', promptTokens: 9 }] });
    expect(codeOf(await ask(upstream(fake.url), chatRequest({ text: words(900) })))).toBe('end');
  });

  it('raises the window in doubling steps, and keeps it', async () => {
    const fake = await fakeWith();
    const local = upstream(fake.url, { contextTokens: 512, overflow: 'raise-window', maxContextTokens: 3_000 });
    for (const count of [10, 500, 700, 10, 1_400])
      expect(codeOf(await ask(local, chatRequest({ text: words(count) })))).toBe('end');
    expect(fake.loads).toEqual(['small:latest@512', 'small:latest@2048', 'small:latest@3000']);
    expect(codeOf(await ask(local, chatRequest({ text: words(4_000) })))).toBe('context_too_long');
  });

  it('raises it when the server finds it too small, before anything was passed on', async () => {
    const fake = await fakeWith();
    // A ceiling estimate under the truth: every sign is a token.
    const local = upstream(fake.url, { contextTokens: 4_096, overflow: 'raise-window', maxContextTokens: 16_384 });
    expect(codeOf(await ask(local, chatRequest({ text: '()[]{}'.repeat(1_000) })))).toBe('end');
    expect(fake.loads).toEqual(['small:latest@4096', 'small:latest@8192']);
    expect(fake.chats()).toHaveLength(2);
  });
});

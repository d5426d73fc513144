/** What the tests of the local upstream share. Everything opened is closed after each test. */
import { afterEach } from 'vitest';
import { OllamaUpstream } from '../../../config/upstream-schema.ts';
import type { ChatRequest, ReplyEvent } from '../../../router/chat.ts';
import { createOllamaUpstream, type OllamaLocal } from '../../../router/upstreams/ollama.ts';
import { chatRequest } from '../../helpers/chat-request.ts';
import { startFakeOllama, type FakeOllama } from '../../helpers/fake-ollama.ts';
import type { FakeOllamaOptions } from '../../helpers/fake-ollama-model.ts';

export const CANARY = 'canary-7f3a';

export const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

export async function fakeWith(options: FakeOllamaOptions = {}): Promise<FakeOllama> {
  const fake = await startFakeOllama(options);
  closers.push(() => fake.close());
  return fake;
}

export function upstream(url: string, more: object = {}): OllamaLocal {
  const created = createOllamaUpstream(
    OllamaUpstream.parse({
      kind: 'ollama',
      name: 'local',
      sees: 'restricted',
      url,
      firstByteTimeoutMs: 5_000,
      idleTimeoutMs: 5_000,
      ...more,
    }),
  );
  closers.push(() => created.close());
  return created;
}

export async function eventsOf(source: AsyncIterable<ReplyEvent>): Promise<readonly ReplyEvent[]> {
  const events: ReplyEvent[] = [];
  for await (const event of source) events.push(event);
  return events;
}

export function ask(
  local: OllamaLocal,
  chat: ChatRequest = chatRequest(),
  options: { model?: string; signal?: AbortSignal } = {},
): Promise<readonly ReplyEvent[]> {
  return eventsOf(
    local.send(chat, { model: options.model ?? 'small', signal: options.signal ?? new AbortController().signal }),
  );
}

export const textIn = (events: readonly ReplyEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');
export const lastOf = (events: readonly ReplyEvent[]): ReplyEvent | undefined => events.at(-1);
export const codeOf = (events: readonly ReplyEvent[]): string => {
  const last = lastOf(events);
  return last?.kind === 'error' ? last.failure.code : (last?.kind ?? 'nothing');
};

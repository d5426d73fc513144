/** One question to a local model whose answer is held to a JSON schema. Fails towards `failed`: an error, a truncated reply, more than an answer, no JSON. */
import type { ChatRequest } from '../chat.ts';
import { plainChat, textMessage } from '../plain-chat.ts';
import type { LocalUpstream } from '../upstreams/upstream.ts';

export interface Question {
  /** Empty takes the upstream's own. */
  readonly model: string;
  readonly task: string;
  /** Data, given between marks. */
  readonly text: string;
  readonly name: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}
export type JsonAnswer =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly cause: 'timeout' | 'threw' };

/** Longest answer, in UTF-16 units. */
const MAX_ANSWER = 2_000;

export async function askForJson(upstream: LocalUpstream, question: Question): Promise<JsonAnswer> {
  const { model, signal } = question;
  let answer = '';
  let ended = false;
  for await (const event of upstream.send(requestOf(question), { model, signal })) {
    if (event.kind === 'error') return { kind: 'failed', cause: signal.aborted ? 'timeout' : 'threw' };
    if (event.kind === 'text') answer += event.text;
    if (event.kind === 'end') ended = true;
    if (answer.length > MAX_ANSWER) return { kind: 'failed', cause: 'threw' };
  }
  if (!ended) return { kind: 'failed', cause: 'threw' };
  try {
    return { kind: 'json', value: JSON.parse(answer) as unknown };
  } catch {
    return { kind: 'failed', cause: 'threw' };
  }
}

function requestOf({ task, text, name, schema }: Question): ChatRequest {
  return {
    ...plainChat([textMessage('system', task), textMessage('user', `<<<TEXT\n${text}\nTEXT>>>`)]),
    sampling: { temperature: 0, seed: 7, maxTokens: 120 },
    responseFormat: { kind: 'schema', name, schema },
    think: false,
  };
}

import type { ReplyEvent } from '../../../router/chat.ts';
import { readOpenAIChatStream } from '../../../router/protocols/openai-chat-reader.ts';

/** Reply streams as bytes cut anywhere, and the events read from them. */
export async function* bytesOf(text: string, cuts: readonly number[] = [], broken?: Error): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text);
  const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
  for (let index = 1; index < edges.length; index++) yield bytes.subarray(edges[index - 1], edges[index]);
  if (broken !== undefined) throw broken;
}

export async function collect(events: AsyncIterable<ReplyEvent>): Promise<ReplyEvent[]> {
  const all: ReplyEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

export const chunk = (delta: object | null, more: object = {}, top: object = {}): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 7, model: 'm', choices: delta === null ? [] : [{ index: 0, delta, finish_reason: null, ...more }], ...top })}\n\n`;
export const STOP = chunk({}, { finish_reason: 'stop' });
export const DONE = 'data: [DONE]\n\n';
export const stream = (text: string, cuts?: readonly number[]) =>
  collect(readOpenAIChatStream(bytesOf(text, cuts), 'up'));
export const codeOf = (events: readonly ReplyEvent[]): string => {
  const last = events.at(-1);
  return last?.kind === 'error' ? last.failure.code : (last?.kind ?? 'nothing');
};

/** Neighbouring pieces of one text joined: what a reply says, however it was cut. */
export function gist(events: readonly ReplyEvent[]): ReplyEvent[] {
  const out: ReplyEvent[] = [];
  for (const event of events) {
    const last = out.at(-1);
    const joins =
      last !== undefined &&
      'text' in last &&
      'text' in event &&
      last.kind === event.kind &&
      last.choice === event.choice &&
      (event.kind !== 'tool-arguments' || last.kind !== 'tool-arguments' || last.index === event.index);
    if (joins) out[out.length - 1] = { ...last, text: last.text + event.text } as ReplyEvent;
    else out.push(event);
  }
  return out;
}

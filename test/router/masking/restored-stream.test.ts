import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import { restoreEvents } from '../../../router/masking/restore-events.ts';
import { createMaskStore } from '../../../router/masking/store.ts';
import { readOpenAIChatStream } from '../../../router/protocols/openai-chat-reader.ts';
import { createOpenAIChatWriter } from '../../../router/protocols/openai-chat-writer.ts';

const WRITER = {
  stream: true,
  includeUsage: false,
  id: 'i',
  model: 'm',
  createdSeconds: 0,
  errorBody: () => '{"error":{}}',
};

async function* chunksOf(bytes: Buffer, cuts: readonly number[]): AsyncIterable<Uint8Array> {
  const edges = [0, ...cuts.map((cut) => cut % bytes.length).toSorted((a, b) => a - b), bytes.length];
  for (let index = 1; index < edges.length; index++) yield bytes.subarray(edges[index - 1], edges[index]);
}

async function toBytes(events: Iterable<ReplyEvent> | AsyncIterable<ReplyEvent>): Promise<Buffer> {
  const pieces: string[] = [];
  const writer = createOpenAIChatWriter(
    { write: (bytes) => void pieces.push(bytes.toString()), end: () => {} },
    WRITER,
  );
  for await (const event of events) await writer.write(event);
  return Buffer.from(pieces.join(''));
}

const VALUES = ['ann@x.org', 'say "hi"\n', 'C:\\new', '😀', '[[', '</b>'];
const map = createMaskStore(Buffer.alloc(32, 2)).open('p', 'c');
const TOKENS = VALUES.map((value) => map.tokenFor(value, 'NOTE')!);
const FOREIGN = '[[NOTE_bcdfghjkmn]]';

/** What a model may write: words, tokens whole, tokens cut off, tokens nobody made. */
const piece = fc.oneof(
  fc.constantFrom(...TOKENS),
  fc.constantFrom('a ', '[', '[[', ']]', '—', '"', '\\', FOREIGN, TOKENS[0]!.slice(0, 9), '[[NOTE_'),
  fc.string({ maxLength: 4 }),
);
const said = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));
/** What begins like JSON is taken for JSON inside the string, and values in it are escaped twice. */
const prose = said.filter((text) => !/^\s*[[{]/.test(text));
const expected = (text: string): string =>
  TOKENS.reduce((rest, token, index) => rest.replaceAll(token, () => VALUES[index]!), text);

describe('a masked reply on its way to the client', () => {
  it('is restored in text, reasoning and arguments of every choice, however the upstream cuts text, events and bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ text: said, reasoning: said, argument: prose }), { minLength: 1, maxLength: 2 }),
        fc.array(fc.nat(40), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(10_000), { maxLength: 12 }),
        async (choices, steps, cuts) => {
          // Each text goes out in pieces of its own, the choices taking turns.
          const queues = choices.map(({ text, reasoning, argument }, choice) => {
            const json = JSON.stringify({ argument });
            const cut = (whole: string): string[] => {
              const out: string[] = [];
              for (let at = 0, turn = 0; at < whole.length; turn++) {
                const next = at + 1 + (steps[turn % steps.length] ?? 0);
                out.push(whole.slice(at, next));
                at = next;
              }
              return out;
            };
            return [
              ...cut(reasoning.toWellFormed()).map((each): ReplyEvent => ({ kind: 'reasoning', choice, text: each })),
              ...cut(text.toWellFormed()).map((each): ReplyEvent => ({ kind: 'text', choice, text: each })),
              { kind: 'tool-call', choice, index: 0, id: `c${choice}`, name: 'f' } as ReplyEvent,
              ...cut(json).map((each): ReplyEvent => ({ kind: 'tool-arguments', choice, index: 0, text: each })),
              { kind: 'finish', choice, reason: 'tool-calls' } as ReplyEvent,
            ];
          });
          const events: ReplyEvent[] = [];
          for (let turn = 0; queues.some((queue) => turn < queue.length); turn++)
            for (const queue of queues) events.push(...queue.slice(turn, turn + 1));
          const upstream = await toBytes([...events, { kind: 'end' }]);
          const client = await toBytes(
            restoreEvents(readOpenAIChatStream(chunksOf(upstream, cuts), 'up'), createRestorer(map)),
          );

          const got = choices.map(() => ({ text: '', reasoning: '', argument: '' }));
          let last: string | undefined;
          for await (const event of readOpenAIChatStream(chunksOf(client, []), 'client')) {
            if (event.kind === 'text' || event.kind === 'reasoning') got[event.choice]![event.kind] += event.text;
            if (event.kind === 'tool-arguments') got[event.choice]!.argument += event.text;
            last = event.kind;
          }
          expect(last).toBe('end');
          expect(client.toString().endsWith('data: [DONE]\n\n')).toBe(true);
          expect(
            got.map((each) => ({ ...each, argument: (JSON.parse(each.argument) as { argument: string }).argument })),
          ).toEqual(
            choices.map((each) => ({
              text: expected(each.text),
              reasoning: expected(each.reasoning),
              argument: expected(each.argument),
            })),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is restored the same when the bytes are cut at each single place', async () => {
    const text = `to ${TOKENS[0]}, ${FOREIGN} and ${TOKENS[3]}[`;
    const upstream = await toBytes([
      ...[...text].map((each): ReplyEvent => ({ kind: 'text', choice: 0, text: each })),
      { kind: 'finish', choice: 0, reason: 'stop' },
      { kind: 'end' },
    ]);
    const whole = await toBytes(restoreEvents(readOpenAIChatStream(chunksOf(upstream, []), 'up'), createRestorer(map)));
    for (let cut = 0; cut < upstream.length; cut += 7) {
      const out = await toBytes(
        restoreEvents(readOpenAIChatStream(chunksOf(upstream, [cut]), 'up'), createRestorer(map)),
      );
      expect(out.equals(whole)).toBe(true);
    }
    let restored = '';
    for await (const event of readOpenAIChatStream(chunksOf(whole, []), 'client'))
      if (event.kind === 'text') restored += event.text;
    expect(restored).toBe(`to ${VALUES[0]}, ${FOREIGN} and ${VALUES[3]}[`);
  });
});

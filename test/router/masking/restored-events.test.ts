/** What surrounds restored text: citations point where they pointed, pieces of a placeholder say nothing about likelihood, several messages stay apart, free text is not escaped. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { restoreEvents } from '../../../router/masking/restore-events.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import type { MaskMap } from '../../../router/masking/store.ts';
import { newMap } from './findings.ts';

async function restored(
  events: readonly ReplyEvent[],
  map: MaskMap,
  options?: Parameters<typeof restoreEvents>[2],
): Promise<ReplyEvent[]> {
  async function* source(): AsyncIterable<ReplyEvent> {
    yield* events;
  }
  const out: ReplyEvent[] = [];
  for await (const event of restoreEvents(source(), createRestorer(map), options)) out.push(event);
  return out;
}
const textOf = (events: readonly ReplyEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');
const cut = (text: string, cuts: readonly number[]): readonly ReplyEvent[] => {
  const at = [0, ...cuts.map((each) => each % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return at
    .slice(1)
    .map((end, index): ReplyEvent => ({ kind: 'text', choice: 0, text: text.slice(at[index], end) }))
    .filter((event) => 'text' in event && event.text !== '');
};
const END: readonly ReplyEvent[] = [{ kind: 'finish', choice: 0, reason: 'stop' }, { kind: 'end' }];

describe('citations of a restored text', () => {
  it('point at the same words, wherever the text was cut and however long the values are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('plain ', '🌍 ', 'é', 'MAIL', 'NAME', 'x'), { minLength: 3, maxLength: 12 }),
        fc.array(fc.nat(400), { maxLength: 10 }),
        async (parts, cuts) => {
          const map = newMap();
          const values: Readonly<Record<string, string>> = { MAIL: 'jane.roe@corp-mail.example', NAME: 'Bo 🌍' };
          const written = parts.map((part) =>
            Object.hasOwn(values, part) ? map.tokenFor(values[part] ?? '', part)! : part,
          );
          const read = parts.map((part) => values[part] ?? part);
          const points = (pieces: readonly string[]): number => [...pieces.join('')].length;
          const events: ReplyEvent[] = [...cut(written.join(''), cuts)];
          // One citation for every part.
          parts.forEach((_, index) =>
            events.push({
              kind: 'annotation',
              choice: 0,
              value: {
                type: 'url_citation',
                start_index: points(written.slice(0, index)),
                end_index: points(written.slice(0, index + 1)),
              },
            }),
          );
          const out = await restored([...events, ...END], map);
          expect(textOf(out)).toBe(read.join(''));
          const cited = out.flatMap((event) => (event.kind === 'annotation' ? [event.value] : []));
          cited.forEach((value, index) => {
            expect([...read.join('')].slice(Number(value['start_index']), Number(value['end_index'])).join('')).toBe(
              read[index],
            );
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it('have the values in their own words too', async () => {
    const map = newMap();
    const token = map.tokenFor('jane.roe@corp-mail.example', 'EMAIL_ADDRESS')!;
    const out = await restored(
      [{ kind: 'annotation', choice: 0, value: { type: 'url_citation', title: `about ${token}` } }, ...END],
      map,
    );
    expect(out[0]).toEqual({
      kind: 'annotation',
      choice: 0,
      value: { type: 'url_citation', title: 'about jane.roe@corp-mail.example' },
    });
  });
});

describe('log probabilities of a restored text', () => {
  it('hold every piece but those of a placeholder, whatever the pieces and the batches are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(200), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 40 }),
        async (cuts, batches) => {
          const map = newMap();
          const token = map.tokenFor('jane.roe@corp-mail.example', 'EMAIL_ADDRESS')!;
          const text = `say [[ hello ${token} and [[NOT_ONE]] bye`;
          const pieces = cut(text, cuts).map((event) => ('text' in event ? event.text : ''));
          const events: ReplyEvent[] = [];
          for (let at = 0, batch = 0; at < pieces.length; batch += 1) {
            const size = batches[batch] ?? 1;
            const content = pieces.slice(at, at + size).map((each) => ({ token: each, logprob: -1 }));
            events.push({ kind: 'logprobs', choice: 0, value: { content } });
            at += size;
          }
          const out = await restored([...events, ...END], map);
          const kept = out.flatMap((event) =>
            event.kind === 'logprobs'
              ? ((event.value as { content?: readonly { token: string }[] }).content ?? []).map((each) => each.token)
              : [],
          );
          const start = text.indexOf(token);
          const expected: string[] = [];
          let at = 0;
          for (const piece of pieces) {
            if (at + piece.length <= start || at >= start + token.length) expected.push(piece);
            at += piece.length;
          }
          expect(kept).toEqual(expected);
          expect(out.findIndex((event) => event.kind === 'finish')).toBe(out.length - 2);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('restored channels', () => {
  it('keep what one message held back out of the next', async () => {
    const map = newMap();
    const token = map.tokenFor('v@corp-mail.example', 'EMAIL_ADDRESS')!;
    const out = await restored(
      [
        { kind: 'text', choice: 0, text: `a${token.slice(0, 6)}`, item: 'one' },
        { kind: 'text', choice: 0, text: `${token}b`, item: 'two' },
        ...END,
      ],
      map,
    );
    const of = (item: string): string =>
      out.map((event) => (event.kind === 'text' && event.item === item ? event.text : '')).join('');
    expect([of('one'), of('two')]).toEqual([`a${token.slice(0, 6)}`, 'v@corp-mail.exampleb']);
  });

  it('write values into free text as they are, and into JSON escaped', async () => {
    const map = newMap();
    const value = 'say "hi"\n';
    const token = map.tokenFor(value, 'NOTE')!;
    const out = await restored(
      [
        { kind: 'tool-call', choice: 0, index: 0, id: 'a', name: 'patch', raw: true },
        { kind: 'tool-call', choice: 0, index: 1, id: 'b', name: 'lookup' },
        { kind: 'tool-arguments', choice: 0, index: 0, text: `+${token}` },
        { kind: 'tool-arguments', choice: 0, index: 1, text: `{"x":"${token}"}` },
        ...END,
      ],
      map,
    );
    const of = (index: number): string =>
      out.map((event) => (event.kind === 'tool-arguments' && event.index === index ? event.text : '')).join('');
    expect(of(0)).toBe(`+${value}`);
    expect(JSON.parse(of(1))).toEqual({ x: value });
  });
});

/** Values taken out of a stream of text: in every split nothing of a value passes, everything else does, and JSON stays JSON. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Look, markOf, ValueFilter } from '../../../router/masking/remove.ts';
import type { Channel } from '../../../router/masking/restore.ts';

const VALUES = ['ann@x.org', '4539 5787 6362 1486', '4539578763621486', 'Zoë 🌍 "Q"', 'DE89 3704 0044 0532 0130 00'];
/** Finds whole values only, like recognizers do. */
const look: Look = (text) =>
  Promise.resolve(
    VALUES.flatMap((value) =>
      [...text.matchAll(new RegExp(value.replaceAll(/[\\.]/g, '\\$&'), 'g'))].map(({ index }) => ({
        start: index,
        end: index + value.length,
        entity: 'VALUE',
      })),
    ),
  );

async function filtered(text: string, channel: Channel, cuts: readonly number[], how: Look = look): Promise<string> {
  const filter = new ValueFilter(channel, how, () => undefined);
  const edges = [0, ...cuts.map((cut) => cut % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  let out = '';
  for (let at = 1; at < edges.length; at += 1) out += await filter.push(text.slice(edges[at - 1], edges[at]));
  return out + (await filter.flush());
}

const word = fc.constantFrom(
  'word ',
  'a ',
  'long-identifier_',
  '\n',
  '{"k": ',
  '日本語',
  '\\',
  '"',
  '. ',
  'x'.repeat(70),
  ...VALUES,
);
const cuts = fc.array(fc.nat(4_000), { maxLength: 60 });

describe('ValueFilter', () => {
  it('lets everything but the values pass, whatever the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 30 }), cuts, async (words, where) => {
        const text = words.join(' ');
        const expected = VALUES.reduce((rest, value) => rest.replaceAll(value, () => markOf('VALUE')), text);
        expect(await filtered(text, 'text', where)).toBe(expected);
      }),
      { numRuns: 400 },
    );
  });

  it('keeps JSON what it is: strings get a mark, numbers 0, escapes and structure stay', async () => {
    const leaf = fc.oneof(
      fc.array(word, { maxLength: 8 }).map((words) => words.join(' ')),
      fc.constant(4539578763621486),
      fc.boolean(),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('a', 'b"', 'c\\'), leaf), { maxLength: 8 }),
        cuts,
        async (members, where) => {
          const expected = members.map(([key, value]) => [
            key,
            typeof value === 'string'
              ? VALUES.reduce((rest, each) => rest.replaceAll(each, () => markOf('VALUE')), value)
              : typeof value === 'number'
                ? 0
                : value,
          ]);
          expect(JSON.parse(await filtered(JSON.stringify(members), 'json', where))).toEqual(expected);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('keeps JSON inside a string JSON', async () => {
    const inner = JSON.stringify({ card: 4539578763621486, note: VALUES[3] });
    for (const cut of [1, 7, 20]) {
      const every = Array.from({ length: 400 }, (_, at) => at * cut);
      const out = JSON.parse(await filtered(JSON.stringify({ body: inner }), 'json', every)) as {
        body: string;
      };
      expect(JSON.parse(out.body)).toEqual({ card: 0, note: markOf('VALUE') });
    }
  });

  it('holds back no more than the last words and a value that has begun', async () => {
    const filter = new ValueFilter('text', look, () => undefined);
    let out = '';
    let most = 0;
    const text = 'some ordinary words of an answer, '.repeat(40);
    for (let at = 0; at < text.length; at += 5) {
      out += await filter.push(text.slice(at, at + 5));
      most = Math.max(most, at + 5 - out.length);
    }
    expect(most).toBeLessThan(64 + 32 + 5 + 16);
  });

  it('takes out what could not be read', async () => {
    const out = await filtered('hello there, what is this', 'text', [3, 9], () => Promise.resolve('unread'));
    expect(out).toBe(markOf('UNREADABLE'));
  });

  it('does not hold a value without end for ever', async () => {
    const filter = new ValueFilter(
      'text',
      (text) => Promise.resolve([{ start: 0, end: text.length, entity: 'BLOB' }]),
      () => undefined,
    );
    let out = '';
    for (let at = 0; at < 40; at += 1) out += await filter.push('x'.repeat(1_000));
    out += await filter.flush();
    expect(out).toMatch(/^(\[BLOB removed\])+$/);
  });
});

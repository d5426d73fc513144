/** What reading costs, counted, so that no machine's mood decides: calls and units per character, not time. */
import { describe, expect, it } from 'vitest';
import { createReader, open } from '../../classifiers/read.ts';
import type { Opening } from '../../classifiers/read.ts';
import { definePattern } from '../../classifiers/define-pattern.ts';
import { keywords } from '../../classifiers/recognizer.ts';
import type { Recognizer } from '../../classifiers/recognizer.ts';
import { builtInRecognizers, builtInTaggers } from '../../classifiers/registry.ts';
import { Scan } from '../../classifiers/scan/scan.ts';
import { newSkimState, SKIM_CHUNK } from '../../classifiers/skim/skim.ts';

const PROSE =
  'Please read the second chapter again and tell me which arguments hold. The first part explains how the garden was planned, the ' +
  'second how it changed over the years, and most of the readers found the maps more useful than the pictures. When the river rose ' +
  'in spring, the lower beds were under water for a week; nothing that grew there came back. ';
const CODE =
  'export function weigh(items: readonly Item[], limit: number): number {\n  let sum = 0;\n  for (const item of items) {\n' +
  '    if (item.size > limit) continue;\n    sum += item.size * item.count;\n  }\n  return sum;\n}\n\n';
const LOG =
  '{"time":"2026-03-04T10:11:42.118Z","level":"info","pid":4031,"route":"/v1/items/3101","status":200,"durationMs":37.25,"bytes":1021}\n';

const upTo = (piece: string): string => piece.repeat(Math.ceil(SKIM_CHUNK / piece.length)).slice(0, SKIM_CHUNK);
const reader = createReader(builtInRecognizers(), builtInTaggers());
const options = {
  input: { hint: '', role: 'user', form: 'text' },
  tiers: 'all',
  rejected: 'omit',
  isAllowed: () => false,
  onAllowed: () => {},
  isIdle: () => false,
} as const;

const opened = (text: string): Opening => {
  const opening = open(reader, text, options);
  if (opening === undefined) throw new Error('a plain text is read in one go');
  return opening;
};

/** Units that recognizers and views look at, with what a window costs however short it is, per unit of text. */
const workOf = (text: string): number => {
  let work = 0;
  for (const [rule, windows] of opened(text).windows)
    for (const { start, end } of windows) work += (end - start + 64) * (reader.recognizers[rule]?.cost ?? 1);
  return work / text.length;
};

describe('reading', () => {
  it.each([
    ['prose', PROSE, 0.05],
    ['code', CODE, 0.05],
    ['log', LOG, 8],
  ] as const)('of %s looks into few windows', (_name, piece, most) => {
    expect(workOf(upTo(piece))).toBeLessThan(most);
  });

  it.each([
    ['prose', PROSE, 27],
    ['code', CODE, 85],
    ['log', LOG, 340],
  ] as const)('of %s has few events per KB', (_name, piece, most) => {
    const text = upTo(piece);
    const count = reader.skim()?.scan(text, 0, text.length, newSkimState(), false) ?? 0;
    expect((count / text.length) * 1024).toBeLessThan(most);
  });

  it('asks the model about few words of prose', () => {
    const text = upTo(PROSE);
    const skim = reader.skim();
    if (skim === undefined) throw new Error('no module');
    skim.scan(text, 0, text.length, newSkimState(), true);
    expect(skim.nameCount / skim.count).toBeLessThan(0.25);
    expect(skim.cueCount / skim.count).toBeLessThan(0.25);
  });

  it('costs the same with a thousand recognizers that nothing triggers', () => {
    const more: readonly Recognizer[] = Array.from({ length: 1000 }, (_, index) =>
      definePattern({
        name: `more-${index}`,
        entity: 'CUSTOM',
        triggers: [keywords(`zq${index.toString(36)}kx`)],
        patterns: [{ name: 'value', regex: /\d{6}/, score: 0.5 }],
      }),
    );
    const larger = createReader([...builtInRecognizers(), ...more], []);
    const smaller = createReader(builtInRecognizers(), []);
    for (const text of [PROSE, CODE, LOG].map(upTo)) {
      const workIn = (by: typeof larger): readonly number[] => {
        const scan = new Scan(by.plan, text, Infinity, by.skim());
        scan.advance(Infinity);
        return [[...scan.windows()].length, scan.guardWork];
      };
      expect(workIn(larger)).toEqual(workIn(smaller));
    }
  });

  it('of a leaf with nothing in it ends with the pass', () => {
    for (const text of ['string', 'object', 'field_0', 'The name of the column to sort by.', 'true', 'properties'])
      expect(opened(text).isQuiet, text).toBe(true);
  });
});

/** Text dense in digits, as tools of data agents print it: read to its end, clean when it is, and no hiding place. */
import fc from 'fast-check';
import { expect, describe, it } from 'vitest';
import type { Finding } from '../../classifiers/finding.ts';
import {
  compileGrams,
  edgeBefore,
  edgeBehind,
  gramKey,
  markBetween,
  runKind,
} from '../../classifiers/scan/digit-grams.ts';
import { builtInRecognizers } from '../../classifiers/registry.ts';
import { createReader } from '../../classifiers/read.ts';
import { Scan } from '../../classifiers/scan/scan.ts';
import { classifyText, shippedClassifier } from './engine-fixture.ts';

/** A seeded source of numbers in [0, 1): the same text on every run. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const two = (value: number): string => String(value).padStart(2, '0');

type Random = () => number;
const TEXTS: Readonly<
  Record<string, { readonly head?: string; readonly piece: (next: Random, index: number) => string }>
> = {
  'CSV of ids, quantities, prices and stamps': {
    head: 'id,quantity,price,created\n',
    piece: (next, index) =>
      `${100_000 + index},${Math.floor(next() * 500)},${(next() * 1000).toFixed(2)},${1_700_000_000 + Math.floor(next() * 9e7)}\n`,
  },
  'CSV of large numbers': {
    head: 'id,ts,value,score\n',
    piece: (next) =>
      `${Math.floor(next() * 1e9)},${1_700_000_000_000 + Math.floor(next() * 9e10)},${(next() * 1e6).toFixed(4)},${next().toFixed(16)}\n`,
  },
  'integers of any length': { piece: (next) => `${Math.floor(next() * 10 ** (1 + Math.floor(next() * 16)))} ` },
  'integers, one a line': { piece: (next) => `${Math.floor(next() * 10 ** (1 + Math.floor(next() * 16)))}\n` },
  'sixteen digits each': { piece: (next) => `${Math.floor((1 + 8 * next()) * 1e15)},` },
  'nine digits each': { piece: (next) => `${Math.floor((1 + 8 * next()) * 1e8)}\n` },
  'log lines': {
    piece: (next, index) =>
      `2026-03-0${1 + (index % 9)} 10:${two(index % 60)}:${two(Math.floor(next() * 60))}.123 INFO worker-${Math.floor(next() * 16)} processed=${Math.floor(next() * 1e5)} took ${(next() * 1000).toFixed(1)}ms mem=${Math.floor(next() * 1e9)} seq=${index}\n`,
  },
  'JSON of floats': { head: '[', piece: (next) => `${(next() * 2 - 1).toFixed(6)}, ` },
  'JSON of integers': { head: '{"values":[', piece: (next) => `${Math.floor(next() * 1e6)},` },
  matrix: { piece: (next, index) => `${(next() * 10 - 5).toFixed(4).padStart(9)}${index % 10 === 9 ? '\n' : ' '}` },
  'matrix with exponents': {
    piece: (next, index) => `${(next() * 10 - 5).toExponential(8)}${index % 8 === 7 ? '\n' : ' '}`,
  },
  coordinates: { piece: (next) => `[${(next() * 360 - 180).toFixed(5)},${(next() * 180 - 90).toFixed(5)}],` },
  points: { piece: (next) => `(${Math.floor(next() * 1920)}, ${Math.floor(next() * 1080)}) ` },
  'SQL dump': {
    piece: (next, index) =>
      `INSERT INTO measurements VALUES (${index}, ${Math.floor(next() * 1e6)}, ${(next() * 1e4).toFixed(3)}, '2026-0${1 + (index % 9)}-1${index % 10} 0${index % 10}:${10 + (index % 50)}:00', ${1_700_000_000 + index * 60}, NULL);\n`,
  },
  UUIDs: {
    piece: (next) =>
      `${[8, 4, 4, 4, 12].map((length) => Array.from({ length }, () => Math.floor(next() * 16).toString(16)).join('')).join('-')}\n`,
  },
  'hex dump': {
    piece: (next, index) =>
      `${(index * 16).toString(16).padStart(8, '0')}  ${Array.from(
        { length: 16 },
        () =>
          two(Number.parseInt('0', 10)) &&
          Math.floor(next() * 256)
            .toString(16)
            .padStart(2, '0'),
      ).join(' ')}\n`,
  },
  'TSV table': {
    piece: (next) =>
      `${Math.floor(next() * 1e10)}\t${Math.floor(next() * 1e7)}\t${(next() * 100).toFixed(2)}\t${Math.floor(next() * 2)}\n`,
  },
};

function textOf(name: string, size: number): string {
  const { head = '', piece } = TEXTS[name] ?? { piece: () => '' };
  const next = numbers(17);
  const parts = [head];
  for (let index = 0, length = head.length; length < size; index++) {
    const part = piece(next, index);
    parts.push(part);
    length += part.length;
  }
  return parts.join('');
}

const classifier = shippedClassifier({ deadlineMs: 600_000, cacheEntries: 0 });
const findingsIn = async (text: string): Promise<readonly Finding[]> => {
  const { verdict } = await classifyText(classifier, text, { role: 'tool' });
  return verdict.kind === 'clean' ? [] : verdict.findings;
};

describe('values in dense text are found', () => {
  const rows = (cell: (index: number) => string, mark = ','): string =>
    Array.from({ length: 60 }, (_, index) =>
      [1000 + index, cell(index), index * 7, (index * 1.37).toFixed(2)].join(mark),
    ).join('\n');
  const numbersAround = textOf('integers of any length', 1500);

  it.each<readonly [string, string, string, string]>([
    [
      'a card under its header',
      `id,card_number,qty,price\n${rows((index) => (index === 41 ? '4539148803436467' : String(4_539_148_803_436_000 + index * 2 + 1)))}`,
      '4539148803436467',
      'CREDIT_CARD',
    ],
    [
      'a card under its header in a TSV',
      `id\tcard\tqty\tprice\n${rows((index) => (index === 41 ? '4539148803436467' : String(1_234_567_890_123_000 + index)), '\t')}`,
      '4539148803436467',
      'CREDIT_CARD',
    ],
    [
      'a social security number in a column',
      `id,ssn,qty,price\n${rows((index) => `536-22-${1800 + index}`)}`,
      '536-22-1847',
      'US_SSN',
    ],
    [
      'an IBAN in a column',
      `id,iban,qty,price\n${rows((index) => (index === 30 ? 'DE89370400440532013000' : String(index)))}`,
      'DE89370400440532013000',
      'IBAN_CODE',
    ],
    [
      'a phone number in a column',
      `id,phone,qty,price\n${rows((index) => (index === 50 ? '+1 212 809 6490' : String(index)))}`,
      '+1 212 809 6490',
      'PHONE_NUMBER',
    ],
    [
      'a grouped phone number in a column',
      `id,phone,qty,price\n${rows((index) => (index === 50 ? '212-809-6490' : String(index)))}`,
      '212-809-6490',
      'PHONE_NUMBER',
    ],
    [
      'a card alone in a log line',
      `${textOf('log lines', 4000)}2026-03-04 10:11:12 INFO charge 4539148803436467 accepted\n${textOf('log lines', 4000)}`,
      '4539148803436467',
      'CREDIT_CARD',
    ],
    [
      'a printed card behind numbers',
      `${numbersAround}\nplease charge 4539 1488 0343 6467 today\n${numbersAround}`,
      '4539 1488 0343 6467',
      'CREDIT_CARD',
    ],
    [
      'a social security number in a list of numbers',
      `${numbersAround}, 536-22-1847, ${numbersAround}`,
      '536-22-1847',
      'US_SSN',
    ],
    ['a card with number and code beside it', '17, 4539148803436467, 123', '4539148803436467', 'CREDIT_CARD'],
    [
      'an address in a list of coordinates',
      `${textOf('coordinates', 3000)} 81.2.69.142 ${textOf('coordinates', 3000)}`,
      '81.2.69.142',
      'IP_ADDRESS',
    ],
  ])('%s', async (_name, text, value, entity) => {
    const found = (await findingsIn(text)).filter((finding) => finding.entity === entity);
    expect(found.map(({ span }) => text.slice(span.start, span.end))).toContain(value);
  });

  it('cards that vouch for each other need no header', async () => {
    const cards = ['4539148803436467', '5425233430109903', '4716461583322103', '4263982640269299', '5105105105105100'];
    const lines = cards.map((card, index) => `${index},${card},9.5,${index * 3}`).join('\n');
    for (const text of [cards.join('\n'), cards.join(', '), lines]) {
      const found = (await findingsIn(text)).filter(({ entity }) => entity === 'CREDIT_CARD');
      expect(found.length).toBeGreaterThanOrEqual(4);
    }
  });

  it('wherever in a long row a value stands', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 700 }), async (offset) => {
        const row = '12 7 305 '.repeat(120);
        const at = row.indexOf(' ', offset) + 1;
        const text = `${row.slice(0, at)}536-22-1847 ${row.slice(at)}`;
        expect((await findingsIn(text)).map(({ entity }) => entity)).toContain('US_SSN');
      }),
      { numRuns: 60 },
    );
  });
});

describe('dense text without values is clean', () => {
  const QUASI = new Set(['DATE_TIME', 'URL']);
  it.each(Object.keys(TEXTS))('%s, 200 KB', { timeout: 60_000 }, async (name) => {
    const { verdict } = await classifyText(classifier, textOf(name, 200_000), { role: 'tool' });
    const gaps = verdict.kind === 'unknown' ? verdict.gaps.map((gap) => `${gap.classifier}:${gap.cause}`) : [];
    expect(gaps).toEqual([]);
    const found = verdict.kind === 'clean' ? [] : verdict.findings;
    expect(found.filter(({ entity }) => !QUASI.has(entity)).map(({ entity }) => entity)).toEqual([]);
  });

  it('the one pass asks guards in proportion to the text', () => {
    const { plan } = createReader(builtInRecognizers(), []);
    const work = (text: string): number => {
      const scan = new Scan(plan, text, Infinity);
      scan.advance(Infinity);
      return scan.guardWork;
    };
    for (const name of Object.keys(TEXTS)) {
      const short = work(textOf(name, 50_000));
      expect(work(textOf(name, 200_000)), name).toBeLessThan(short * 5 + 10_000);
    }
  });
});

describe('grams of digit groups', () => {
  const holds = (gram: string, text: string): boolean => {
    const { table } = compileGrams([[gram]]);
    const runs = [...text.matchAll(/\d+/g)];
    const keys = runs.map((run, index) => {
      const previous = runs[index - 1];
      const left = previous
        ? gramKey(runKind(previous[0].length), markBetween(text, previous.index + previous[0].length, run.index), 0)
        : edgeBefore(text, run.index);
      return left + runKind(run[0].length);
    });
    const last = runs.at(-1);
    if (last) keys.push(edgeBehind(text, last.index + last[0].length, runKind(last[0].length)));
    return keys.some((key) => table.low[key] !== 0);
  };

  it.each<readonly [string, string, boolean]>([
    ['3-2', '311-19-1486', true],
    ['3-2', '311.19.1486', false],
    ['12..19', '4539148803436467', true],
    ['12..19', '4539 1488 0343 6467', false],
    ['3(3', '(212) 555-1234', true],
    ['A~6', 'AB123456', true],
    ['A 6', 'AB 123456', true],
    ['A~6', '12 123456', false],
    ['7?A', '1234567-X', true],
    ['7?A', '1234567, 12', false],
    ['3?A', '1.234e-7', false],
    ['1,4', '4, 2026', true],
  ])('%s in %s', (gram, text, expected) => {
    expect(holds(gram, text)).toBe(expected);
  });

  it('what cannot be read is refused', () => {
    expect(() => compileGrams([['three-two']])).toThrow(TypeError);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReader, read } from '../../classifiers/read.ts';
import type { Reading } from '../../classifiers/reading.ts';
import { UNPACED } from '../../classifiers/pace.ts';
import type { Recognizer, Trigger } from '../../classifiers/recognizer.ts';
import { digits, keywords, marksBesideHex, run, words } from '../../classifiers/recognizer.ts';
import { builtInRecognizers } from '../../classifiers/registry.ts';
import { buildAutomaton } from '../../classifiers/scan/automaton.ts';
import { compilePlan } from '../../classifiers/scan/plan.ts';
import { Scan } from '../../classifiers/scan/scan.ts';

const windowsOf = (trigger: Trigger, text: string, step = Infinity): readonly string[] => {
  const plan = compilePlan([{ name: 'rule', triggers: [trigger], reach: { before: 0, after: 0 } }]);
  const scan = new Scan(plan, text, Infinity);
  while (!scan.advance(step));
  return [...scan.windows()].flatMap(([, windows]) => windows.map(({ start, end }) => text.slice(start, end)));
};

it('buildAutomaton() finds every literal wherever it ends, in any case', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'ß', '中', '1', '@'), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.uniqueArray(letters, { selector: (text) => text.toLowerCase(), minLength: 1, maxLength: 8 }),
      fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'B', 'ß', '中', '1', '@', ' '), maxLength: 40 }),
      (literals, text) => {
        const { classes, next, ends } = buildAutomaton(literals);
        const found: string[] = [];
        let state = 0;
        for (let index = 0; index < text.length; index++) {
          state = next[state + (classes[text.charCodeAt(index)] ?? 0)] ?? 0;
          if (state >= 0) continue;
          state = ~state;
          for (const id of ends.get(state) ?? []) found.push(`${id}:${index + 1}`);
        }
        const expected: string[] = [];
        for (const [id, literal] of literals.entries()) {
          for (let end = literal.length; end <= text.length; end++) {
            if (text.slice(end - literal.length, end).toLowerCase() === literal.toLowerCase())
              expected.push(`${id}:${end}`);
          }
        }
        expect(found.toSorted()).toEqual(expected.toSorted());
      },
    ),
    { numRuns: 500 },
  );
});

describe('triggers open windows', () => {
  it.each<readonly [string, Trigger, string, readonly string[]]>([
    ['keyword inside a word, any case', keywords('akia'), 'xAKIAx', ['AKIA']],
    ['whole word', words('tin'), 'getting a TIN, tins and userTin', ['TIN', 'tin', 'Tin']],
    ['whole word in capitals of a longer one', words('nin'), 'RUNNING NINs', ['NIN']],
    ['marks between hex digits', marksBesideHex(':'), 'at: b:1, x:1 ::f a::', [':', ':', ':']],
    ['digits over separators', digits(9), 'id 311-19-1486.', ['311-19-1486']],
    ['digits over a line break', digits(9), '311-1\n9-1486', ['311-1\n9-1486']],
    ['digits too far apart', digits(9), '311 and 19 and 1486', []],
    ['too few digits', digits(9), '311-19-148', []],
    ['digits at both ends', digits(4), '1234 x 5678', ['1234', '5678']],
    ['alphanumeric run with a digit', run('alphanumeric', 8), 'abcdefgh abcdefg1', ['abcdefg1']],
    ['token run', run('token', 10), 'a.b_c-d/e+f= x', ['a.b_c-d/e+f=']],
    ['hex run inside a word', run('hex', 4), 'xyzdeadbeefq', ['deadbeef']],
    ['capitalized', { kind: 'capitalized' }, 'see Anna at NATO', ['Anna']],
    ['always', { kind: 'always', because: 'test' }, 'ab', ['ab']],
  ])('%s', (_name, trigger, text, expected) => {
    expect(windowsOf(trigger, text)).toEqual(expected);
  });

  it('at the same places however the text is cut into steps', () => {
    const trigger = [keywords('key', '@'), digits(5), run('token', 9), run('hex', 6)];
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('k', 'e', 'y', '@', '1', '2', '-', ' ', 'f', '\n', 'é'), maxLength: 120 }),
        fc.integer({ min: 1, max: 7 }),
        (text, step) => {
          for (const one of trigger) expect(windowsOf(one, text, step)).toEqual(windowsOf(one, text));
        },
      ),
    );
  });

  it('not where the digits a rule requires are missing', () => {
    const plan = compilePlan([
      { name: 'rule', triggers: [keywords('number')], reach: { before: 20, after: 20 }, requires: { digits: 6 } },
    ]);
    const opened = (text: string): number => {
      const scan = new Scan(plan, text, Infinity);
      scan.advance(Infinity);
      return [...scan.windows()].length;
    };
    expect(opened('the number of people was 12')).toBe(0);
    expect(opened('the number is 123 456')).toBe(1);
    expect(opened(`123456 ${'far '.repeat(20)} number`)).toBe(0);
  });
});

describe('the prefilter loses nothing', () => {
  const options = {
    input: { hint: '', role: 'user', form: 'text' },
    tiers: 'structured',
    rejected: 'omit',
    isAllowed: () => false,
    onAllowed: () => {},
    isIdle: () => false,
  } as const;
  const found = (recognizers: readonly Recognizer[], text: string): Reading => {
    const reading: Reading = { sightings: [], signals: [], gaps: [] };
    const steps = read(createReader(recognizers, []), text, reading, options, UNPACED);
    while (!steps.next().done);
    return reading;
  };
  const values = [
    '4539 1488 0343 6467',
    'jane.doe@contoso-mail.org',
    'DE89370400440532013000',
    '536-22-1847',
    'AKIAIOSFODNN7QWERTYU',
    'ghp_zg2sye9b2Rann76dEyTzAeKOmXRrvftva9AW',
    '+1 212 809 6490',
    '+44 20 7946 0958',
    '192.168.14.77',
    '3c:22:fb:1a:9b:7e',
    'postgres://app:s3cr3tPw9@db.internal:5432/x',
    '2a02:26f7:c9c8:4000:950d::41',
  ];
  const noise = fc.stringMatching(/^[ -~]{0,40}$/);
  // One reader per recognizer would take minutes; the kinds with distinct triggers stand for the rest.
  const names = new Set([
    'payment-card',
    'email-address',
    'iban',
    'us-social-security',
    'aws-access-key-id',
    'github-token',
    'phone-international',
    'ipv4-address',
    'mac-address',
    'ipv6-address',
  ]);
  const chosen = builtInRecognizers().filter((recognizer) => names.has(recognizer.name));
  const unfiltered = chosen.map((recognizer): Recognizer => {
    const { guard: _guard, requires: _requires, reach: _reach, ...rest } = recognizer;
    return { ...rest, triggers: [{ kind: 'always', because: 'the reference' }] };
  });

  it('chose recognizers that exist', () => {
    expect(chosen.map((recognizer) => recognizer.name).toSorted()).toEqual([...names].toSorted());
  });

  it('and the reference finds every value', () => {
    expect(
      found(unfiltered, values.join(' \n ')).sightings.filter((sighting) => sighting.candidate.score >= 0.5).length,
    ).toBeGreaterThanOrEqual(10);
  });

  it('on text with values in it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...values), noise, fc.constantFrom(' ', '\n', ', ', '"')), { maxLength: 12 }),
        (parts) => {
          const text = parts.join('');
          const keys = (reading: Reading): readonly string[] =>
            reading.sightings
              .filter((sighting) => sighting.views.length === 0 && sighting.candidate.score >= 0.5)
              .map((sighting) => `${sighting.recognizer} ${sighting.start}-${sighting.end}`);
          expect(new Set(keys(found(chosen, text)))).toEqual(new Set(keys(found(unfiltered, text))));
        },
      ),
      { numRuns: 150 },
    );
  });
});

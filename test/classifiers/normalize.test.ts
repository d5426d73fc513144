import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalize, normalizeInSteps } from '../../classifiers/normalize.ts';
import { UNPACED } from '../../classifiers/pace.ts';
import type { Rewritten } from '../../classifiers/views/rewrite.ts';

const copyOf = (text: string): string => normalize(text)?.text ?? text;
const inSteps = (text: string): Rewritten | undefined => {
  const steps = normalizeInSteps(text, UNPACED);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
};

/** Characters that the folds treat differently, so that random strings hit every branch. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      'a',
      'A',
      '4',
      ' ',
      '@',
      '-',
      '\n',
      'é',
      'e',
      '\u0301',
      '\u0308',
      '\u200b',
      '\u00ad',
      '\ufe0f',
      '\u20e3',
      '\u202e',
      '４',
      '٤',
      '𝟒',
      'ﬁ',
      'а',
      'о',
      'с',
      'ж',
      'Ε',
      'ο',
      '中',
      'か',
      '゙',
      '\u{e0041}',
      '\ud800',
      '\udc00',
      '½',
      '\u3000',
      '–',
      '“',
      '‥',
      'İ',
      'ǆ',
      '\ufdfa',
      '한',
      'ᄒ',
      'ᅡ',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 60,
});

describe('normalize() makes hidden values readable', () => {
  it.each([
    ['fullwidth', '４７８７', '4787'],
    ['Arabic digits', '٤٧٨٧', '4787'],
    ['mathematical bold', '𝟒𝟕𝟖𝟕', '4787'],
    ['zero width space', '4\u200b7\u200b8', '478'],
    ['soft hyphen and word joiner', 'se\u00adcr\u2060et', 'secret'],
    ['keycaps', '4\ufe0f\u20e37\ufe0f\u20e3', '47'],
    ['bidirectional override', '\u202e4787\u202c', '4787'],
    ['tag characters', '\u{e0034}\u{e0037}', '47'],
    ['no-break space and figure dash', '47\u00a087\u201212', '47 87-12'],
    ['strike-through', '4\u03367\u0336', '47'],
    ['Cyrillic look-alikes in a Latin word', 'аdmin', 'admin'],
    ['look-alikes around digits', 'DЕ67792908100339075793', 'DE67792908100339075793'],
    ['ligature', 'ﬁle', 'file'],
    ['decomposed letter', 'Jose\u0301', 'José'],
  ])('%s', (_name, text, expected) => {
    expect(copyOf(text)).toBe(expected);
  });
});

describe('normalize() leaves text of other scripts alone', () => {
  it.each([
    ['Russian', 'Привет, как дела? Совсем хорошо.'],
    ['Greek', 'Καλημέρα κόσμε, τι κάνεις'],
    ['Hindi with vowel signs', 'नमस्ते दुनिया'],
    ['Chinese', '请解释一下'],
    ['German', 'Größe, Prüfung, Straße'],
    ['Turkish', 'kapıyı açtı'],
    ['lone surrogates', 'a\ud800b\udc00c'],
  ])('%s', (_name, text) => {
    expect(copyOf(text)).toBe(text);
  });
});

it('normalize() answers plain ASCII without a copy', () => {
  expect(normalize('plain text, 4787 and \t tabs\r\n')).toBeUndefined();
});

it('a span of the copy maps to all of the source that made it', () => {
  const text = 'x 4\u200b7\u200b8 y';
  const copy = normalize(text);
  const at = copy?.text.indexOf('478') ?? -1;
  expect(copy?.toSource(at, at + 3)).toEqual([2, 7]);
  expect(copy?.editIn(at, at + 3)).toBe('hidden');
  expect(copy?.editIn(0, 1)).toBe('none');
});

describe('for any string', () => {
  it('normalize() is idempotent', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(copyOf(copyOf(text))).toBe(copyOf(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('every span maps into range, and starts and ends never run backwards', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const copy = normalize(text);
        if (!copy) return;
        let lastStart = 0;
        let lastEnd = 0;
        for (let unit = 0; unit < copy.text.length; unit++) {
          const [start, end] = copy.toSource(unit, unit + 1);
          expect(start).toBeGreaterThanOrEqual(lastStart);
          expect(end).toBeGreaterThanOrEqual(lastEnd);
          expect(start).toBeLessThan(end);
          expect(end).toBeLessThanOrEqual(text.length);
          lastStart = start;
          lastEnd = end;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('what is unedited is the source itself', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const copy = normalize(text);
        if (!copy) return;
        for (let unit = 0; unit < copy.text.length; unit++) {
          if (copy.editIn(unit, unit + 1) !== 'none') continue;
          const [start, end] = copy.toSource(unit, unit + 1);
          expect(text.slice(start, end)).toBe(copy.text[unit]);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('taking a long text in stretches changes neither copy nor map', () => {
    const piece = 'call 4\u200b539 １２３ аdmin, José “x” '.repeat(40);
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(piece, 'plain words only '.repeat(60), '中文字符'.repeat(90)), {
          minLength: 12,
          maxLength: 40,
        }),
        (pieces) => {
          const text = pieces.join('');
          const whole = normalize(text);
          const parts = inSteps(text);
          expect(parts?.text ?? text).toBe(whole?.text ?? text);
          if (!whole || !parts) return;
          for (let unit = 0; unit + 9 < whole.text.length; unit += 97) {
            expect(parts.toSource(unit, unit + 9)).toEqual(whole.toSource(unit, unit + 9));
            expect(parts.editIn(unit, unit + 9)).toBe(whole.editIn(unit, unit + 9));
          }
        },
      ),
      { numRuns: 12 },
    );
  });
});

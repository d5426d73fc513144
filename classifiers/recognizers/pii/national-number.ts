/**
 * nationalNumber makes the recognizer of one country's number from a line of facts. A number with little shape of its own
 * (bare digits, with or without check digit) is only looked for near its name, so a hundred of them cost nothing where no
 * such name is; one whose shape or check is rare enough stands alone.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around, Pattern } from '../../define-pattern.ts';
import { keywords, words as wholeWords } from '../../recognizer.ts';
import type { Recognizer, Trigger } from '../../recognizer.ts';
import { alphanumericsOnly, digitsOnly } from './check-digits.ts';
import { shapeGuard } from './shape-guard.ts';
import { isInsideUuid } from './uuid.ts';

export interface NationalNumber {
  readonly entity: string;
  /** Kebab-case; several recognizers may report one entity. */
  readonly name?: string;
  /** Without anchors and edges; the value must stand free of letters and digits. Case is ignored. */
  readonly shape: string;
  /**
   * `digits`, `alphanumerics`: what the check is given (bare, upper case); `written`: the value as it stands. No check means
   * the number has none.
   */
  readonly check?: (value: string) => boolean;
  readonly checks?: 'digits' | 'alphanumerics' | 'written';
  readonly checkedBy?: string;
  /** Score of the shape, and of the shape with its check holding. At 0.5 it is a finding with no word around it. */
  readonly score: number;
  readonly checkedScore?: number;
  /** Names people give the number, lower case. They are also what the recognizer wakes for, unless `wake` says otherwise. */
  readonly words: readonly string[];
  readonly wake?: readonly Trigger[];
  /** A failed check lowers nothing and drops nothing: the scheme has exceptions. */
  readonly lenient?: boolean;
}

/**
 * Letters of scripts without case (Han, Kana, Hangul, Thai, Arabic) stand right beside numbers; those with case make one
 * word with them. Ranges, because the regex engine is several times slower with Unicode properties and ignored case.
 */
const CASED = String.raw`A-Za-z0-9_\u00c0-\u024f\u0370-\u03ff\u0400-\u052f`;
const EDGE_BEFORE = `(?<![${CASED}]|\\d[.,/-])`;
const EDGE_AFTER = `(?![${CASED}]|[.,/-]\\d)`;

/** spacedGrams are the grams of a number written in groups of these widths, each mark there or not. */
export function spacedGrams(mark: string, ...widths: readonly number[]): readonly string[] {
  const cuts = widths.map((_, index) => widths.slice(0, index + 1).reduce((sum, width) => sum + width, 0));
  return cuts.flatMap((first, index) => cuts.slice(index + 1).map((second) => `${first}${mark}${second - first}`));
}

/** What a value can begin with, tried before the look-behind: most of a text is neither digit nor capital. */
function firstCharacter(shape: string): string {
  return isDigitsOnly(shape) ? String.raw`(?=\d)` : '(?=[0-9A-Z])';
}

function isDigitsOnly(shape: string): boolean {
  return !/[A-Z]/.test(shape.replaceAll(/\\[a-z](?:<gap>)?|\(\?<gap>/g, ''));
}

export function nationalNumber(facts: NationalNumber): Recognizer {
  const { entity, check, words } = facts;
  const compact =
    facts.checks === 'alphanumerics'
      ? alphanumericsOnly
      : facts.checks === 'written'
        ? (value: string) => value
        : digitsOnly;
  const pattern: Pattern = {
    name: 'shape',
    regex: new RegExp(`${firstCharacter(facts.shape)}${EDGE_BEFORE}(?:${facts.shape})${EDGE_AFTER}`, 'i'),
    score: facts.score,
  };
  return definePattern({
    name: facts.name ?? entity.toLowerCase().replaceAll('_', '-'),
    entity,
    patterns: [pattern],
    triggers: facts.wake ?? wakeTriggers(words),
    ...(facts.wake ? { guard: guardOf(pattern.regex, facts.wake) } : {}),
    reach: facts.wake?.every(({ kind }) => kind !== 'keyword') ? { before: 24, after: 24 } : { before: 64, after: 96 },
    ...(isDigitsOnly(facts.shape) ? { requires: { digits: 5 } } : {}),
    context: words,
    contextReach: { before: 60, after: 30 },
    ...(check
      ? {
          validate: (value: string) => (check(compact(value)) ? 'valid' : facts.lenient ? 'unknown' : 'invalid'),
          validatedBy: facts.checkedBy ?? 'check digit',
          passes: (value: string) => check(compact(value)),
          validScore: facts.checkedScore ?? Math.min(0.45, facts.score + 0.2),
        }
      : {}),
    invalidate: isPlaceholder,
  });
}

/** A keyword opens its window; digits and runs only where the shape is. */
function guardOf(shape: RegExp, wake: readonly Trigger[]): NonNullable<Recognizer['guard']> {
  const literals = new Set(
    wake.flatMap((trigger) =>
      trigger.kind === 'keyword' ? trigger.literals.map((literal) => literal.toLowerCase()) : [],
    ),
  );
  const isShaped = shapeGuard(shape, { before: 14, after: 14 });
  return (text, start, end) =>
    (literals.size > 0 && literals.has(text.slice(start, end).toLowerCase())) || isShaped(text, start, end);
}

/** Short names are in half of all words (`ach`, `dl`, `rg`). */
const SHORT_NAME = /^[a-z]{1,4}$/;

/** A name of one short word counts as a word only, as it does in context; what is part of a phrase may also be written together. */
function wakeTriggers(names: readonly string[]): readonly Trigger[] {
  const short = names.filter((name) => SHORT_NAME.test(name));
  const rest = wakeWords(names.filter((name) => !SHORT_NAME.test(name)));
  return [...(short.length > 0 ? [wholeWords(...short)] : []), ...(rest.length > 0 ? [keywords(...rest)] : [])];
}

/** The longest word of each phrase: phrases are also written `tax_id`, `taxId` and over a line break. */
function wakeWords(words: readonly string[]): readonly string[] {
  return [
    ...new Set(
      words.map((phrase) =>
        phrase.split(/[ -]/).reduce((longest, word) => (word.length > longest.length ? word : longest), ''),
      ),
    ),
  ];
}

function isPlaceholder(value: string, around: Around): boolean {
  if (isInsideUuid(around)) return true;
  const digits = digitsOnly(value);
  return digits.length >= 6 && /^(\d)\1+$/.test(digits);
}

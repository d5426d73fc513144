/**
 * Recognizers in Presidio's shape: pattern score, then validator, then whole-word context on both sides and in the
 * hint. Regexes run only inside the windows the engine opens, on a slice, so no pattern ever searches a whole text.
 */
import { findContextWord, contextMatcher } from './context.ts';
import { toScore } from './finding.ts';
import { Headers, isInNumberRow, neighboursPass } from './number-row.ts';
import { eachStart, startsOf } from './pattern-starts.ts';
import { regexExtent } from './regex-extent.ts';
import { fewestDigits } from './rules/fewest-digits.ts';
import { parseRegex } from './rules/regex-syntax.ts';
import type { EntityType, ScoreStep } from './finding.ts';
import type { Candidate, DigitNeed, Reach, Recognizer, RecognizerInput, Trigger, Window } from './recognizer.ts';

/** `unknown`: the value has no check digit, or none that applies. */
export type Validation = 'valid' | 'invalid' | 'unknown';

export interface Pattern {
  readonly name: string;
  /**
   * Bounded quantifiers only. Flags as written, `g` is added. When it has a named group `value`, that group is the
   * finding and the rest is evidence.
   */
  readonly regex: RegExp;
  readonly score: number;
  /**
   * Lower-case words or phrases, one of which begins every match, at a word's beginning. When all patterns say theirs, the regexes are
   * tried at those words only and not at every unit of a window.
   */
  readonly starts?: readonly string[];
  /** Overrides the declaration's entity. */
  readonly entity?: EntityType;
  /**
   * Picks the values inside what the regex matched, when only code can (a card number inside a longer row of digits).
   * Offsets are in the whole text; empty means the match holds none.
   */
  readonly narrow?: (text: string, start: number, end: number) => readonly Window[];
}

export interface Around {
  /** The whole text, and where the value stands in it. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly hint: string;
}

export interface PatternDeclaration {
  readonly name: string;
  readonly entity: EntityType;
  readonly patterns: readonly Pattern[];
  readonly triggers: readonly Trigger[];
  readonly reach?: Reach;
  readonly requires?: Recognizer['requires'];
  readonly guard?: Recognizer['guard'];
  readonly inText?: Recognizer['inText'];
  /** Lower-case words or phrases (up to four words, single spaces). `dateOfBirth` and `date_of_birth` in a text read as `date of birth`. */
  readonly context?: readonly string[];
  /** How far context is looked for; default 80 before, 40 after. */
  readonly contextReach?: Reach;
  /** Lower-case words whose presence says it is something else (`isbn`, `order id`): the score falls by 0.35. */
  readonly counterContext?: readonly string[];
  /** Called with the value; `valid` raises to `validScore`, `invalid` drops it as a near miss. */
  readonly validate?: (value: string, around: Around) => Validation;
  /** Name of the check in explanations: `luhn`, `mod-97`. */
  readonly validatedBy?: string;
  /** Score of a valid value; default 1. Give less when the check digit alone passes one random number in ten. */
  readonly validScore?: number;
  /**
   * The check alone, for values of digits only: in a row of numbers some pass it by chance, so there a valid value keeps the
   * pattern's score unless context or its neighbours speak for it.
   */
  readonly passes?: (value: string) => boolean;
  /** True drops the candidate as a near miss: test numbers, documentation values, parts of something longer. */
  readonly invalidate?: (value: string, around: Around) => boolean;
}

/** Presidio's constants: what a context word adds, and the least a candidate with context has. */
const CONTEXT_BOOST = 0.35;
const CONTEXT_FLOOR = 0.4;
/** Room for look-behind and word boundaries before a window, and at most for a value that runs out of it. */
const MARGIN_BEFORE = 16;
const MARGIN_AFTER = 256;

const DEFAULT_CONTEXT_REACH: Reach = { before: 80, after: 40 };

/** definePattern makes a Recognizer of a declaration. Throws on a declaration that cannot work. */
export function definePattern(declaration: PatternDeclaration): Recognizer {
  const { name, entity, triggers } = declaration;
  if (triggers.length === 0) throw new TypeError(`recognizer ${name} has no trigger`);
  const compiled = declaration.patterns.map((pattern) => compilePattern(pattern, entity));
  const context = declaration.context?.length ? contextMatcher(declaration.context) : undefined;
  const counter = declaration.counterContext?.length ? contextMatcher(declaration.counterContext) : undefined;
  const contextReach = declaration.contextReach ?? DEFAULT_CONTEXT_REACH;

  const judge = (pattern: CompiledPattern, around: Around, input: RecognizerInput): Candidate => {
    const steps: ScoreStep[] = [{ kind: 'pattern', score: toScore(pattern.score) }];
    let score = pattern.score;
    const candidate = (rejected?: Candidate['rejected']): Candidate => {
      const base = {
        entity: pattern.entity,
        start: around.start,
        end: around.end,
        score,
        pattern: pattern.name,
        steps,
      };
      return rejected === undefined ? base : { ...base, rejected };
    };
    const value = around.text.slice(around.start, around.end);
    const validation = declaration.validate?.(value, around) ?? 'unknown';
    if (validation === 'invalid') return candidate('checksum');
    if (validation === 'valid' && isByChance(around, declaration.passes)) {
      steps.push({ kind: 'damped', by: 'row of numbers', score: toScore(score) });
    } else if (validation === 'valid') {
      score = Math.max(score, declaration.validScore ?? 1);
      steps.push({ kind: 'validated', by: declaration.validatedBy ?? 'validator', score: toScore(score) });
    }
    if (declaration.invalidate?.(value, around)) return candidate('invalidated');
    if (context && score < 1) {
      const word =
        findContextWord(context, around, contextReach) ??
        findContextWord(context, headersIn(input).place(around), contextReach);
      if (word !== undefined) {
        score = Math.min(1, Math.max(CONTEXT_FLOOR, score + CONTEXT_BOOST));
        steps.push({ kind: 'context', word, score: toScore(score) });
      }
    }
    if (counter) {
      const word = findContextWord(counter, around, contextReach);
      if (word !== undefined) {
        score = Math.max(0, score - CONTEXT_BOOST);
        steps.push({ kind: 'damped', by: word, score: toScore(score) });
      }
    }
    return candidate();
  };

  const starts = declaration.patterns.every((pattern) => pattern.starts !== undefined)
    ? startsOf(declaration.patterns, compiled)
    : undefined;
  if (starts && compiled.some(({ hasValueGroup, narrow }) => hasValueGroup || narrow))
    throw new TypeError(`recognizer ${name} says where matches start, and reports parts of them`);
  let needs: DigitNeed | undefined;
  return {
    name,
    entities: [...new Set(compiled.map((pattern) => pattern.entity))],
    triggers,
    cost: compiled.length,
    ...(declaration.reach ? { reach: declaration.reach } : {}),
    ...(declaration.guard ? { guard: declaration.guard } : {}),
    ...(declaration.inText ? { inText: declaration.inText } : {}),
    ...(declaration.requires ? { requires: declaration.requires } : {}),
    needs: () => (needs ??= needsOf(compiled)),
    find(input, window, report) {
      if (starts) {
        const { text, hint } = input;
        return eachStart(starts, text, window, (pattern, start) => {
          const end = endAt(pattern, text, start);
          if (end > start) report(judge(pattern, { text, start, end, hint }, input));
          return end;
        });
      }
      for (const pattern of compiled)
        eachMatch(pattern, input, window, (around) => report(judge(pattern, around, input)));
    },
  };
}

/** The engine makes one input per text; few texts have a value that asks for its column. */
const headersOf = new WeakMap<RecognizerInput, Headers>();

function headersIn(input: RecognizerInput): Headers {
  let headers = headersOf.get(input);
  if (!headers) headersOf.set(input, (headers = new Headers(input.text)));
  return headers;
}

function isByChance({ text, start, end }: Around, passes: PatternDeclaration['passes']): boolean {
  if (passes === undefined || /[A-Za-z]/.test(text.slice(start, end))) return false;
  return isInNumberRow(text, start, end) && !neighboursPass(text, start, end, passes);
}

/** Worked out when it is first asked for, like the patterns themselves. */
function needsOf(patterns: readonly CompiledPattern[]): DigitNeed {
  let digits = Infinity;
  let within = 0;
  for (const { matcher } of patterns) {
    const { regex, margin } = matcher();
    const tree = parseRegex(regex.source, regex.flags.replace('d', ''));
    digits = Math.min(digits, tree === undefined ? 0 : fewestDigits(tree));
    within = Math.max(within, margin);
  }
  return { digits: digits === Infinity ? 0 : digits, within };
}

interface CompiledPattern {
  readonly name: string;
  readonly entity: EntityType;
  readonly score: number;
  readonly hasValueGroup: boolean;
  readonly narrow: Pattern['narrow'];
  readonly matcher: () => Matcher;
}

interface Matcher {
  readonly regex: RegExp;
  /** The same, tried at one place. */
  readonly sticky: RegExp;
  /** Units after a window that a match begun in it can reach. */
  readonly margin: number;
}

function compilePattern(pattern: Pattern, entity: EntityType): CompiledPattern {
  const hasValueGroup = pattern.regex.source.includes('(?<value>');
  const flags = new Set([...pattern.regex.flags, 'g', ...(hasValueGroup ? ['d'] : [])]);
  flags.delete('y');
  // Compiled when it first runs: two hundred patterns at once would cost every start tens of milliseconds.
  let matcher: Matcher | undefined;
  return {
    name: pattern.name,
    entity: pattern.entity ?? entity,
    score: pattern.score,
    hasValueGroup,
    narrow: pattern.narrow,
    matcher: () =>
      (matcher ??= {
        regex: new RegExp(pattern.regex.source, [...flags].join('')),
        sticky: new RegExp(pattern.regex.source, `${pattern.regex.flags.replaceAll(/[gyd]/g, '')}y`),
        margin: Math.min(MARGIN_AFTER, regexExtent(pattern.regex) + 1),
      }),
  };
}

/** Where the match that begins at `at` ends; -1 when there is none. */
function endAt({ matcher }: CompiledPattern, text: string, at: number): number {
  const { sticky } = matcher();
  sticky.lastIndex = at;
  return sticky.test(text) ? sticky.lastIndex : -1;
}

function eachMatch(
  { hasValueGroup, narrow, matcher }: CompiledPattern,
  { text, hint }: RecognizerInput,
  window: Window,
  visit: (around: Around) => void,
): void {
  const { regex, margin } = matcher();
  const base = Math.max(0, window.start - MARGIN_BEFORE);
  const slice = base === 0 && window.end + margin >= text.length ? text : text.slice(base, window.end + margin);
  regex.lastIndex = window.start - base;
  for (let match = regex.exec(slice); match !== null; match = regex.exec(slice)) {
    if (match[0].length === 0) regex.lastIndex++;
    if (base + match.index >= window.end) return;
    const range = hasValueGroup ? match.indices?.groups?.['value'] : undefined;
    const start = base + (range ? range[0] : match.index);
    const end = base + (range ? range[1] : match.index + match[0].length);
    if (narrow) for (const part of narrow(text, start, end)) visit({ text, ...part, hint });
    else if (end > start) visit({ text, start, end, hint });
  }
}

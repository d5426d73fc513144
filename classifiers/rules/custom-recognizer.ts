/**
 * Recognizers made of patterns from a file. As definePattern, but for matchers of either engine; the engine's windows
 * come from what every match must hold, so a pattern costs nothing where it cannot match.
 */
import { contextMatcher, findContextWord } from '../context.ts';
import { toScore } from '../finding.ts';
import type { EntityType, ScoreStep } from '../finding.ts';
import { digits, keywords, run } from '../recognizer.ts';
import type { Candidate, Reach, Recognizer, RecognizerInput, Trigger, Window } from '../recognizer.ts';
import type { MatchRange, SafeRegex } from './safe-regex.ts';

export interface CustomPattern {
  readonly name: string;
  readonly regex: SafeRegex;
  readonly score: number;
  /** The value among the match and its groups; the whole match when absent. */
  readonly value?: (ranges: readonly (MatchRange | undefined)[]) => MatchRange | undefined;
  /** False drops the candidate as a near miss. */
  readonly accept?: (text: string, value: MatchRange, match: MatchRange) => boolean;
}

export interface CustomRules {
  readonly name: string;
  readonly entity: EntityType;
  readonly patterns: readonly CustomPattern[];
  /** Lower-case words; Presidio's constants for what they add. */
  readonly context: readonly string[];
  /** Literals one of which must be near; taken from the patterns when absent. */
  readonly keywords?: readonly string[];
}

/** Presidio's constants. */
const CONTEXT_BOOST = 0.35;
const CONTEXT_FLOOR = 0.4;
const CONTEXT_REACH: Reach = { before: 80, after: 40 };
/** How far a match without a longest length is followed, and how far from a keyword one is looked for. */
const FAR = 2_000;
/** Look-behind and word boundaries before a window. */
const MARGIN_BEFORE = 64;
/** A step of the linear engine costs about so many of V8's. */
const LINEAR_COST = 100;

/** Share of the worst case that is charged per unit of window. */
const STEPS_PER_COST = 2_000;

function costOf({ matcher, steps }: SafeRegex): number {
  return matcher.engine === 'linear' ? LINEAR_COST : 2 + Math.min(50, steps / STEPS_PER_COST);
}

/** customRecognizer makes the patterns of one rule a recognizer. */
export function customRecognizer(rules: CustomRules): Recognizer {
  const context = rules.context.length > 0 ? contextMatcher(rules.context) : undefined;
  const longest = Math.min(FAR, Math.max(...rules.patterns.map(({ regex }) => regex.longest)));
  const triggers = triggersOf(rules);
  const judge = (pattern: CustomPattern, input: RecognizerInput, value: MatchRange, match: MatchRange): Candidate => {
    const steps: ScoreStep[] = [{ kind: 'pattern', score: toScore(pattern.score) }];
    let score = pattern.score;
    const place = { text: input.text, hint: input.hint, start: value.start, end: value.end };
    const word = context && score < 1 ? findContextWord(context, place, CONTEXT_REACH) : undefined;
    if (word !== undefined) {
      score = Math.min(1, Math.max(CONTEXT_FLOOR, score + CONTEXT_BOOST));
      steps.push({ kind: 'context', word, score: toScore(score) });
    }
    const candidate = { entity: rules.entity, start: value.start, end: value.end, score, pattern: pattern.name, steps };
    const isAccepted = pattern.accept?.(input.text, value, match) ?? true;
    return isAccepted ? candidate : { ...candidate, rejected: 'invalidated' };
  };
  return {
    name: rules.name,
    entities: [rules.entity],
    triggers,
    reach: reachOf(rules, triggers, longest),
    cost: rules.patterns.reduce((cost, { regex }) => cost + costOf(regex), 0),
    find(input, window, report) {
      for (const pattern of rules.patterns) {
        eachMatch(pattern, input.text, window, longest, (value, match) => report(judge(pattern, input, value, match)));
      }
    },
  };
}

function eachMatch(
  pattern: CustomPattern,
  text: string,
  window: Window,
  longest: number,
  visit: (value: MatchRange, match: MatchRange) => void,
): void {
  const base = Math.max(0, window.start - MARGIN_BEFORE);
  const slice = text.slice(base, Math.min(text.length, window.end + longest + MARGIN_BEFORE));
  let from = window.start - base;
  while (base + from <= window.end) {
    const ranges = pattern.regex.matcher.exec(slice, from);
    const match = ranges?.[0];
    if (ranges === undefined || match === undefined || base + match.start >= window.end) return;
    const value = pattern.value?.(ranges) ?? match;
    if (value.end > value.start) visit(shift(value, base), shift(match, base));
    from = match.end > match.start ? match.end : match.end + 1;
  }
}

const shift = (range: MatchRange, by: number): MatchRange => ({ start: range.start + by, end: range.end + by });

/** The narrowest thing the one pass can look for, for each pattern. */
function triggersOf(rules: CustomRules): readonly Trigger[] {
  if (rules.keywords && rules.keywords.length > 0) return [keywords(...rules.keywords)];
  const literals = new Set<string>();
  const triggers: Trigger[] = [];
  for (const { name, regex } of rules.patterns) {
    const { required } = regex;
    const shortest = Math.min(...required.literals.map((literal) => literal.length));
    if (required.literals.length > 0 && shortest >= 3) for (const literal of required.literals) literals.add(literal);
    else if (required.digits >= 3) triggers.push(digits(required.digits));
    else if (required.alphanumerics >= 6) triggers.push(run('alphanumeric', required.alphanumerics));
    else if (required.literals.length > 0) for (const literal of required.literals) literals.add(literal);
    else if (required.digits > 0) triggers.push(digits(required.digits));
    else triggers.push({ kind: 'always', because: `nothing is certain to be in a match of ${name}` });
  }
  return literals.size > 0 ? [keywords(...literals), ...triggers] : triggers;
}

/** A match may begin as far before its trigger as it is long; a keyword from the file may stand outside the match. */
function reachOf(rules: CustomRules, triggers: readonly Trigger[], longest: number): Reach {
  const inside =
    rules.keywords === undefined || rules.patterns.every((pattern) => holdsKeyword(pattern, rules.keywords ?? []));
  if (!inside) return { before: FAR, after: FAR };
  // A run or a group of digits is reported whole: the match may begin anywhere in it.
  const isKeyword = triggers.every((trigger) => trigger.kind === 'keyword');
  return { before: longest, after: isKeyword ? 1 : 2 };
}

/** Whether every match contains one of the keywords, because every literal it must hold does. */
function holdsKeyword({ regex }: CustomPattern, words: readonly string[]): boolean {
  const { literals } = regex.required;
  return literals.length > 0 && literals.every((literal) => words.some((word) => literal.includes(word.toLowerCase())));
}

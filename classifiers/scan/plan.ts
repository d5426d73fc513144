/**
 * What the one pass looks for, compiled once: literals into an automaton, digit groups and runs into tables sorted by
 * length. A rule is anything that wants windows: a recognizer, or a view that decodes.
 */
import type { DigitNeed, Reach, RunClass, Trigger } from '../recognizer.ts';
import { buildAutomaton } from './automaton.ts';
import type { Automaton } from './automaton.ts';
import { compileGrams } from './digit-grams.ts';
import type { GramTable } from './digit-grams.ts';
import { skimPlan } from './skim-plan.ts';
import type { SkimPlan } from './skim-plan.ts';

/**
 * Triggers of views only. `single-characters`: that many letters or digits in a row, each alone between up to three other
 * characters. `look-alike-digits`: a word of digits and letters that look like them.
 */
export type ScanTrigger =
  | Trigger
  | { readonly kind: 'single-characters'; readonly atLeast: number }
  | { readonly kind: 'look-alike-digits' };

export interface ScanRule {
  readonly name: string;
  readonly triggers: readonly ScanTrigger[];
  readonly reach?: Reach | undefined;
  readonly requires?: { readonly digits: number } | undefined;
  readonly needs?: (() => DigitNeed) | undefined;
  /** Looks at what fired a keyword or run before a window is opened; must be cheap and bounded. */
  readonly guard?: ((text: string, start: number, end: number) => boolean) | undefined;
  /** The same for keywords, but not where the text is a hint. */
  readonly inText?: ((text: string, start: number, end: number) => boolean) | undefined;
}

export interface LengthRule {
  readonly atLeast: number;
  /** Of runs; absent means any. */
  readonly atMost?: number | undefined;
  readonly rule: number;
}

export interface DigitRule extends LengthRule {
  /** Bits of the grams of which a group must hold one; both 0 means any group will do. */
  readonly low: number;
  readonly high: number;
}

export interface ScanPlan {
  readonly rules: readonly ScanRule[];
  readonly before: Int32Array;
  readonly after: Int32Array;
  readonly automaton: Automaton;
  /** Per state in which literals end (row offset divided by the number of classes): rule, literal length, PLACE, rule, … */
  readonly hits: readonly (Int32Array | undefined)[];
  readonly guards: readonly (ScanRule['guard'] | undefined)[];
  readonly inText: readonly (ScanRule['inText'] | undefined)[];
  readonly digits: readonly DigitRule[];
  readonly grams: GramTable;
  readonly runs: Readonly<Record<RunClass, readonly LengthRule[]>>;
  readonly singles: readonly LengthRule[];
  readonly capitalized: readonly number[];
  readonly lookAlikeDigits: readonly number[];
  readonly always: readonly number[];
  /** Digit groups shorter than this interest nobody. */
  readonly shortestGroup: number;
  /** For the module of skim/; undefined when it cannot read by this plan. */
  readonly skim: SkimPlan | undefined;
}

const DEFAULT_REACH: Reach = { before: 64, after: 64 };

/** Where a literal must stand to count. */
export const PLACE = { anywhere: 0, whole: 1, besideHex: 2 } as const;

/** Where two triggers of one rule name a literal, the wider place stands. */
function placeOf(trigger: Trigger & { readonly kind: 'keyword' }, known: number | undefined): number {
  const place = trigger.whole ? PLACE.whole : trigger.beside ? PLACE.besideHex : PLACE.anywhere;
  return known === undefined || known === place ? place : PLACE.anywhere;
}

export function compilePlan(rules: readonly ScanRule[]): ScanPlan {
  /** Per literal: rule, and where it must stand, as in PLACE. */
  const rulesByLiteral = new Map<string, Map<number, number>>();
  const digits: (LengthRule & { readonly grams: readonly string[] | undefined })[] = [];
  const runs: Record<RunClass, LengthRule[]> = { alphanumeric: [], lettered: [], hex: [], token: [] };
  const singles: LengthRule[] = [];
  const capitalized: number[] = [];
  const lookAlikeDigits: number[] = [];
  const always: number[] = [];
  for (const [rule, { triggers }] of rules.entries()) {
    for (const trigger of triggers) {
      switch (trigger.kind) {
        case 'keyword':
          for (const literal of trigger.literals) {
            const folded = literal.toLowerCase();
            const known = rulesByLiteral.get(folded) ?? new Map<number, number>();
            rulesByLiteral.set(folded, known);
            known.set(rule, placeOf(trigger, known.get(rule)));
          }
          break;
        case 'digits':
          digits.push({ atLeast: trigger.atLeast, rule, grams: trigger.grams });
          break;
        case 'run':
          runs[trigger.of].push({ atLeast: trigger.atLeast, atMost: trigger.atMost, rule });
          break;
        case 'single-characters':
          singles.push({ atLeast: trigger.atLeast, rule });
          break;
        case 'capitalized':
          capitalized.push(rule);
          break;
        case 'look-alike-digits':
          lookAlikeDigits.push(rule);
          break;
        case 'always':
          always.push(rule);
          break;
      }
    }
  }
  const literals = [...rulesByLiteral.keys()];
  const automaton = buildAutomaton(literals);
  const hits: (Int32Array | undefined)[] = [];
  const hitsOf = (literal: string): readonly number[] =>
    [...(rulesByLiteral.get(literal) ?? [])].flatMap(([rule, whole]) => [rule, literal.length, whole]);
  for (const [state, ending] of automaton.ends)
    hits[state / automaton.classCount] = Int32Array.from([...ending].flatMap((id) => hitsOf(literals[id] ?? '')));
  const required = rules.map((rule) => rule.requires?.digits ?? Infinity);
  const { table, masks } = compileGrams(digits.map(({ grams }) => grams));
  const byLength = (left: LengthRule, right: LengthRule): number => left.atLeast - right.atLeast;
  const sortedRuns = {
    alphanumeric: runs.alphanumeric.toSorted(byLength),
    lettered: runs.lettered.toSorted(byLength),
    hex: runs.hex.toSorted(byLength),
    token: runs.token.toSorted(byLength),
  };
  const sortedSingles = singles.toSorted(byLength);
  return {
    rules,
    before: Int32Array.from(rules, (rule) => (rule.reach ?? DEFAULT_REACH).before),
    after: Int32Array.from(rules, (rule) => (rule.reach ?? DEFAULT_REACH).after),
    automaton,
    hits: Array.from({ length: automaton.next.length / automaton.classCount }, (_, state) => hits[state]),
    guards: rules.map((rule) => rule.guard),
    inText: rules.map((rule) => rule.inText),
    digits: digits
      .map(({ atLeast, rule }, index) => ({ atLeast, rule, low: 0, high: 0, ...masks[index] }))
      .toSorted(byLength),
    grams: table,
    runs: sortedRuns,
    singles: sortedSingles,
    capitalized,
    lookAlikeDigits,
    always,
    shortestGroup: Math.min(...digits.map((rule) => rule.atLeast), ...required),
    skim: skimPlan({ capitalized, runs: sortedRuns, singles: sortedSingles }, literals, hitsOf),
  };
}

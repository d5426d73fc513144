/**
 * Chooses the engine for a regular expression somebody else wrote. Proved linear: V8. Unsafe or unproved: re2js, whose time
 * is linear in the text whatever the pattern. Neither possible (look-around, back-references): refused, with the text
 * that would have stopped the proxy. Fails closed: a pattern nothing is known about never reaches V8.
 */
import { createRequire } from 'node:module';
import type { checkSync } from 'recheck';
import { RE2JS } from 're2js';
import { regexCost } from './regex-cost.ts';
import type { RegexCost } from './regex-cost.ts';
import { requiredOf } from './regex-required.ts';
import type { Required } from './regex-required.ts';
import { parseRegex } from './regex-syntax.ts';
import type { RegexNode } from './regex-syntax.ts';

export interface MatchRange {
  readonly start: number;
  readonly end: number;
}

export interface Matcher {
  /** `backtracking`: V8, after a proof. `linear`: re2js. */
  readonly engine: 'backtracking' | 'linear';
  /** Ranges of the match and its groups from `from` on, or undefined. Ranges of groups that took no part are undefined. */
  exec(text: string, from: number): readonly (MatchRange | undefined)[] | undefined;
}

export interface SafeRegex {
  readonly kind: 'safe';
  readonly matcher: Matcher;
  /** `bounded`: a constant number of steps per place. `automaton`: recheck's exact analysis. `engine`: re2js needs no proof. `searched`: recheck looked for an attack and found none. */
  readonly proof: 'bounded' | 'automaton' | 'engine' | 'searched';
  readonly longest: number;
  /** Bound of steps from one place; Infinity when there is none. */
  readonly steps: number;
  readonly required: Required;
}

export interface RefusedRegex {
  readonly kind: 'refused';
  readonly reason: string;
  /** A text that takes super-linear time, written as an expression, when one was found. */
  readonly attack?: string;
}

export interface RegexText {
  /** ECMAScript. */
  readonly source: string;
  readonly flags: string;
  /** The same in RE2's syntax, for the linear engine; undefined when it cannot be said there. */
  readonly linearSource: string | undefined;
}

/** Steps from one place up to which V8 may run a pattern. The bound is a worst case no text reaches; its share is charged as cost. */
const MOST_STEPS = 100_000;
/** recheck's time for one pattern. Longer for those that have no other engine to go to. */
const CHECK_MS = 400;
const LAST_CHECK_MS = 8_000;
const NOTHING_REQUIRED: Required = { literals: [], digits: 0, alphanumerics: 0 };

/** What is left of the time for proofs at one load; patterns after that go to the linear engine unproved. */
export interface ProofBudget {
  milliseconds: number;
}
export const proofBudget = (): ProofBudget => ({ milliseconds: 1_500 });

export function checkRegex(regex: RegexText, budget: ProofBudget): SafeRegex | RefusedRegex {
  const compiled = compileBacktracking(regex);
  if (compiled === undefined && regex.linearSource === undefined) {
    return { kind: 'refused', reason: 'it is not a regular expression this engine knows' };
  }
  const tree = parseRegex(regex.source, regex.flags);
  const cost = tree === undefined ? undefined : regexCost(tree);
  const facts = { longest: cost?.longest ?? Infinity, steps: cost?.steps ?? Infinity, required: requirements(tree) };
  if (compiled && cost && isBounded(cost)) return { kind: 'safe', matcher: compiled, proof: 'bounded', ...facts };
  const linear = compileLinear(regex);
  if (compiled === undefined) {
    return linear
      ? { kind: 'safe', matcher: linear, proof: 'engine', ...facts }
      : { kind: 'refused', reason: 'it compiles on no engine' };
  }
  const verdict = recheck(regex, linear === undefined, budget);
  if (verdict.kind === 'proved') return { kind: 'safe', matcher: compiled, proof: 'automaton', ...facts };
  if (linear) return { kind: 'safe', matcher: linear, proof: 'engine', ...facts };
  if (verdict.kind === 'searched') return { kind: 'safe', matcher: compiled, proof: 'searched', ...facts };
  const why = 'look-around or back-references keep it from the linear engine';
  if (verdict.kind === 'attacked')
    return { kind: 'refused', reason: `it takes super-linear time, and ${why}`, attack: verdict.attack };
  return { kind: 'refused', reason: `it could not be proved linear, and ${why}` };
}

function isBounded(cost: RegexCost): boolean {
  return cost.steps <= MOST_STEPS;
}

function requirements(tree: RegexNode | undefined): Required {
  return tree === undefined ? NOTHING_REQUIRED : requiredOf(tree);
}

function compileBacktracking({ source, flags }: RegexText): Matcher | undefined {
  let regex: RegExp;
  try {
    regex = new RegExp(source, `${flags}dg`);
  } catch {
    return undefined;
  }
  return {
    engine: 'backtracking',
    exec(text, from) {
      regex.lastIndex = from;
      const match = regex.exec(text);
      if (match === null) return undefined;
      return (match.indices ?? []).map((range) =>
        range === undefined ? undefined : { start: range[0], end: range[1] },
      );
    },
  };
}

function compileLinear({ linearSource, flags }: RegexText): Matcher | undefined {
  if (linearSource === undefined) return undefined;
  let regex: RE2JS;
  try {
    regex = RE2JS.compile(linearSource, linearFlags(flags));
  } catch {
    return undefined;
  }
  return {
    engine: 'linear',
    exec(text, from) {
      const matcher = regex.matcher(text);
      if (!matcher.find(from)) return undefined;
      return Array.from({ length: matcher.groupCount() + 1 }, (_, group) => {
        const start = matcher.start(group);
        return start < 0 ? undefined : { start, end: matcher.end(group) };
      });
    },
  };
}

function linearFlags(flags: string): number {
  return (
    (flags.includes('i') ? RE2JS.CASE_INSENSITIVE : 0) |
    (flags.includes('s') ? RE2JS.DOTALL : 0) |
    (flags.includes('m') ? RE2JS.MULTILINE : 0)
  );
}

type Recheck =
  | { readonly kind: 'proved' | 'searched' | 'unknown' }
  | { readonly kind: 'attacked'; readonly attack: string };

/** recheck is 3 MB and takes 0.1 s to load, so only patterns that the bound does not settle load it. */
let loadedCheck: typeof checkSync | undefined;

function recheck({ source, flags }: RegexText, isLastResort: boolean, budget: ProofBudget): Recheck {
  if (!isLastResort && budget.milliseconds <= 0) return { kind: 'unknown' };
  const started = performance.now();
  const module: { checkSync: typeof checkSync } | undefined = loadedCheck
    ? undefined
    : createRequire(import.meta.url)('recheck/lib/browser.js');
  const check = (loadedCheck ??= module?.checkSync);
  if (check === undefined) return { kind: 'unknown' };
  let result: ReturnType<typeof checkSync>;
  try {
    result = check(source, flags, {
      timeout: isLastResort ? LAST_CHECK_MS : CHECK_MS,
      // Only the automaton's answer is a proof; searching for attacks is worth its time when nothing else is left.
      checker: isLastResort ? 'auto' : 'automaton',
    });
  } catch {
    // Its own stack ends on some patterns, as on a group that refers to itself: nothing was proved.
    return { kind: 'unknown' };
  }
  if (!isLastResort) budget.milliseconds -= performance.now() - started;
  switch (result.status) {
    case 'safe':
      return { kind: result.checker === 'automaton' ? 'proved' : 'searched' };
    case 'vulnerable':
      return { kind: 'attacked', attack: result.attack.pattern };
    case 'unknown':
      return { kind: 'unknown' };
  }
}

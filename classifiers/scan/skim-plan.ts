/** The part of a plan that the module of skim/ reads: the automaton over bytes, small enough to stay near, and the lengths that matter. */
import { buildAutomaton } from './automaton.ts';
import type { LengthRule, ScanPlan } from './plan.ts';

export interface SkimPlan {
  /** Byte -> class. */
  readonly classes: Uint8Array;
  readonly classCount: number;
  /** Next state by state and class; states are offsets of rows, complemented where literals end. */
  readonly next: Int32Array;
  /** Per state what ends there, as in ScanPlan.hits. */
  readonly hits: readonly (Int32Array | undefined)[];
  /** Per state, 1 where all that ends is one mark that counts beside hex digits only. */
  readonly isBesideHex: (state: number) => boolean;
  readonly shortestWord: number;
  readonly shortestRun: number;
  readonly shortestToken: number;
  readonly fewestSingles: number;
}

/** PLACE.besideHex of plan.ts, which imports this. */
const BESIDE_HEX = 2;
/** Numbers of the module's table; 16 MB. */
const LARGEST_TABLE = 1 << 22;
const NEVER = 0x3fff_ffff;
/** Runs without any digit count from this length on: no identifier of letters and digits is shorter and has none. */
export const LONG_WITHOUT_DIGIT = 25;

/** skimPlan is undefined when the plan asks for what the module does not report, or has more literals than it can hold. */
export function skimPlan(
  plan: Pick<ScanPlan, 'capitalized' | 'runs' | 'singles'>,
  literals: readonly string[],
  hitsOf: (literal: string) => readonly number[],
): SkimPlan | undefined {
  const shortest = (rules: readonly LengthRule[]): number => rules[0]?.atLeast ?? NEVER;
  const shortestRun = Math.min(shortest(plan.runs.alphanumeric), shortest(plan.runs.lettered), shortest(plan.runs.hex));
  // A hex run of letters alone must not hide in a plain word.
  if (plan.capitalized.length > 0 || shortestRun < 2 || shortest(plan.runs.hex) < 16) return undefined;
  // A literal with any other unit cannot stand in a text of bytes.
  const own = literals.filter((literal) => !/[^\0-\xff]/.test(literal));
  const { classes, classCount, next, ends } = buildAutomaton(own);
  if (classCount > 256 || next.length > LARGEST_TABLE) return undefined;
  const hits: (Int32Array | undefined)[] = [];
  for (let state = 0; state < next.length; state += classCount) {
    const ending = ends.get(state);
    hits.push(ending && Int32Array.from([...ending].flatMap((id) => hitsOf(own[id] ?? ''))));
  }
  return {
    classes: Uint8Array.from(classes.subarray(0, 256)),
    classCount,
    next,
    isBesideHex: (state) => isBesideHex(hits[state / classCount]),
    hits,
    shortestWord: Math.min(LONG_WITHOUT_DIGIT, shortest(plan.runs.hex)),
    shortestRun,
    shortestToken: shortest(plan.runs.token),
    fewestSingles: shortest(plan.singles),
  };
}

/** All that ends in a state are marks of one unit that count beside hex digits only. */
function isBesideHex(hits: Int32Array | undefined): boolean {
  if (hits === undefined) return false;
  for (let at = 0; at < hits.length; at += 3) if (hits[at + 1] !== 1 || hits[at + 2] !== BESIDE_HEX) return false;
  return true;
}

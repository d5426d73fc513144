/** What every match of a pattern must hold, so that the one pass can look for it instead of running the pattern everywhere. */
import { isSubset } from './regex-syntax.ts';
import type { CharacterSet, RegexNode } from './regex-syntax.ts';

const DIGITS: CharacterSet = [[0x30, 0x39]];
const ALPHANUMERIC: CharacterSet = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x61, 0x7a],
];

/** What every match holds, for the one pass to look for. Empty and 0 mean: nothing is certain. */
export interface Required {
  /** Every match contains one of these, in lower case. */
  readonly literals: readonly string[];
  /** Every match contains so many digits in a row. */
  readonly digits: number;
  /** Every match contains so many letters or digits in a row. */
  readonly alphanumerics: number;
}

const MOST_LITERALS = 256;
const LONGEST_LITERAL = 32;

/** requiredOf finds what every match must hold. */
export function requiredOf(node: RegexNode): Required {
  return {
    literals: literalsOf(node) ?? [],
    digits: longestRun(node, DIGITS),
    alphanumerics: longestRun(node, ALPHANUMERIC),
  };
}

function literalsOf(node: RegexNode): readonly string[] | undefined {
  switch (node.kind) {
    case 'sequence':
      return bestOf([...stretches(node.items), ...node.items.map(literalsOf)]);
    case 'choice': {
      const all = node.items.map(literalsOf);
      if (all.some((literals) => literals === undefined)) return undefined;
      const flat = [...new Set(all.flatMap((literals) => literals ?? []))];
      return flat.length <= MOST_LITERALS ? flat : undefined;
    }
    case 'repeat':
      return node.least > 0 ? literalsOf(node.item) : undefined;
    case 'set': {
      const letter = letterOf(node.set);
      return letter === undefined ? undefined : [letter];
    }
    case 'anchor':
    case 'look':
    case 'back-reference':
      return undefined;
  }
}

/** Neighbouring single characters read as one literal: `g`, `h`, `p`, `_`. */
function stretches(items: readonly RegexNode[]): readonly (readonly string[])[] {
  const found: string[][] = [];
  let current = '';
  const close = (): void => {
    if (current !== '') found.push([current]);
    current = '';
  };
  for (const item of items) {
    const letter = item.kind === 'set' ? letterOf(item.set) : undefined;
    if (letter === undefined) {
      if (item.kind !== 'anchor' && item.kind !== 'look') close();
    } else if (current.length < LONGEST_LITERAL) current += letter;
  }
  close();
  return found;
}

/** The longest shortest literal wins: it fires least. */
function bestOf(candidates: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  let best: readonly string[] | undefined;
  let bestLength = 0;
  for (const literals of candidates) {
    if (literals === undefined || literals.length === 0) continue;
    const shortest = Math.min(...literals.map((literal) => literal.length));
    if (shortest > bestLength) {
      best = literals;
      bestLength = shortest;
    }
  }
  return best;
}

/** The one character a set stands for, case aside, in lower case. */
export function letterOf(set: CharacterSet): string | undefined {
  const codes: number[] = [];
  for (const [from, to] of set) {
    if (to - from > 1) return undefined;
    for (let code = from; code <= to; code++) codes.push(code);
  }
  const letters = new Set(codes.map((code) => String.fromCharCode(code).toLowerCase()));
  return letters.size === 1 ? [...letters][0] : undefined;
}

function longestRun(node: RegexNode, within: CharacterSet): number {
  switch (node.kind) {
    case 'set':
      return isSubset(node.set, within) ? 1 : 0;
    case 'sequence': {
      let best = 0;
      let current = 0;
      for (const item of node.items) {
        const fixed = fixedRun(item, within);
        if (fixed !== undefined) current += fixed;
        else current = item.kind === 'anchor' || item.kind === 'look' ? current : 0;
        best = Math.max(best, current, longestRun(item, within));
      }
      return best;
    }
    case 'choice':
      return Math.min(...node.items.map((item) => longestRun(item, within)));
    case 'repeat':
      if (node.least === 0) return 0;
      return node.item.kind === 'set' && isSubset(node.item.set, within) ? node.least : longestRun(node.item, within);
    case 'anchor':
    case 'look':
    case 'back-reference':
      return 0;
  }
}

/** Length a node adds to an unbroken run, when all it can match lies within the set. */
function fixedRun(node: RegexNode, within: CharacterSet): number | undefined {
  if (node.kind === 'set') return isSubset(node.set, within) ? 1 : undefined;
  if (node.kind === 'repeat' && node.item.kind === 'set' && isSubset(node.item.set, within)) return node.least;
  return undefined;
}

/**
 * What a backtracking engine can be made to do: the longest match, and an upper bound on the steps it takes from one
 * starting place. A bound that is a constant proves a scan linear. Fails towards Infinity.
 */
import { ANYTHING, areDisjoint, isSubset, union } from './regex-syntax.ts';
import type { CharacterSet, RegexNode } from './regex-syntax.ts';

export interface RegexCost {
  /** UTF-16 units of the longest match; Infinity when there is no longest. */
  readonly longest: number;
  readonly shortest: number;
  /** Upper bound of steps from one starting place. */
  readonly steps: number;
}

interface Shape {
  /** Ways the node can match from one place. */
  readonly paths: number;
  readonly steps: number;
  readonly first: CharacterSet;
  readonly nullable: boolean;
}

/** regexCost bounds the work of a pattern. */
export function regexCost(node: RegexNode): RegexCost {
  return { longest: lengthOf(node, 'most'), shortest: lengthOf(node, 'least'), steps: wholeShape(node).steps };
}

function lengthOf(node: RegexNode, which: 'least' | 'most'): number {
  switch (node.kind) {
    case 'set':
      return 1;
    case 'sequence':
      return node.items.reduce((total, item) => total + lengthOf(item, which), 0);
    case 'choice': {
      const lengths = node.items.map((item) => lengthOf(item, which));
      return which === 'most' ? Math.max(...lengths) : Math.min(...lengths);
    }
    case 'repeat': {
      const times = node[which];
      return times === 0 ? 0 : times * lengthOf(node.item, which);
    }
    case 'anchor':
    case 'look':
      return 0;
    case 'back-reference':
      return which === 'most' ? Infinity : 0;
  }
}

/** The shape of a whole pattern: what ends it, ends the match. */
function wholeShape(node: RegexNode): Shape {
  if (node.kind === 'choice') return choiceShape(node.items.map(wholeShape));
  return sequenceShape(node.kind === 'sequence' ? node.items : [node], true);
}

function shapeOf(node: RegexNode): Shape {
  switch (node.kind) {
    case 'set':
      return { paths: 1, steps: 1, first: node.set, nullable: false };
    case 'anchor':
      return { paths: 1, steps: 1, first: [], nullable: true };
    case 'look':
      return { paths: 1, steps: 1 + shapeOf(node.item).steps, first: [], nullable: true };
    case 'back-reference':
      return { paths: Infinity, steps: Infinity, first: [[0, 0xffff]], nullable: true };
    case 'choice':
      return choiceShape(node.items.map(shapeOf));
    case 'repeat':
      return repeatShape(shapeOf(node.item), node.least, node.most);
    case 'sequence':
      return sequenceShape(node.items);
  }
}

function choiceShape(shapes: readonly Shape[]): Shape {
  let areApart = shapes.every((shape) => !shape.nullable);
  let first: CharacterSet = [];
  for (const shape of shapes) {
    areApart &&= areDisjoint(first, shape.first);
    first = union(first, shape.first);
  }
  const paths = shapes.map((shape) => shape.paths);
  const steps = shapes.map((shape) => shape.steps);
  return {
    // Alternatives that begin differently: only one of them can be entered.
    paths: areApart ? Math.max(...paths) : sum(paths),
    steps: shapes.length + (areApart ? Math.max(...steps) : sum(steps)),
    first,
    nullable: shapes.some((shape) => shape.nullable),
  };
}

function repeatShape(item: Shape, least: number, most: number): Shape {
  if (most === 0) return { paths: 1, steps: 1, first: [], nullable: true };
  const nullable = least === 0 || item.nullable;
  if (most === Infinity) return { paths: Infinity, steps: Infinity, first: item.first, nullable };
  let paths = 0;
  let steps = 1;
  let power = 1;
  for (let count = 0; count <= most; count++) {
    if (count >= least) paths += power;
    if (count < most) steps += power * item.steps;
    power *= item.paths;
    if (power === Infinity || steps > 1e12) return { paths: Infinity, steps: Infinity, first: item.first, nullable };
  }
  return { paths, steps, first: item.first, nullable };
}

/** Right to left: what follows decides how many ends of a repetition are worth trying. */
function sequenceShape(items: readonly RegexNode[], isWhole = false): Shape {
  let rest: Shape = { paths: 1, steps: 0, first: [], nullable: true };
  for (let index = items.length - 1; index >= 0; index--) {
    const item = items[index];
    if (item === undefined) continue;
    const block = blockEndingAt(items, index);
    if (block.length > 1 && !rest.nullable && block.every((part) => areDisjoint(part.item.set, rest.first))) {
      rest = beforeBlock(block, rest);
      index -= block.length - 1;
    } else if (isOpen(item))
      rest = afterAnchor(items, index, rest, isWhole && items.slice(index + 1).every(isOptional)) ?? IMPOSSIBLE;
    else {
      const literals = item.kind === 'repeat' && item.item.kind === 'set' ? literalsAt(items, index + 1) : undefined;
      rest = literals === undefined ? before(item, shapeOf(item), rest) : beforeLiterals(shapeOf(item), literals, rest);
    }
  }
  return rest;
}

const IMPOSSIBLE: Shape = { paths: Infinity, steps: Infinity, first: ANYTHING, nullable: true };

interface SetRepeat {
  readonly kind: 'repeat';
  readonly item: { readonly kind: 'set'; readonly set: CharacterSet };
  readonly least: number;
  readonly most: number;
}

function isSetRepeat(node: RegexNode | undefined): node is SetRepeat {
  return node?.kind === 'repeat' && node.item.kind === 'set';
}

function isOpen(node: RegexNode): node is SetRepeat {
  return isSetRepeat(node) && node.most === Infinity;
}

/** Matches nothing when it has to; an anchor does not. */
function isOptional(node: RegexNode): boolean {
  return node.kind === 'repeat' && node.least === 0;
}

function blockEndingAt(items: readonly RegexNode[], end: number): readonly SetRepeat[] {
  const block: SetRepeat[] = [];
  for (let index = end; index >= 0; index--) {
    const item = items[index];
    if (!isSetRepeat(item) || item.most === Infinity) break;
    block.unshift(item);
  }
  return block;
}

/**
 * `[\w ]{0,20}[\s']{0,3}=`: what follows is in none of the sets, so all splits end at one place; their number is that of
 * the lengths of all but the longest part.
 */
function beforeBlock(block: readonly SetRepeat[], rest: Shape): Shape {
  const lengths = block.map((part) => part.most - part.least + 1);
  const tries = lengths.reduce((product, length) => product * length, 1);
  const paths = tries / Math.max(...lengths);
  const steps = sum(block.map((part) => part.most)) + 2 * tries + paths * rest.steps;
  let { first, nullable } = rest;
  for (const part of block.toReversed()) {
    nullable &&= part.least === 0;
    first = part.least === 0 ? union(part.item.set, first) : part.item.set;
  }
  return { paths: paths * rest.paths, steps, first, nullable };
}

/**
 * A repetition without an end costs a constant per place when something before it can stand in none of what it repeats:
 * then only the few starting places just before a run ever walk along it. What follows must not walk it again.
 */
function afterAnchor(items: readonly RegexNode[], index: number, rest: Shape, isLast: boolean): Shape | undefined {
  const item = items[index];
  if (item === undefined || !isOpen(item)) return undefined;
  const { set } = item.item;
  const earlier = items.slice(0, index);
  // At the very end it always succeeds, and the search goes on after it.
  if (!isLast) {
    if (!earlier.some((node) => isMandatoryOutside(node, set))) return undefined;
    if (rest.nullable || !areDisjoint(set, rest.first)) return undefined;
  }
  const starts = isLast ? 1 : 1 + Math.min(1_000, sum(earlier.map((node) => lengthOf(node, 'most'))));
  const first = item.least === 0 ? union(set, rest.first) : set;
  return {
    paths: rest.paths,
    steps: item.least + 4 * starts + rest.steps,
    first,
    nullable: item.least === 0 && rest.nullable,
  };
}

function isMandatoryOutside(node: RegexNode, set: CharacterSet): boolean {
  if (node.kind === 'set') return areDisjoint(node.set, set);
  if (node.kind === 'repeat') return node.least > 0 && node.item.kind === 'set' && areDisjoint(node.item.set, set);
  return node.kind === 'sequence' && node.items.some((item) => isMandatoryOutside(item, set));
}

function before(node: RegexNode, shape: Shape, rest: Shape): Shape {
  const first = shape.nullable ? union(shape.first, rest.first) : shape.first;
  const nullable = shape.nullable && rest.nullable;
  if (isSetRepeat(node) && !rest.nullable && areDisjoint(node.item.set, rest.first)) {
    // `[a-z]{1,64}@`: of all ends only the longest can go on; every shorter one fails at its first character.
    return { paths: rest.paths, steps: 2 * shape.steps + shape.paths + rest.steps, first, nullable };
  }
  const following = rest.steps === 0 ? 0 : shape.paths * rest.steps;
  return { paths: shape.paths * rest.paths, steps: shape.steps + following, first, nullable };
}

/** `[\w.-]{0,50}?token`: a literal stands at few of the ends, because it overlaps itself only by its period. */
function beforeLiterals(shape: Shape, literals: readonly string[], rest: Shape): Shape {
  const places = sum(literals.map((literal) => 1 + Math.ceil(shape.paths / periodOf(literal))));
  const ends = Math.min(shape.paths, places);
  const failures = shape.paths * sum(literals.map((literal) => literal.length));
  const first = shape.nullable ? union(shape.first, rest.first) : shape.first;
  return { paths: ends * rest.paths, steps: shape.steps + failures + ends * rest.steps, first, nullable: false };
}

/** The literal, or the literals to choose from, that a sequence goes on with; at least three characters each. */
function literalsAt(items: readonly RegexNode[], from: number): readonly string[] | undefined {
  const next = items[from];
  const choices = next?.kind === 'choice' ? next.items : [{ kind: 'sequence', items: items.slice(from) } as const];
  const literals = choices.map(leadingLiteral);
  return literals.every((literal) => literal.length >= 3) ? literals : undefined;
}

function leadingLiteral(node: RegexNode): string {
  if (node.kind === 'set') return letterOf(node.set) ?? '';
  if (node.kind !== 'sequence') return '';
  let literal = '';
  for (const item of node.items) {
    if (item.kind === 'sequence' && literal === '') return leadingLiteral(item);
    const letter = item.kind === 'set' ? letterOf(item.set) : undefined;
    if (letter === undefined) break;
    literal += letter;
  }
  return literal;
}

/** The least shift at which a word fits over itself: 2 for `abab`, 3 for `abc`. */
function periodOf(word: string): number {
  for (let shift = 1; shift < word.length; shift++) {
    if (word.startsWith(word.slice(shift))) return shift;
  }
  return word.length;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, value) => total + value, 0);

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
function letterOf(set: CharacterSet): string | undefined {
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

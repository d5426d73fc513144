/**
 * What a backtracking engine can be made to do: the longest match, and an upper bound on the steps it takes from one
 * starting place. A bound that is a constant proves a scan linear. Fails towards Infinity.
 */
import { letterOf } from './regex-required.ts';
import { ANYTHING, areDisjoint, union } from './regex-syntax.ts';
import type { CharacterSet, RegexNode } from './regex-syntax.ts';

export interface RegexCost {
  /** UTF-16 units of the longest match; Infinity when there is no longest. */
  readonly longest: number;
  readonly shortest: number;
  /** Upper bound of steps from one starting place. */
  readonly steps: number;
}

/** Units a back-reference may compare. */
const LONGEST_GROUP = 64;

interface Shape {
  /** Ways the node can match from one place. */
  readonly paths: number;
  readonly steps: number;
  readonly first: CharacterSet;
  readonly nullable: boolean;
  /**
   * The part of `paths` that comes from a repetition at the end: when what follows is in none of this set, all but one
   * of its ends fail at once.
   */
  readonly loose?: { readonly set: CharacterSet; readonly paths: number };
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
  const items = node.kind === 'sequence' ? node.items : [node];
  if (startsText(items[0]) && openRepeats(node) === 1) return onePass(node);
  return sequenceShape(items, true);
}

function startsText(node: RegexNode | undefined): boolean {
  return node?.kind === 'anchor' && node.isStart;
}

/** `^…$` with one repetition without an end: there is one starting place, so the text is walked once and back once. */
function onePass(node: RegexNode): Shape {
  const { paths, steps, first, nullable } = shapeOf(closeOpenRepeats(node));
  return { paths, steps: 2 * steps, first, nullable };
}

/** One way to match each time, so that turns cannot be split in several ways. */
function isSteady(node: RegexNode): boolean {
  if (node.kind === 'set' || node.kind === 'back-reference') return true;
  const { paths, nullable } = shapeOf(node);
  return paths === 1 && !nullable;
}

function openRepeats(node: RegexNode): number {
  switch (node.kind) {
    case 'repeat':
      return (
        (node.most === Infinity ? (isSteady(node.item) ? 1 : 2) : 0) + (node.most > 1 ? 2 : 1) * openRepeats(node.item)
      );
    case 'sequence':
    case 'choice':
      return sum(node.items.map(openRepeats));
    case 'look':
      return openRepeats(node.item);
    case 'set':
    case 'anchor':
    case 'back-reference':
      return 0;
  }
}

function closeOpenRepeats(node: RegexNode): RegexNode {
  switch (node.kind) {
    case 'repeat':
      return {
        ...node,
        item: closeOpenRepeats(node.item),
        most: node.most === Infinity ? node.least + 1 : node.most,
      };
    case 'sequence':
    case 'choice':
      return { ...node, items: node.items.map(closeOpenRepeats) };
    case 'look':
      return { kind: 'look', item: closeOpenRepeats(node.item) };
    case 'set':
    case 'anchor':
    case 'back-reference':
      return node;
  }
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
      // One way to match; as long as its group, which is bounded or makes the whole unbounded by itself.
      return { paths: 1, steps: LONGEST_GROUP, first: ANYTHING, nullable: true };
    case 'choice':
      return choiceShape(node.items.map(shapeOf));
    case 'repeat':
      return repeatShape(node.item, shapeOf(node.item), node.least, node.most);
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

function repeatShape(node: RegexNode, item: Shape, least: number, most: number): Shape {
  if (most === 0) return { paths: 1, steps: 1, first: [], nullable: true };
  const nullable = least === 0 || item.nullable;
  if (most === Infinity) return { paths: Infinity, steps: Infinity, first: item.first, nullable };
  // `(?:\\.[a-z]{1,40}){0,4}`: each turn begins with what the turn before cannot end with, so turns do not blur.
  const isApart = item.loose !== undefined && !item.nullable && areDisjoint(item.loose.set, item.first);
  const perTurn = isApart && item.loose ? item.paths / item.loose.paths : item.paths;
  let paths = 0;
  let steps = 1;
  let power = 1;
  for (let count = 0; count <= most; count++) {
    if (count >= least) paths += power;
    if (count < most) steps += power * item.steps;
    power *= perTurn;
    if (power === Infinity || steps > 1e12) return { paths: Infinity, steps: Infinity, first: item.first, nullable };
  }
  if (isApart && item.loose) {
    const last = { set: union(item.loose.set, item.first), paths: item.loose.paths };
    return { paths: paths * item.loose.paths, steps: 2 * steps, first: item.first, nullable, loose: last };
  }
  const isSet = node.kind === 'set';
  return { paths, steps, first: item.first, nullable, ...(isSet ? { loose: { set: node.set, paths } } : {}) };
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
      rest = literals === undefined ? before(shapeOf(item), rest) : beforeLiterals(shapeOf(item), literals, rest);
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

function before(shape: Shape, rest: Shape): Shape {
  const first = shape.nullable ? union(shape.first, rest.first) : shape.first;
  const nullable = shape.nullable && rest.nullable;
  const { loose } = shape;
  if (loose !== undefined && !rest.nullable && areDisjoint(loose.set, rest.first)) {
    // `[a-z]{1,64}@`: of all ends only the longest can go on; every shorter one fails at its first character.
    const paths = shape.paths / loose.paths;
    const steps = 2 * shape.steps + shape.paths + paths * rest.steps;
    return { paths: paths * rest.paths, steps, first, nullable, ...trailing(rest) };
  }
  const following = rest.steps === 0 ? 0 : shape.paths * rest.steps;
  const end = rest.steps === 0 ? trailing(shape) : trailing(rest);
  return { paths: shape.paths * rest.paths, steps: shape.steps + following, first, nullable, ...end };
}

const trailing = (shape: Shape): Pick<Shape, 'loose'> => (shape.loose === undefined ? {} : { loose: shape.loose });

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

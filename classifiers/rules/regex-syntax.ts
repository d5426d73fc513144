/**
 * A reader of ECMAScript regular expressions, as far as proofs about them need: sets of characters, order, choice,
 * repetition, look-around. Fails towards `undefined`: a pattern that is not understood is a pattern nothing is proved of.
 */

/** Inclusive ranges of UTF-16 units, sorted, not touching. */
export type CharacterSet = readonly (readonly [number, number])[];

export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly item: RegexNode; readonly least: number; readonly most: number }
  /** Anchors and word boundaries: nothing consumed, constant work. `isStart`: the start of the whole text. */
  | { readonly kind: 'anchor'; readonly isStart: boolean }
  | { readonly kind: 'look'; readonly item: RegexNode }
  | { readonly kind: 'back-reference' };

const LAST = 0xffff;
const DIGITS: CharacterSet = [[0x30, 0x39]];
const WORDS: CharacterSet = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const BLANKS: CharacterSet = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const LINE_ENDS: CharacterSet = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
export const ANYTHING: CharacterSet = [[0, LAST]];

/** parseRegex returns the tree of a pattern, or undefined when something in it is not known here. */
export function parseRegex(source: string, flags: string): RegexNode | undefined {
  try {
    return new Reader(source, flags).read();
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

export function union(left: CharacterSet, right: CharacterSet): CharacterSet {
  const sorted = [...left, ...right].toSorted((first, second) => first[0] - second[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = merged.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

export function complement(set: CharacterSet): CharacterSet {
  const result: [number, number][] = [];
  let from = 0;
  for (const [start, end] of set) {
    if (start > from) result.push([from, start - 1]);
    from = end + 1;
  }
  if (from <= LAST) result.push([from, LAST]);
  return result;
}

export function areDisjoint(left: CharacterSet, right: CharacterSet): boolean {
  return !left.some(([from, to]) => right.some(([start, end]) => from <= end && start <= to));
}

export function isSubset(inner: CharacterSet, outer: CharacterSet): boolean {
  return inner.every(([from, to]) => outer.some(([start, end]) => start <= from && to <= end));
}

class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood';
}

class Reader {
  readonly #source: string;
  readonly #dotAll: boolean;
  readonly #isMultiline: boolean;
  readonly #isUnicode: boolean;
  #ignoreCase: boolean;
  #at = 0;

  constructor(source: string, flags: string) {
    if (flags.includes('v')) throw new NotUnderstood();
    this.#source = source;
    this.#ignoreCase = flags.includes('i');
    this.#dotAll = flags.includes('s');
    this.#isMultiline = flags.includes('m');
    this.#isUnicode = flags.includes('u');
  }

  read(): RegexNode {
    const node = this.#choice();
    if (this.#at < this.#source.length) throw new NotUnderstood();
    return node;
  }

  #choice(): RegexNode {
    const items = [this.#sequence()];
    while (this.#eat('|')) items.push(this.#sequence());
    return items.length === 1 && items[0] ? items[0] : { kind: 'choice', items };
  }

  #sequence(): RegexNode {
    const items: RegexNode[] = [];
    while (this.#at < this.#source.length && this.#peek() !== '|' && this.#peek() !== ')') items.push(this.#term());
    return items.length === 1 && items[0] ? items[0] : { kind: 'sequence', items };
  }

  #term(): RegexNode {
    const item = this.#atom();
    const bounds = this.#quantifier();
    if (bounds === undefined) return item;
    if (item.kind === 'anchor' || item.kind === 'look') throw new NotUnderstood();
    return { kind: 'repeat', item, least: bounds[0], most: bounds[1] };
  }

  #quantifier(): readonly [number, number] | undefined {
    const sign = this.#peek();
    let bounds: readonly [number, number] | undefined;
    if (sign === '*') bounds = [0, Infinity];
    else if (sign === '+') bounds = [1, Infinity];
    else if (sign === '?') bounds = [0, 1];
    if (bounds) this.#at++;
    else {
      const braces = /^\{(\d{1,9})(?:(,)(\d{0,9}))?\}/.exec(this.#source.slice(this.#at, this.#at + 24));
      if (braces === null) return undefined;
      this.#at += braces[0].length;
      const least = Number(braces[1]);
      bounds = [least, braces[2] === undefined ? least : braces[3] === '' ? Infinity : Number(braces[3])];
    }
    this.#eat('?');
    return bounds;
  }

  #atom(): RegexNode {
    const character = this.#next();
    switch (character) {
      case '^':
        return { kind: 'anchor', isStart: !this.#isMultiline };
      case '$':
        return { kind: 'anchor', isStart: false };
      case '.':
        return { kind: 'set', set: this.#dotAll ? ANYTHING : complement(LINE_ENDS) };
      case '(':
        return this.#group();
      case '[':
        return { kind: 'set', set: this.#class() };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw new NotUnderstood();
      default:
        return { kind: 'set', set: this.#fold(character.charCodeAt(0)) };
    }
  }

  #group(): RegexNode {
    const before = this.#ignoreCase;
    let isLook = false;
    if (this.#eat('?')) {
      const head = /^(?::|=|!|<=|<!|<[A-Za-z_$][\w$]{0,60}>|([a-z]{0,8})(?:-([a-z]{0,8}))?:)/.exec(
        this.#source.slice(this.#at, this.#at + 80),
      );
      if (head === null) throw new NotUnderstood();
      this.#at += head[0].length;
      isLook = /^<?[=!]$/.test(head[0]);
      if (/[^i]/.test((head[1] ?? '') + (head[2] ?? ''))) throw new NotUnderstood();
      if (head[1]?.includes('i')) this.#ignoreCase = true;
      if (head[2]?.includes('i')) this.#ignoreCase = false;
    }
    const item = this.#choice();
    if (!this.#eat(')')) throw new NotUnderstood();
    this.#ignoreCase = before;
    return isLook ? { kind: 'look', item } : item;
  }

  #escape(): RegexNode {
    const character = this.#next();
    if (character === 'b' || character === 'B') return { kind: 'anchor', isStart: false };
    if (/[1-9]/.test(character)) return { kind: 'back-reference' };
    if (character === 'k') throw new NotUnderstood();
    return { kind: 'set', set: this.#escapedSet(character) };
  }

  #escapedSet(character: string): CharacterSet {
    switch (character) {
      case 'd':
        return DIGITS;
      case 'D':
        return complement(DIGITS);
      case 'w':
        return WORDS;
      case 'W':
        return complement(WORDS);
      case 'p':
      case 'P':
        return this.#property();
      case 's':
        return BLANKS;
      case 'S':
        return complement(BLANKS);
      default:
        return this.#fold(this.#escapedCode(character));
    }
  }

  /** Properties are taken for anything: more than they hold, which keeps every proof on the safe side. */
  #property(): CharacterSet {
    const name = this.#isUnicode ? /^\{[\w=]{1,60}\}/.exec(this.#source.slice(this.#at, this.#at + 64)) : null;
    if (name === null) throw new NotUnderstood();
    this.#at += name[0].length;
    return ANYTHING;
  }

  #escapedCode(character: string): number {
    const fixed: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 };
    const code = fixed[character];
    if (code !== undefined) return code;
    if (character === 'u' && this.#peek() === '{') throw new NotUnderstood();
    if (character === 'x' || character === 'u') {
      const hex = new RegExp(`^[0-9a-fA-F]{${character === 'x' ? 2 : 4}}`).exec(
        this.#source.slice(this.#at, this.#at + 4),
      );
      if (hex === null) throw new NotUnderstood();
      this.#at += hex[0].length;
      return Number.parseInt(hex[0], 16);
    }
    if (/[a-zA-Z]/.test(character)) throw new NotUnderstood();
    return character.charCodeAt(0);
  }

  #class(): CharacterSet {
    const negated = this.#eat('^');
    let set: CharacterSet = [];
    let hasProperty = false;
    while (!this.#eat(']')) {
      hasProperty ||= this.#source[this.#at] === '\\' && /[pP]/.test(this.#source[this.#at + 1] ?? '');
      const [low, lowSet] = this.#classItem();
      if (this.#peek() === '-' && this.#source[this.#at + 1] !== ']' && low !== undefined) {
        this.#at++;
        const [high, highSet] = this.#classItem();
        if (high === undefined) set = union(union(set, lowSet), union(highSet, [[0x2d, 0x2d]]));
        else {
          if (high < low) throw new NotUnderstood();
          set = union(set, this.#foldRange(low, high));
        }
      } else set = union(set, lowSet);
    }
    // The complement of more than it holds would be less than it holds.
    if (negated && hasProperty) return ANYTHING;
    return negated ? complement(set) : set;
  }

  #classItem(): readonly [number | undefined, CharacterSet] {
    const character = this.#next();
    if (character !== '\\') return [character.charCodeAt(0), this.#fold(character.charCodeAt(0))];
    const escaped = this.#next();
    if (escaped === 'b') return [8, [[8, 8]]];
    if ('dDwWsSpP'.includes(escaped)) return [undefined, this.#escapedSet(escaped)];
    const code = this.#escapedCode(escaped);
    return [code, this.#fold(code)];
  }

  #fold(code: number): CharacterSet {
    return this.#foldRange(code, code);
  }

  #foldRange(low: number, high: number): CharacterSet {
    let set: CharacterSet = [[low, high]];
    if (!this.#ignoreCase) return set;
    const upper: [number, number] = [Math.max(low, 0x41), Math.min(high, 0x5a)];
    const lower: [number, number] = [Math.max(low, 0x61), Math.min(high, 0x7a)];
    if (upper[0] <= upper[1]) set = union(set, [[upper[0] + 32, upper[1] + 32]]);
    if (lower[0] <= lower[1]) set = union(set, [[lower[0] - 32, lower[1] - 32]]);
    // Beyond ASCII, case pairs lie apart; taking every such character keeps the proof on the safe side.
    return high > 0x7f ? union(set, [[0x80, LAST]]) : set;
  }

  #peek(): string {
    return this.#source[this.#at] ?? '';
  }

  #next(): string {
    const character = this.#source[this.#at++];
    if (character === undefined) throw new NotUnderstood();
    return character;
  }

  #eat(character: string): boolean {
    if (this.#source[this.#at] !== character) return false;
    this.#at++;
    return true;
  }
}

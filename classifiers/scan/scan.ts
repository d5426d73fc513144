/**
 * The one pass over a text. Finds every trigger of every rule and collects, per rule, the windows in which it should
 * look. Linear; can stop anywhere and go on, so a long text never holds the event loop.
 */
import type { DigitNeed, Window } from '../recognizer.ts';
import { edgeBefore, edgeBehind, gramKey, isExponent, markBetween, runKind } from './digit-grams.ts';
import { DigitPlaces } from './digit-places.ts';
import { WindowSet } from './window-set.ts';
import { PLACE } from './plan.ts';
import { hexRuns, isBesideHex, isLookAlikeNumber, isWhole } from './word-tests.ts';
import { LONG_WITHOUT_DIGIT } from './skim-plan.ts';
import type { DigitRule, LengthRule, ScanPlan, ScanRule } from './plan.ts';
import { EVENT, newSkimState, SKIM_CHUNK, STATE } from '../skim/skim.ts';
import type { Skim, SkimState } from '../skim/skim.ts';
import { ALPHANUMERIC, DIGIT, FOREIGN_LETTER, SEPARATOR, TOKEN, UNIT_KINDS, UPPER } from './unit-kinds.ts';

const BOUNDARY = DIGIT | ALPHANUMERIC | TOKEN | FOREIGN_LETTER;
/** Separators that may stand between two digits of a group, and characters between two single characters. */
const LONGEST_GAP = 3;

/** Units; words and tokens that are longer open their window unasked. */
const LONGEST_GUARDED = 256;
/**
 * A table of numbers is one group from end to end. Groups are cut at this length, so that guards still say no; what comes
 * before the cut is in the next piece again as far as any value is long.
 */
const LONGEST_GROUP = 192;
const GROUP_OVERLAP = 96;
/** Units of work per guard, about 5 ns each: a few characters looked at, or a short regex over what fired. */
const GUARD_OVERHEAD = 8;
const GUARD_SHIFT = 3;
const NO_NEED: DigitNeed = { digits: 0, within: 0 };
/** Longer than any text; an integer, which Infinity is not. */
const NEVER = 0x3fff_ffff;

export class Scan {
  readonly #plan: ScanPlan;
  readonly #text: string;
  /** Rules from this id on are not run (views, once decoding is deep enough). */
  readonly #ruleLimit: number;
  readonly #windows = new WindowSet();
  readonly #places = new DigitPlaces();
  /** Alphanumeric runs shorter than this are nobody's, unless they hold digits or stand alone. */
  readonly #shortestWord: number;
  readonly #shortestToken: number;
  readonly #shortestHex: number;
  #at = 0;
  #state = 0;
  #kind = 0;
  #wordStart = 0;
  #tokenStart = 0;
  #digitStart = 0;
  /** Where the last digit of the text so far ended: a run that starts before it holds a digit. */
  #groupStart = 0;
  #groupEnd = -1;
  #groupDigits = 0;
  /** Bits of the grams seen in the group. */
  #low = 0;
  #high = 0;
  /** Key of the gram that the next run completes, and the kind of the run before. */
  #gram = 0;
  #lastRun = 0;
  /** The piece that begins inside the group and goes on when the group is cut: its start (-1: none yet), digits, bits. */
  #nextStart = -1;
  #nextDigits = 0;
  #nextLow = 0;
  #nextHigh = 0;
  #singlesStart = 0;
  #singlesEnd = -1;
  #singles = 0;
  #guardWork = 0;
  /** Reads in place of the loop here; only for a text of bytes. */
  readonly #skim: Skim | undefined;
  readonly #isHint: boolean;
  #skimState: SkimState | undefined;

  constructor(plan: ScanPlan, text: string, ruleLimit: number, skim?: Skim, isHint = false) {
    this.#plan = plan;
    this.#isHint = isHint;
    this.#text = text;
    this.#skim = skim;
    this.#ruleLimit = Math.min(NEVER, ruleLimit);
    const shortest = (rules: readonly LengthRule[]): number => rules[0]?.atLeast ?? NEVER;
    this.#shortestHex = shortest(plan.runs.hex);
    this.#shortestWord = plan.capitalized.length > 0 ? 2 : Math.min(LONG_WITHOUT_DIGIT, this.#shortestHex);
    this.#shortestToken = shortest(plan.runs.token);
  }

  /** advance scans up to `units` more; returns whether the text is done. */
  advance(units: number): boolean {
    if (this.#skim) {
      const limit = Math.min(this.#text.length, this.#at + units);
      do this.#advanceSkim(this.#skim, Math.min(limit, this.#at + SKIM_CHUNK), false);
      while (this.#at < limit);
      return this.#isDone();
    }
    const text = this.#text;
    const { automaton, hits } = this.#plan;
    const { classes, next, classCount } = automaton;
    const kinds = UNIT_KINDS;
    const shortestWord = this.#shortestWord;
    const shortestToken = this.#shortestToken;
    // An integer whatever `units` is, or the loop counts in doubles.
    const to = Math.min(text.length, this.#at + units) | 0;
    let state = this.#state;
    let previous = this.#kind;
    let wordStart = this.#wordStart;
    let tokenStart = this.#tokenStart;
    for (let index = this.#at; index < to; index++) {
      const unit = text.charCodeAt(index);
      // Both tables cover every UTF-16 unit and every state; the index is never out of range.
      state = next[state + (classes[unit] as number)] as number;
      if (state < 0) {
        state = ~state;
        this.#hit(hits[state / classCount] as Int32Array, index + 1);
      }
      const kind = kinds[unit] as number;
      const changed = (kind ^ previous) & BOUNDARY;
      previous = kind;
      if (changed === 0) continue;
      if ((changed & DIGIT) !== 0) {
        if ((kind & DIGIT) !== 0) this.#startDigits(index);
        else this.#endDigits(index);
      }
      if ((changed & ALPHANUMERIC) !== 0) {
        if ((kind & ALPHANUMERIC) !== 0) wordStart = index;
        else {
          const length = index - wordStart;
          if (length === 1 || length >= shortestWord || this.#groupEnd > wordStart) this.#endWord(wordStart, index);
        }
      }
      if ((changed & TOKEN) !== 0) {
        if ((kind & TOKEN) !== 0) tokenStart = index;
        else if (index - tokenStart >= shortestToken) this.#openRun(this.#plan.runs.token, tokenStart, index);
      }
      if ((changed & kind & FOREIGN_LETTER) !== 0) this.#openAll(this.#plan.capitalized, index, index + 1);
    }
    this.#at = to;
    this.#state = state;
    this.#kind = previous;
    this.#wordStart = wordStart;
    this.#tokenStart = tokenStart;
    return this.#isDone();
  }

  #isDone(): boolean {
    if (this.#at < this.#text.length) return false;
    this.#finish();
    return true;
  }

  /** The same events as in advance, from the module. */
  #advanceSkim(skim: Skim, to: number, wantsWords: boolean): void {
    // A text read in one go needs no state of its own.
    const isWhole = this.#at === 0 && to === this.#text.length;
    const state = isWhole ? skim.fresh() : (this.#skimState ??= newSkimState());
    const count = skim.scan(this.#text, this.#at, to, state, wantsWords);
    const { events } = skim;
    const { hits, classCount } = this.#plan.skim ?? { hits: [], classCount: 1 };
    const rowBytes = classCount * 4;
    for (let index = 0; index < count; index++) {
      const what = events[index * 2] as number;
      const at = events[index * 2 + 1] as number;
      const amount = what >>> 4;
      switch (what & 15) {
        case EVENT.hit:
          this.#hit(hits[amount / rowBytes] as Int32Array, at);
          break;
        case EVENT.digitsStart:
          this.#startDigits(at);
          break;
        case EVENT.digitsEnd:
          this.#endDigits(at);
          break;
        case EVENT.word:
          this.#endWord(at - amount, at);
          break;
        case EVENT.tokenRun:
          this.#openRun(this.#plan.runs.token, at - amount, at);
          break;
        case EVENT.singles:
          // Two events: the row's end and length, then its start.
          index++;
          this.#openSingles(amount, events[index * 2 + 1] as number, at);
          break;
      }
    }
    const { ints } = state;
    this.#at = to;
    this.#kind = ints[STATE.kind] as number;
    this.#wordStart = ints[STATE.wordStart] as number;
    this.#tokenStart = ints[STATE.tokenStart] as number;
    this.#singles = ints[STATE.singles] as number;
    this.#singlesStart = ints[STATE.singlesStart] as number;
    this.#singlesEnd = ints[STATE.singlesEnd] as number;
  }

  /** readWords is advance, to the unit `to`, that leaves the words of the piece in the module; false when the text has more. */
  readWords(skim: Skim, to: number): boolean {
    this.#advanceSkim(skim, to, true);
    return this.#isDone();
  }

  /** windows lists every rule that was triggered, with its windows merged, in order and inside the text. */
  *windows(): Generator<readonly [number, readonly Window[]]> {
    const places = this.#places;
    for (const rule of this.triggered()) {
      const { requires, needs } = this.#plan.rules[rule] as ScanRule;
      const need = needs?.() ?? NO_NEED;
      if (need.digits > places.digits) continue;
      let windows: readonly Window[] = this.#windows.merged(rule, this.#text.length);
      if (requires) windows = windows.filter((window) => places.holdsGroup(window, requires.digits));
      if (need.digits > 0)
        windows = windows.filter(({ start, end }) => places.holdsDigits(start, end + need.within, need.digits));
      if (windows.length > 0) yield [rule, windows];
    }
  }

  /** Units of the text. */
  get length(): number {
    return this.#text.length;
  }

  /** What the guards asked so far cost, in units of work; a pass costs that beyond its length. */
  get guardWork(): number {
    return this.#guardWork;
  }

  /** Ids of the rules with a window, whatever they require. */
  triggered(): readonly number[] {
    return this.#windows.rules();
  }

  /** open adds a window that something outside the text asks for. */
  open(rule: number, start: number, end: number): void {
    this.#windows.add(rule, start, end);
  }

  #finish(): void {
    const end = this.#text.length;
    if ((this.#kind & DIGIT) !== 0) this.#endDigits(end);
    if ((this.#kind & ALPHANUMERIC) !== 0) this.#endWord(this.#wordStart, end);
    if ((this.#kind & TOKEN) !== 0) this.#openRun(this.#plan.runs.token, this.#tokenStart, end);
    this.#closeGroup();
    this.#closeSingles();
    for (const rule of this.#plan.always) this.#windows.add(rule, 0, end);
  }

  #open(rule: number, start: number, end: number): void {
    const { before, after, guards } = this.#plan;
    if (rule >= this.#ruleLimit) return;
    const guard = guards[rule];
    // A guard may look at all that fired, so it is asked about short things only.
    if (guard !== undefined && end - start <= LONGEST_GUARDED) {
      this.#guardWork += GUARD_OVERHEAD + ((end - start) >> GUARD_SHIFT);
      if (!guard(this.#text, start, end)) return;
    }
    this.#windows.add(rule, start - (before[rule] as number), end + (after[rule] as number));
  }

  #openAll(rules: readonly number[], start: number, end: number): void {
    for (const rule of rules) this.#open(rule, start, end);
  }

  #openRun(rules: readonly LengthRule[], start: number, end: number): void {
    for (let index = 0; index < rules.length; index++) {
      const { atLeast, atMost, rule } = rules[index] as LengthRule;
      if (atLeast > end - start) break;
      if (atMost !== undefined && atMost < end - start) continue;
      this.#open(rule, start, end);
    }
  }

  #hit(hits: Int32Array, end: number): void {
    for (let index = 0; index < hits.length; index += 3) {
      const start = end - (hits[index + 1] as number);
      const place = hits[index + 2];
      if (place === PLACE.whole && !isWhole(this.#text, start, end)) continue;
      if (place === PLACE.besideHex && !isBesideHex(this.#text, start, end)) continue;
      const rule = hits[index] as number;
      const inText = this.#isHint ? undefined : this.#plan.inText[rule];
      if (inText !== undefined) this.#guardWork += GUARD_OVERHEAD;
      if (inText === undefined || inText(this.#text, start, end)) this.#open(rule, start, end);
    }
  }

  #startDigits(index: number): void {
    this.#digitStart = index;
    const from = this.#groupEnd;
    let continues = from >= 0 && index - from <= LONGEST_GAP;
    for (let at = from; continues && at < index; at++) {
      continues = ((UNIT_KINDS[this.#text.charCodeAt(at)] as number) & SEPARATOR) !== 0;
    }
    if (!continues) {
      this.#closeGroup();
      this.#groupStart = index;
      this.#gram = edgeBefore(this.#text, index);
      return;
    }
    this.#gram = gramKey(this.#lastRun, markBetween(this.#text, from, index), 0);
    const length = index - this.#groupStart;
    if (length < GROUP_OVERLAP) return;
    if (length >= LONGEST_GROUP && this.#nextStart >= 0) this.#cutGroup();
    else if (this.#nextStart < 0) this.#nextStart = index;
  }

  #endDigits(index: number): void {
    const { low, high } = this.#plan.grams;
    const length = index - this.#digitStart;
    this.#lastRun = runKind(length);
    const key = this.#gram + this.#lastRun;
    const lowBits = low[key] as number;
    const highBits = high[key] as number;
    this.#low |= lowBits;
    this.#high |= highBits;
    this.#groupDigits += length;
    this.#groupEnd = index;
    this.#places.addRun(this.#digitStart, index);
    if (this.#nextStart < 0) return;
    this.#nextLow |= lowBits;
    this.#nextHigh |= highBits;
    this.#nextDigits += length;
  }

  #closeGroup(): void {
    if (this.#groupDigits === 0) return;
    const { low, high } = this.#plan.grams;
    const edge = edgeBehind(this.#text, this.#groupEnd, this.#lastRun);
    this.#low |= low[edge] as number;
    this.#high |= high[edge] as number;
    this.#openGroup();
    this.#groupDigits = this.#low = this.#high = 0;
    this.#nextStart = -1;
    this.#nextDigits = this.#nextLow = this.#nextHigh = 0;
  }

  #cutGroup(): void {
    this.#openGroup();
    this.#groupStart = this.#nextStart;
    this.#groupDigits = this.#nextDigits;
    this.#low = this.#nextLow;
    this.#high = this.#nextHigh;
    this.#nextStart = this.#digitStart;
    this.#nextDigits = this.#nextLow = this.#nextHigh = 0;
  }

  #openGroup(): void {
    const digits = this.#groupDigits;
    if (digits < this.#plan.shortestGroup) return;
    this.#places.addGroup(this.#groupStart, this.#groupEnd, digits);
    const rules = this.#plan.digits;
    const ownLow = this.#low;
    const ownHigh = this.#high;
    for (let index = 0; index < rules.length; index++) {
      const { atLeast, rule, low, high } = rules[index] as DigitRule;
      if (atLeast > digits) break;
      if ((low | high) !== 0 && ((low & ownLow) | (high & ownHigh)) === 0) continue;
      this.#openGuarded(rule, this.#groupStart, this.#groupEnd);
    }
  }

  /** A group longer than its pieces holds one long run of digits; guards are asked about both ends and what lies between. */
  #openGuarded(rule: number, start: number, end: number): void {
    for (let at = start; ; at += LONGEST_GROUP - GROUP_OVERLAP) {
      const to = end - at <= LONGEST_GUARDED ? end : at + LONGEST_GROUP;
      this.#open(rule, at, to);
      if (to === end) return;
    }
  }

  /** Called for words that are long, hold a digit, or are one character. */
  #endWord(start: number, end: number): void {
    const length = end - start;
    const holdsDigit = this.#groupEnd > start;
    if (length === 1) this.#addSingle(start);
    const { runs, lookAlikeDigits, capitalized } = this.#plan;
    if (holdsDigit || length >= LONG_WITHOUT_DIGIT) {
      this.#openRun(runs.alphanumeric, start, end);
      if ((this.#digitStart > start || this.#groupEnd < end) && !isExponent(this.#text, end - 1))
        this.#openRun(runs.lettered, start, end);
    }
    if (length >= this.#shortestHex)
      for (const hex of hexRuns(this.#text, start, end, this.#shortestHex)) this.#openRun(runs.hex, hex.start, hex.end);
    if (holdsDigit && length > 1 && lookAlikeDigits.length > 0 && isLookAlikeNumber(this.#text, start, end))
      this.#openAll(lookAlikeDigits, start, end);
    if (capitalized.length === 0 || length < 2) return;
    const first = UNIT_KINDS[this.#text.charCodeAt(start)] ?? 0;
    const second = UNIT_KINDS[this.#text.charCodeAt(start + 1)] ?? 0;
    if ((first & UPPER) !== 0 && (second & UPPER) === 0) this.#openAll(capitalized, start, end);
  }

  /** A longer word between two single characters makes the gap between them too long. */
  #addSingle(start: number): void {
    if (this.#singles > 0 && start - this.#singlesEnd > LONGEST_GAP) this.#closeSingles();
    if (this.#singles === 0) this.#singlesStart = start;
    this.#singles++;
    this.#singlesEnd = start + 1;
  }

  #closeSingles(): void {
    this.#openSingles(this.#singles, this.#singlesStart, this.#singlesEnd);
    this.#singles = 0;
  }

  #openSingles(count: number, start: number, end: number): void {
    for (const { atLeast, rule } of this.#plan.singles) {
      if (atLeast > count) break;
      this.#open(rule, start, end);
    }
  }
}

/**
 * Skim drives the module: writes a piece of text into its memory, lets it read, and shows events and words. One per plan, made
 * when it is first needed. Only for texts of one byte per unit; Scan reads all others itself. Where there is no WebAssembly
 * with SIMD nothing is lost but time.
 */
import { randomBytes } from 'node:crypto';
import { CLASS_OF, FOLD_OF, IS_UPPER } from '../linear/fold.ts';
import type { SkimPlan } from '../scan/skim-plan.ts';
import { UNIT_KINDS } from '../scan/unit-kinds.ts';
import { lexiconOf } from './lexicon.ts';
import { SKIM_MODULE } from './skim-module.ts';
import type { WordList } from './word-list.ts';

/** Layout of the module's memory; skim.as has the same numbers. */
const AT = {
  splats: 512,
  columns: 576,
  kinds: 1088,
  wordClasses: 1600,
  folds: 1856,
  uppers: 2112,
  masks: 2368,
  state: 2432,
  keys: 2496,
  input: 4096,
  starts: 16_384,
  ends: 49_152,
  hashes: 81_920,
  flags: 114_688,
  shapes: 147_456,
  cues: 155_648,
  names: 172_032,
  events: 253_952,
  memory: 909_312,
  next: 1_433_600,
} as const;
const PAGE = 65_536;
/** Units of one call at most. */
export const SKIM_CHUNK = 8192;
/** Ints that go on from chunk to chunk; behind them the module counts the words. */
const STATE_INTS = 9;
const COUNTS = { words: 9, capitals: 10, cues: 11, names: 12 } as const;

/** What an event says, in the low four bits of its first number; above them is a state, a length or a count. */
export const EVENT = { hit: 0, digitsStart: 1, digitsEnd: 2, word: 3, tokenRun: 4, singles: 5 } as const;

interface Exports {
  readonly blank: WebAssembly.Global;
  readonly shortestWord: WebAssembly.Global;
  readonly shortestRun: WebAssembly.Global;
  readonly shortestToken: WebAssembly.Global;
  readonly fewestSingles: WebAssembly.Global;
  isPlain(length: number): number;
  scan(length: number, base: number, wantsWords: number): number;
}

/** Where the scan of one text stands between two chunks. */
export interface SkimState {
  readonly ints: Int32Array;
}

/** Names of the ints that Scan reads when the text is done. */
export const STATE = { kind: 1, wordStart: 2, tokenStart: 3, singles: 6, singlesStart: 7, singlesEnd: 8 } as const;

/** No digit has ended yet. */
const UNBEGUN = Int32Array.of(0, 0, 0, 0, 0, -1, 0, 0, 0);

export function newSkimState(): SkimState {
  return { ints: UNBEGUN.slice() };
}

let compiled: WebAssembly.Module | false | undefined;

function compiledModule(): WebAssembly.Module | undefined {
  try {
    compiled ??= new WebAssembly.Module(Buffer.from(SKIM_MODULE.base64, 'base64'));
  } catch {
    compiled = false;
  }
  return compiled === false ? undefined : compiled;
}

/** createSkim is undefined where the module cannot run. */
export function createSkim(plan: SkimPlan): Skim | undefined {
  const module = compiledModule();
  return module && new Skim(module, plan);
}

const BEYOND_BYTES = /[^\0-\xff]/;

/** isBytes says whether every unit of a text fits into a byte. ASCII is known by its length in UTF-8, which costs next to nothing. */
export function isBytes(text: string): boolean {
  return Buffer.byteLength(text) === text.length || !BEYOND_BYTES.test(text);
}

/**
 * Whether a literal that ends in a state can be a hit inside a word without a capital but the first: parts of words only where
 * the rule takes parts. Scan looks again at each, so too many cost time and too few would be missed.
 */
function countsIn({ hits }: SkimPlan, state: number, end: number, size: number): number {
  const ending = hits[state] ?? [];
  for (let at = 0; at < ending.length; at += 3) {
    if (ending[at + 2] === 0) return 1;
    // One letter may stand before it (`iPhone`), one behind it (a plural).
    if (end - (ending[at + 1] as number) <= 1 && size - end <= 1) return 1;
  }
  return 0;
}

export class Skim implements WordList {
  /** Two numbers per event: what, and where. */
  readonly events: Int32Array;
  readonly hash: Int32Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly shape: Uint8Array;
  readonly flags: Int32Array;
  readonly cues: Uint16Array;
  readonly names: Uint16Array;
  count = 0;
  capitals = 0;
  cueCount = 0;
  nameCount = 0;
  readonly #fresh = newSkimState();
  readonly #state: Int32Array;
  readonly #input: Buffer;
  readonly #exports: Exports;

  constructor(module: WebAssembly.Module, plan: SkimPlan) {
    const pages = Math.ceil((AT.next + plan.next.byteLength) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const { buffer } = memory;
    const rowBytes = plan.classCount * 4;
    const instance = new WebAssembly.Instance(module, {
      env: {
        memory,
        lexicon: lexiconOf,
        counts: (state: number, end: number, size: number) => countsIn(plan, state / rowBytes, end, size),
      },
    });
    this.#exports = instance.exports as Exports;
    const bytes = new Uint8Array(buffer);
    bytes.set(UNIT_KINDS.subarray(0, 256), AT.kinds);
    // States and columns in bytes, so that a step is one addition and one load.
    const next = new Int32Array(buffer, AT.next, plan.next.length);
    for (let at = 0; at < next.length; at++) {
      const state = plan.next[at] as number;
      next[at] = state >= 0 ? state * 4 : ~(~state * 4 + (plan.isBesideHex(~state) ? 1 : 0));
    }
    new Uint16Array(buffer, AT.columns, 256).set(Array.from(plan.classes, (column) => column * 4));
    const blank = plan.next[plan.classes[0x20] as number] as number;
    for (const [at, byte] of [0x20, 0x1f, 0x80 + 26, 0x61].entries())
      bytes.fill(byte, AT.splats + at * 16, AT.splats + at * 16 + 16);
    bytes.set(CLASS_OF.subarray(0, 256), AT.wordClasses);
    bytes.set(FOLD_OF.subarray(0, 256), AT.folds);
    bytes.set(IS_UPPER.subarray(0, 256), AT.uppers);
    bytes.fill(0xff, AT.masks, AT.masks + 16);
    // Which words share a place in memory is nobody's to know, or a text could be written whose words all do.
    bytes.set(randomBytes(16), AT.keys);
    this.#exports.blank.value = blank < 0 ? -1 : blank * 4;
    this.#exports.shortestWord.value = plan.shortestWord;
    this.#exports.shortestRun.value = plan.shortestRun;
    this.#exports.shortestToken.value = plan.shortestToken;
    this.#exports.fewestSingles.value = plan.fewestSingles;
    this.events = new Int32Array(buffer, AT.events, (AT.memory - AT.events) / 4);
    this.start = new Int32Array(buffer, AT.starts, SKIM_CHUNK);
    this.end = new Int32Array(buffer, AT.ends, SKIM_CHUNK);
    this.hash = new Int32Array(buffer, AT.hashes, SKIM_CHUNK);
    this.flags = new Int32Array(buffer, AT.flags, SKIM_CHUNK);
    this.shape = new Uint8Array(buffer, AT.shapes, SKIM_CHUNK);
    this.cues = new Uint16Array(buffer, AT.cues, SKIM_CHUNK);
    this.names = new Uint16Array(buffer, AT.names, SKIM_CHUNK);
    this.#state = new Int32Array(buffer, AT.state, 16);
    this.#input = Buffer.from(buffer, AT.input, SKIM_CHUNK);
  }

  /** The state of a text that has not begun; good until it is asked for again. */
  fresh(): SkimState {
    this.#fresh.ints.set(UNBEGUN);
    return this.#fresh;
  }

  /** scan reads `text` from `from` to `to`, at most SKIM_CHUNK units, all of them bytes, and returns the number of events. */
  scan(text: string, from: number, to: number, { ints }: SkimState, wantsWords: boolean): number {
    this.#input.write(to - from === text.length ? text : text.slice(from, to), 'latin1');
    const state = this.#state;
    state.set(ints);
    const events = this.#exports.scan(to - from, from, wantsWords ? 1 : 0);
    for (let at = 0; at < STATE_INTS; at++) ints[at] = state[at] as number;
    if (wantsWords) {
      this.count = state[COUNTS.words] as number;
      this.capitals = state[COUNTS.capitals] as number;
      this.cueCount = state[COUNTS.cues] as number;
      this.nameCount = state[COUNTS.names] as number;
    }
    return events;
  }

  /** isPlain says whether a text is printable ASCII, tabs and line breaks. */
  isPlain(text: string): boolean {
    if (Buffer.byteLength(text) !== text.length) return false;
    for (let from = 0; from < text.length; from += SKIM_CHUNK) {
      const length = Math.min(SKIM_CHUNK, text.length - from);
      this.#input.write(length === text.length ? text : text.slice(from, from + length), 'latin1');
      if (this.#exports.isPlain(length) === 0) return false;
    }
    return true;
  }
}

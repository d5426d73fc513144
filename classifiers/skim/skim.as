/**
 * The one pass in WebAssembly: what Scan.advance and Words.scan do, for text of one byte per unit. Compiled by training/write-skim.ts;
 * AssemblyScript, not TypeScript. Plain words of up to 15 letters cost one look into a memory of words, which holds what the
 * automaton and the lexicon make of them; everything else goes unit by unit. Reports events; judges nothing.
 */

// Bits of unit-kinds.ts.
const DIGIT: i32 = 1;
const ALPHANUMERIC: i32 = 2;
const TOKEN: i32 = 4;
const HEX: i32 = 8;
const FOREIGN_LETTER: i32 = 128;
const BOUNDARY: i32 = DIGIT | ALPHANUMERIC | TOKEN | FOREIGN_LETTER;

// Classes of linear/fold.ts; there are neither marks nor ideographs among the first 256 units.
const LETTER: i32 = 1;

// Bits of SHAPE in linear/words.ts.
const INITIAL_UPPER: i32 = 1;
const ALL_UPPER: i32 = 2;
const INNER_UPPER: i32 = 4;
const HAS_DIGIT: i32 = 8;
const ALL_DIGIT: i32 = 16;
const UNDERSCORE: i32 = 64;

// Bits of WORD in lexicon.ts.
const DICTIONARY: i32 = 8;
const PARTICLE: i32 = 16;
const CUE: i32 = 32;

// Layout; memory.ts has the same numbers.
const SPLATS: usize = 512;
/** Classes times four: the place in a row. */
const COLUMNS: usize = 576;
const KINDS: usize = 1088;
const WORD_CLASSES: usize = 1600;
const FOLDS: usize = 1856;
const UPPERS: usize = 2112;
const MASKS: usize = 2368;
const STATE: usize = 2432;
const KEYS: usize = 2496;
const INPUT: usize = 4096;
const STARTS: usize = 16384;
const ENDS: usize = 49152;
const HASHES: usize = 81920;
const FLAGS: usize = 114688;
const SHAPES: usize = 147456;
const CUES: usize = 155648;
const NAMES: usize = 172032;
const KNOWN: usize = 188416;
const EVENTS: usize = 253952;
const MEMORY: usize = 909312;
const NEXT: usize = 1433600;

const KNOWN_MASK: i32 = 8191;
const MEMORY_MASK: i32 = 8191;

// Kinds of events, in the low four bits; what is above them, and the second number, depend on the kind.
const HIT: i32 = 0;
const DIGITS_START: i32 = 1;
const DIGITS_END: i32 = 2;
const WORD: i32 = 3;
const TOKEN_RUN: i32 = 4;
const SINGLES: i32 = 5;

/** Where a cell of the memory of words says what a word is behind a blank, after what it is at the start of a text. */
const BEHIND_BLANK: usize = 12;
const SEED: i32 = 0x811c9dc5;
const PRIME: i32 = 0x01000193;
/** Characters between two single characters of one row. */
const LONGEST_GAP: i32 = 3;

@external('env', 'lexicon')
declare function lexicon(hash: i32): i32;
/** Whether what ends in a state, `end` letters into a plain word of `size`, can be a hit there. */
@external('env', 'counts')
declare function counts(state: i32, end: i32, size: i32): i32;

/** The state behind a blank; states are offsets of rows in bytes. Set by the plan, like the lengths. */
export let blank: i32 = 0;
export let shortestWord: i32 = 0;
export let shortestRun: i32 = 0;
export let shortestToken: i32 = 0;
export let fewestSingles: i32 = 0;

let out: usize = 0;
let words: i32 = 0;
let capitals: i32 = 0;
let cues: i32 = 0;
let names: i32 = 0;
let singles: i32 = 0;
let singlesStart: i32 = 0;
let singlesEnd: i32 = 0;

/** isPlain says whether the first `length` bytes of the input are printable ASCII, tabs and line breaks. */
export function isPlain(length: i32): i32 {
  let odd = i8x16.splat(0);
  let at = 0;
  for (; at + 16 <= length; at += 16) {
    const bytes = v128.load(INPUT + at);
    const blank = v128.or(
      v128.or(i8x16.eq(bytes, i8x16.splat(0x09)), i8x16.eq(bytes, i8x16.splat(0x0a))),
      i8x16.eq(bytes, i8x16.splat(0x0d)),
    );
    const control = v128.andnot(i8x16.lt_u(bytes, i8x16.splat(0x20)), blank);
    odd = v128.or(odd, v128.or(control, i8x16.gt_u(bytes, i8x16.splat(0x7e))));
  }
  if (v128.any_true(odd)) return 0;
  for (; at < length; at++) {
    const unit: i32 = load<u8>(INPUT + at);
    if (unit > 0x7e || (unit < 0x20 && unit != 0x09 && unit != 0x0a && unit != 0x0d)) return 0;
  }
  return 1;
}

@inline
function emit(what: i32, at: i32): void {
  store<i32>(out, what);
  store<i32>(out, at, 4);
  out += 8;
}

@inline
function step(state: i32, unit: i32): i32 {
  return load<i32>(NEXT + <usize>state + <usize>load<u16>(COLUMNS + ((<usize>unit) << 1)));
}

function closeSingles(): void {
  if (singles > 0 && singles >= fewestSingles) {
    emit(SINGLES | (singles << 4), singlesEnd);
    emit(SINGLES, singlesStart);
  }
  singles = 0;
}

@inline
function addSingle(start: i32): void {
  if (singles > 0 && start - singlesEnd > LONGEST_GAP) closeSingles();
  if (singles == 0) singlesStart = start;
  singles++;
  singlesEnd = start + 1;
}

/**
 * Works out what a word of up to 15 letters is, and remembers it in place of an older one: its hash, its flags, and what the
 * automaton makes of it at the start of a text and behind a blank.
 */
function learn(slot: usize, key: v128, size: i32): void {
  const other = slot ^ 64;
  memory.copy(other, slot, 48);
  v128.store(slot, key);
  let hash = SEED;
  for (let at = 0; at < size; at++) hash = (hash ^ <i32>load<u8>(slot + at)) * PRIME;
  store<i32>(slot, hash, 16);
  store<i32>(slot, lexicon(hash), 20);
  follow(slot, size, 0, 0);
  if (blank >= 0) follow(slot, size, blank, BEHIND_BLANK);
}

/**
 * Stores the state behind a word (complemented when literals end inside), the state behind it and a blank (complemented when one
 * ends with the blank), and at which letters hits count: those of literals that began before the word always do.
 */
function follow(slot: usize, size: i32, before: i32, at: usize): void {
  let state = before;
  let alone = 0;
  let isHit = false;
  let wanted = 0;
  for (let each = 0; each < size; each++) {
    const unit: i32 = load<u8>(slot + each);
    state = step(state, unit);
    alone = step(alone, unit);
    if (alone < 0) alone = ~alone & ~1;
    if (state >= 0) continue;
    state = ~state & ~1;
    isHit = true;
    if (state != alone || counts(state, each + 1, size) != 0) wanted |= 1 << each;
  }
  store<i32>(slot + at, isHit ? ~state : state, 24);
  store<i32>(slot + at, step(state, 0x20), 28);
  store<i32>(slot + at, wanted, 32);
}

/**
 * Reads a plain word letter by letter: what went before it, or ends inside it, matters. Of the literals that begin in it only
 * those at `wanted` do. Returns the state behind it.
 */
function readLetters(at: i32, size: i32, base: i32, before: i32, wanted: i32): i32 {
  let state = before;
  let alone = 0;
  for (let each = 0; each < size; each++) {
    const unit: i32 = load<u8>(INPUT + at + each);
    state = step(state, unit);
    alone = step(alone, unit);
    if (alone < 0) alone = ~alone & ~1;
    if (state >= 0) continue;
    state = ~state & ~1;
    if (state != alone || ((wanted >> each) & 1) != 0) emit(HIT | (state << 4), base + at + each + 1);
  }
  return state;
}

@inline
function isHexOr(at: i32, mark: i32): bool {
  const unit: i32 = load<u8>(INPUT + at);
  return unit == mark || (<i32>load<u8>(KINDS + unit) & HEX) != 0;
}

/** What the lexicon says of any other word. */
function flagsOf(hash: i32): i32 {
  const slot = KNOWN + ((<usize>((hash ^ (hash >>> 15)) & KNOWN_MASK)) << 3);
  const flags = load<i32>(slot, 4);
  if (flags < 0 && load<i32>(slot) == hash) return flags & 0x7fffffff;
  const found = lexicon(hash);
  store<i32>(slot, hash);
  store<i32>(slot, found | 0x80000000, 4);
  return found;
}

@inline
function addWord(start: i32, end: i32, hash: i32, flags: i32, shape: i32): void {
  const at = <usize>words;
  store<i32>(STARTS + (at << 2), start);
  store<i32>(ENDS + (at << 2), end);
  store<i32>(HASHES + (at << 2), hash);
  store<i32>(FLAGS + (at << 2), flags);
  store<u8>(SHAPES + at, shape);
  capitals += shape & INITIAL_UPPER;
  if ((flags & CUE) != 0) {
    store<u16>(CUES + (<usize>cues << 1), words);
    cues++;
  }
  if ((shape & (HAS_DIGIT | UNDERSCORE)) == 0 && ((shape & INITIAL_UPPER) != 0 || (flags & (DICTIONARY | PARTICLE)) != DICTIONARY)) {
    store<u16>(NAMES + (<usize>names << 1), words);
    names++;
  }
  words++;
}

function joinsOver(at: i32, to: i32): bool {
  if (at + 1 >= to) return false;
  const next: i32 = load<u8>(INPUT + at + 1);
  if (load<u8>(WORD_CLASSES + next) != LETTER) return false;
  if ((next | 0x20) != 0x73) return true;
  return at + 2 < to && load<u8>(WORD_CLASSES + <i32>load<u8>(INPUT + at + 2)) == LETTER;
}

/** Reads the word that begins at `start`, whatever it is made of, and returns where it ends. */
function readWord(start: i32, to: i32, base: i32): i32 {
  let at = start;
  let hash = SEED;
  let uppers = 0;
  let digits = 0;
  let size = 0;
  let shape: i32 = load<u8>(UPPERS + <i32>load<u8>(INPUT + at));
  const initial = shape;
  while (at < to) {
    const unit: i32 = load<u8>(INPUT + at);
    const kind: i32 = load<u8>(WORD_CLASSES + unit);
    if (kind != 0) {
      hash = (hash ^ load<u8>(FOLDS + unit)) * PRIME;
      uppers += load<u8>(UPPERS + unit);
      digits += i32(kind != LETTER);
      size++;
    } else if (unit == 0x5f) shape |= UNDERSCORE;
    else if (unit != 0x27 || !joinsOver(at, to)) break;
    at++;
  }
  if (uppers == size) shape |= ALL_UPPER;
  if (uppers > initial) shape |= INNER_UPPER;
  if (digits > 0) shape |= digits == size ? ALL_DIGIT | HAS_DIGIT : HAS_DIGIT;
  addWord(base + start, base + at, hash, flagsOf(hash), shape);
  return at;
}

/**
 * scan reads `length` bytes of the input, which stand at `base` in the text, and goes on from the state in memory. Returns the
 * number of events; with `wantsWords` the words are listed too, from the beginning of their lists.
 */
export function scan(length: i32, base: i32, wantsWords: i32): i32 {
  let state = load<i32>(STATE);
  let previous = load<i32>(STATE, 4);
  let wordStart = load<i32>(STATE, 8);
  let tokenStart = load<i32>(STATE, 12);
  let digitStart = load<i32>(STATE, 16);
  let digitEnd = load<i32>(STATE, 20);
  singles = load<i32>(STATE, 24);
  singlesStart = load<i32>(STATE, 28);
  singlesEnd = load<i32>(STATE, 32);
  const keyA = load<u64>(KEYS);
  const keyB = load<u64>(KEYS, 8);
  // Read, not written, so that they stay in registers.
  const caseBit = v128.load(SPLATS);
  const toSigned = v128.load(SPLATS, 16);
  const pastLetters = v128.load(SPLATS, 32);
  const firstLower = v128.load(SPLATS, 48);
  const behindBlank = blank;
  out = EVENTS;
  words = capitals = cues = names = 0;
  let wordsTo = 0;
  let at = 0;
  while (at < length) {
    const unit: i32 = load<u8>(INPUT + at);
    const kind: i32 = load<u8>(KINDS + unit);
    if ((kind & (ALPHANUMERIC | DIGIT)) == ALPHANUMERIC && (previous & (ALPHANUMERIC | FOREIGN_LETTER)) == 0) {
      const bytes = v128.load(INPUT + at);
      const lower = v128.or(bytes, caseBit);
      const size = ctz(~i8x16.bitmask(i8x16.lt_s(i8x16.add(lower, toSigned), pastLetters)));
      const after: i32 = load<u8>(INPUT + at + size);
      if (size < 16 && at + size < length && (<i32>load<u8>(KINDS + after) & (ALPHANUMERIC | FOREIGN_LETTER)) == 0) {
        const key = v128.and(lower, v128.load(MASKS + 16 - size));
        const mixed: u64 = (i64x2.extract_lane(key, 0) ^ keyA) * (i64x2.extract_lane(key, 1) ^ keyB);
        let slot: usize = MEMORY + ((<usize>(mixed >> 40) & MEMORY_MASK) << 6);
        if (v128.any_true(v128.xor(v128.load(slot), key))) {
          if (v128.any_true(v128.xor(v128.load(slot ^ 64), key))) learn(slot, key, size);
          else slot ^= 64;
        }
        const every = (1 << size) - 1;
        const uppers = i8x16.bitmask(i8x16.lt_s(bytes, firstLower)) & every;
        const isBehindBlank = state == behindBlank;
        const known = slot + (isBehindBlank ? BEHIND_BLANK : 0);
        const end = load<i32>(known, 24);
        let wanted = load<i32>(known, 32);
        // A capital inside begins a word of its own.
        if (end < 0 && uppers > 1 && uppers != every) wanted = every;
        const isAlone = wanted == 0 && (isBehindBlank || state == 0 || step(state, unit) == step(0, unit));
        if ((previous & TOKEN) == 0) tokenStart = base + at;
        if (size == 1) addSingle(base + at);
        if (wantsWords && at >= wordsTo) {
          if (after == 0x5f || after == 0x27) wordsTo = readWord(at, length, base);
          else {
            const initial = uppers & 1;
            addWord(
              base + at,
              base + at + size,
              load<i32>(slot, 16),
              load<i32>(slot, 20),
              initial | (i32(uppers == every) << 1) | (i32(uppers > 1) << 2),
            );
          }
        }
        at += size;
        if (isAlone) {
          const behind = load<i32>(known, 28);
          if (after == 0x20 && behind >= 0) {
            if (base + at - tokenStart >= shortestToken) emit(TOKEN_RUN | ((base + at - tokenStart) << 4), base + at);
            state = behind;
            previous = 0;
            at++;
            continue;
          }
          state = end < 0 ? ~end : end;
        } else state = readLetters(at - size, size, base, state, wanted);
        previous = TOKEN;
        continue;
      }
    }
    state = step(state, unit);
    const position = base + at;
    if (state < 0) {
      state = ~state;
      // The lowest bit: a mark that counts beside hex digits only. At the ends of a piece Scan decides.
      if ((state & 1) == 0) emit(HIT | (state << 4), position + 1);
      else {
        state ^= 1;
        if (at == 0 || at + 1 == length || (isHexOr(at - 1, unit) && isHexOr(at + 1, unit)))
          emit(HIT | (state << 4), position + 1);
      }
    }
    const changed = (kind ^ previous) & BOUNDARY;
    previous = kind;
    if (changed != 0) {
      if ((changed & DIGIT) != 0) {
        if ((kind & DIGIT) != 0) {
          digitStart = position;
          emit(DIGITS_START, position);
        } else {
          digitEnd = position;
          emit(DIGITS_END, position);
        }
      }
      if ((changed & ALPHANUMERIC) != 0) {
        if ((kind & ALPHANUMERIC) != 0) wordStart = position;
        else {
          const size = position - wordStart;
          const holdsDigit = digitEnd > wordStart;
          if (size == 1) addSingle(wordStart);
          else if (
            size >= shortestWord ||
            (holdsDigit && (size >= shortestRun || digitEnd != position || digitStart != wordStart))
          )
            emit(WORD | (size << 4), position);
        }
      }
      if ((changed & TOKEN) != 0) {
        if ((kind & TOKEN) != 0) tokenStart = position;
        else if (position - tokenStart >= shortestToken) emit(TOKEN_RUN | ((position - tokenStart) << 4), position);
      }
    }
    if (wantsWords && at >= wordsTo && load<u8>(WORD_CLASSES + unit) != 0) wordsTo = readWord(at, length, base);
    at++;
  }
  store<i32>(STATE, state);
  store<i32>(STATE, previous, 4);
  store<i32>(STATE, wordStart, 8);
  store<i32>(STATE, tokenStart, 12);
  store<i32>(STATE, digitStart, 16);
  store<i32>(STATE, digitEnd, 20);
  store<i32>(STATE, singles, 24);
  store<i32>(STATE, singlesStart, 28);
  store<i32>(STATE, singlesEnd, 32);
  store<i32>(STATE, words, 36);
  store<i32>(STATE, capitals, 40);
  store<i32>(STATE, cues, 44);
  store<i32>(STATE, names, 48);
  return <i32>((out - EVENTS) >> 3);
}

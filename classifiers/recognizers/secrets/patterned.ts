/**
 * Values nobody drew: alphabets, counted digits, keyboard rows, one piece over and over, and the alternations examples are
 * typed with (`a1b2c3d4`). A machine's value has hardly a character in such a run, so one that is mostly runs says itself
 * that it is made up. For values machines draw only: people choose such passwords.
 */

/** Shortest run that counts, by how its neighbours are compared; shorter ones stand in random values. */
const SHORTEST_STEP = 3;
const SHORTEST_ALTERNATION = 6;
const SHORTEST_REPEAT = 8;
const LONGEST_PERIOD = 24;
/** A value of hexadecimal digits has 4 % of its characters in such runs by chance, one of decimal digits 12 %. */
const MADE_UP_SHARE = 0.5;
const SHORTEST_VALUE = 8;
const LONGEST_VALUE = 512;
const KEYBOARD_ROWS = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm'];
const SHORTEST_ROW = 5;

/** isPatterned tells a made-up value by the share of its letters and digits that stand in runs. */
export function isPatterned(value: string): boolean {
  const codes = lettersAndDigits(value.slice(0, LONGEST_VALUE));
  const { length } = codes;
  if (length < SHORTEST_VALUE) return false;
  const made = new Uint8Array(length);
  markSteps(codes, made);
  markAlternations(codes, made);
  for (let period = 3; period <= LONGEST_PERIOD && period * 2 <= length; period++) markRepeats(codes, period, made);
  markRows(codes, made);
  let count = 0;
  for (const mark of made) count += mark;
  return count >= length * MADE_UP_SHARE;
}

/** Small letters and digits only: `aAbBcC` is an alphabet, and separators stand between its pieces. */
function lettersAndDigits(value: string): Uint8Array {
  const codes = new Uint8Array(value.length);
  let length = 0;
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code >= 0x30 && code <= 0x39) codes[length++] = code;
    else {
      const lower = code | 0x20;
      if (lower >= 0x61 && lower <= 0x7a) codes[length++] = lower;
    }
  }
  return codes.subarray(0, length);
}

/** `abc`, `321`, `000`: every step the same. */
function markSteps(codes: Uint8Array, made: Uint8Array): void {
  let start = 0;
  let step = NaN;
  for (let index = 1; index <= codes.length; index++) {
    const next = index < codes.length ? stepOf(codes[index - 1] ?? 0, codes[index] ?? 0) : NaN;
    if (next === step) continue;
    if (!Number.isNaN(step) && index - start >= SHORTEST_STEP) made.fill(1, start, index);
    start = index - 1;
    step = next;
  }
}

/** `a1b2c3`: every other character a neighbour of the one before. */
function markAlternations(codes: Uint8Array, made: Uint8Array): void {
  let run = 0;
  for (let index = 2; index <= codes.length; index++) {
    if (index < codes.length && !Number.isNaN(stepOf(codes[index - 2] ?? 0, codes[index] ?? 0))) {
      run++;
      continue;
    }
    if (run + 2 >= SHORTEST_ALTERNATION) made.fill(1, index - run - 2, index);
    run = 0;
  }
}

/** -1, 0 or 1; NaN when the two are no neighbours. */
function stepOf(before: number, after: number): number {
  const step = after - before;
  if (step >= -1 && step <= 1) return step;
  if (before === 0x39 && after === 0x30) return 1;
  if (before === 0x30 && after === 0x39) return -1;
  return NaN;
}

function markRepeats(codes: Uint8Array, period: number, made: Uint8Array): void {
  let run = 0;
  for (let index = period; index <= codes.length; index++) {
    if (index < codes.length && codes[index] === codes[index - period]) {
      run++;
      continue;
    }
    if (run >= Math.max(SHORTEST_REPEAT, period)) made.fill(1, index - run - period, index);
    run = 0;
  }
}

function markRows(codes: Uint8Array, made: Uint8Array): void {
  const text = String.fromCharCode(...codes);
  for (const row of KEYBOARD_ROWS) {
    const piece = row.slice(0, SHORTEST_ROW);
    for (let at = text.indexOf(piece); at >= 0; at = text.indexOf(piece, at + 1)) {
      let length = 0;
      while (length < row.length && text[at + length] === row[length]) length++;
      made.fill(1, at, at + length);
    }
  }
}

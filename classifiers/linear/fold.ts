/**
 * fold maps every UTF-16 code unit to the one the word models know: lower case, accents stripped (`É` → `e`,
 * `ł` → `l`), and to a class. Tables are built once; a text is then read with two array look-ups per unit and no
 * strings are made.
 */
export const SEPARATOR = 0;
export const LETTER = 1;
export const DIGIT = 2;
/** Scripts without spaces between words: every unit is a word of its own, and pairs carry the meaning. */
export const IDEOGRAPH = 3;
/** Combining marks: part of the word before, and nothing to the models. */
export const MARK = 4;

const classes = new Uint8Array(0x10000);
const folded = new Uint16Array(0x10000);
const upper = new Uint8Array(0x10000);

// NFD leaves these whole.
const WHOLE: Readonly<Record<string, string>> = {
  ß: 's',
  ł: 'l',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  æ: 'a',
  œ: 'o',
  þ: 't',
  ı: 'i',
};

function letters(from: number, to: number): void {
  for (let unit = from; unit <= to; unit += 1) {
    const char = String.fromCharCode(unit);
    if (/\p{Mn}/u.test(char)) {
      classes[unit] = MARK;
    } else if (/\p{L}/u.test(char)) {
      classes[unit] = LETTER;
      const lower = char.toLowerCase();
      upper[unit] = lower === char ? 0 : 1;
      const base = WHOLE[lower] ?? lower.normalize('NFD');
      folded[unit] = base.charCodeAt(0);
    } else if (/\p{Nd}/u.test(char)) {
      classes[unit] = DIGIT;
      folded[unit] = unit;
    }
  }
}
folded.forEach((_, unit) => {
  folded[unit] = unit;
});
letters(0, 0x24f);
letters(0x300, 0x52f);
letters(0x1e00, 0x1eff);
// Other alphabets have no case to fold: letters up to the general punctuation block, Hangul, Arabic forms, full width.
classes.fill(LETTER, 0x531, 0x1e00);
classes.fill(LETTER, 0x1f00, 0x2000);
classes.fill(LETTER, 0xac00, 0xd7b0);
classes.fill(LETTER, 0xfb1d, 0xfdd0);
classes.fill(IDEOGRAPH, 0x3041, 0x3100);
classes.fill(IDEOGRAPH, 0x3400, 0xa000);
classes.fill(IDEOGRAPH, 0xf900, 0xfb00);

export const CLASS_OF: Readonly<Uint8Array> = classes;
export const FOLD_OF: Readonly<Uint16Array> = folded;
export const IS_UPPER: Readonly<Uint8Array> = upper;

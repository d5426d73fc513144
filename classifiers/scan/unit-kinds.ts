/** What one UTF-16 unit is to the one pass, as bits. */
export const DIGIT = 1;
/** ASCII letter or digit. */
export const ALPHANUMERIC = 2;
/** [A-Za-z0-9+/=_.-] */
export const TOKEN = 4;
export const HEX = 8;
export const UPPER = 16;
/** Letters written for digits: O o l I, and | which is no letter. */
export const DIGIT_LOOK_ALIKE = 32;
/** May stand between the digits of one group. */
export const SEPARATOR = 64;
/** A letter beyond ASCII. */
export const FOREIGN_LETTER = 128;

export const UNIT_KINDS: Uint8Array = unitKinds();

function unitKinds(): Uint8Array {
  const kinds = new Uint8Array(65_536);
  const add = (characters: string, bit: number): void => {
    for (const character of characters) {
      const unit = character.charCodeAt(0);
      kinds[unit] = (kinds[unit] ?? 0) | bit;
    }
  };
  const lower = 'abcdefghijklmnopqrstuvwxyz';
  const digits = '0123456789';
  add(digits, DIGIT);
  add(lower + lower.toUpperCase() + digits, ALPHANUMERIC | TOKEN);
  add('+/=_.-', TOKEN);
  add(`${digits}abcdefABCDEF`, HEX);
  add(lower.toUpperCase(), UPPER);
  add('OolI', DIGIT_LOOK_ALIKE);
  add(' .-/_(),\n\r\t', SEPARATOR);
  const letter = /^\p{L}$/u;
  for (let unit = 0x80; unit < 0x1_0000; unit++) {
    // Surrogate halves stand for letters beyond the BMP often enough to count.
    if ((unit >= 0xd800 && unit <= 0xdfff) || letter.test(String.fromCharCode(unit))) kinds[unit] = FOREIGN_LETTER;
  }
  return kinds;
}

/**
 * UTF-8 to characters one by one, each with the bytes it came from; malformed bytes become U+FFFD, one each, so that a
 * broken sequence cannot swallow the text after it.
 */
export function decodeUtf8(bytes: Uint8Array, visit: (character: string, from: number, to: number) => void): void {
  for (let index = 0; index < bytes.length;) {
    const first = bytes[index] ?? 0;
    const length =
      first < 0x80
        ? 1
        : first >= 0xc2 && first < 0xe0
          ? 2
          : first >= 0xe0 && first < 0xf0
            ? 3
            : first >= 0xf0 && first < 0xf5
              ? 4
              : 0;
    let codePoint = length === 1 ? first : first & (0xff >> (length + 1));
    let valid = length > 0 && index + length <= bytes.length;
    for (let offset = 1; valid && offset < length; offset++) {
      const next = bytes[index + offset] ?? 0;
      valid = (next & 0xc0) === 0x80;
      codePoint = (codePoint << 6) | (next & 0x3f);
    }
    if (valid && codePoint <= 0x10ffff && !(codePoint >= 0xd800 && codePoint <= 0xdfff)) {
      visit(String.fromCodePoint(codePoint), index, index + length);
      index += length;
    } else {
      visit('\ufffd', index, index + 1);
      index++;
    }
  }
}

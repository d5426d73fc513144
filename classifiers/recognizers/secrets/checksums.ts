/** Check digits that token makers put into their tokens. */

const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** crc32 over the text's ASCII codes (IEEE 802.3). */
export function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let index = 0; index < text.length; index++) {
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ text.charCodeAt(index)) & 0xff] ?? 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** base62 of a number, left-padded with zeros. */
export function base62(value: number, length: number): string {
  let rest = value;
  let text = '';
  while (rest > 0) {
    text = (BASE62[rest % 62] ?? '') + text;
    rest = Math.floor(rest / 62);
  }
  return text.padStart(length, '0');
}

/** GitHub and npm: the last six characters are the CRC-32 of what stands between the first `_` and them. */
export function hasCrc32Tail(token: string): boolean {
  const body = token.slice(token.indexOf('_') + 1, -6);
  return base62(crc32(body), 6) === token.slice(-6);
}

/** Bytes of base64 and hex, each with the place in the text it came from. */

export interface BlobBytes {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
  /** Source offset at which each byte begins; one more entry than bytes. */
  readonly offsets: Uint32Array;
}

const SEXTETS = sextets();

function sextets(): Int8Array {
  const values = new Int8Array(128).fill(-1);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  for (let value = 0; value < 64; value++) values[alphabet.charCodeAt(value)] = value;
  values[0x2d] = 62;
  values[0x5f] = 63;
  return values;
}

/** decodeBase64 reads both alphabets and skips what is in neither (line breaks, padding). */
export function decodeBase64(text: string, start: number, end: number, limitBytes: number): BlobBytes {
  const bytes = new Uint8Array(Math.max(0, Math.min(limitBytes, Math.floor(((end - start) * 3) / 4) + 1)));
  const offsets = new Uint32Array(bytes.length + 1);
  let length = 0;
  let buffer = 0;
  let bits = 0;
  let from = start;
  let to = start;
  for (let index = start; index < end && length < bytes.length; index++) {
    const unit = text.charCodeAt(index);
    const sextet = unit < 128 ? (SEXTETS[unit] ?? -1) : -1;
    if (sextet < 0) continue;
    if (bits === 0) from = index;
    buffer = ((buffer << 6) | sextet) & 0xffff;
    bits += 6;
    to = index + 1;
    if (bits < 8) continue;
    bits -= 8;
    offsets[length] = from;
    bytes[length++] = (buffer >> bits) & 0xff;
    from = index;
  }
  offsets[length] = to;
  // The padding goes with the blob.
  while (to < end && text.charCodeAt(to) === 0x3d) to++;
  return { from: start, to, bytes: bytes.subarray(0, length), offsets: offsets.subarray(0, length + 1) };
}

/** probeBase64 decodes the front into `out`, without places, and returns how many bytes there are. */
export function probeBase64(text: string, start: number, end: number, out: Uint8Array): number {
  const most = Math.max(0, Math.min(out.length, Math.floor(((end - start) * 3) / 4) + 1));
  let length = 0;
  let buffer = 0;
  let bits = 0;
  for (let index = start; index < end && length < most; index++) {
    const unit = text.charCodeAt(index);
    const sextet = unit < 128 ? (SEXTETS[unit] as number) : -1;
    if (sextet < 0) continue;
    buffer = ((buffer << 6) | sextet) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[length++] = (buffer >> bits) & 0xff;
  }
  return length;
}

export function decodeHex(text: string, start: number, end: number, limitBytes: number): BlobBytes {
  const length = Math.max(0, Math.min(limitBytes, (end - start) >> 1));
  const bytes = new Uint8Array(length);
  const offsets = new Uint32Array(length + 1);
  for (let index = 0; index < length; index++) {
    const at = start + index * 2;
    bytes[index] = (nibble(text.charCodeAt(at)) << 4) | nibble(text.charCodeAt(at + 1));
    offsets[index] = at;
  }
  offsets[length] = start + length * 2;
  return { from: start, to: start + length * 2, bytes, offsets };
}

/** Value of a unit known to be a hex digit. */
function nibble(unit: number): number {
  return unit <= 0x39 ? unit - 0x30 : (unit | 0x20) - 0x57;
}

/** narrowed reads UTF-16LE of ASCII (PowerShell's -EncodedCommand: a zero after every byte) as ASCII. */
export function narrowed(blob: BlobBytes): BlobBytes {
  const { bytes, offsets } = blob;
  if (bytes.length < 8 || bytes[1] !== 0 || bytes[3] !== 0 || bytes[5] !== 0 || bytes[7] !== 0) return blob;
  const length = bytes.length >> 1;
  const low = Uint8Array.from({ length }, (_, index) => (bytes[index * 2 + 1] === 0 ? (bytes[index * 2] ?? 0) : 0xff));
  const starts = Uint32Array.from({ length: length + 1 }, (_, index) => offsets[index * 2] ?? offsets.at(-1) ?? 0);
  return { ...blob, bytes: low, offsets: starts };
}

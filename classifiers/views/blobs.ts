/**
 * Base64 (both alphabets, with or without padding, wrapped lines, any alignment) and hex, decoded when what comes out is
 * readable text.
 */
import type { Window } from '../recognizer.ts';
import { decodeBase64, decodeHex, narrowed, probeBase64 } from './blob-bytes.ts';
import type { BlobBytes } from './blob-bytes.ts';
import type { DecodingView, ViewEdit } from './decoding.ts';
import { decodeUtf8 } from './utf8.ts';

/** Nine bytes hold the shortest values worth hiding (a phone number, an SSN without dashes). */
const SHORTEST_BYTES = 9;
/** So many units of base64 and hex hold nine bytes. */
export const SHORTEST_BASE64 = 12;
const SHORTEST_HEX = 18;
export const BASE64_RUN = /[A-Za-z0-9+/_-]{12,65536}={0,2}(?:\r?\n[ \t]{0,8}[A-Za-z0-9+/_-]{12,1024}={0,2}){0,8192}/g;
const HEX_RUN = /(?<![0-9A-Za-z])(?:0x)?(?<digits>[0-9A-Fa-f]{18,65536})(?![0-9A-Za-z])/g;
/** Bytes of one blob that are decoded; base64 beyond it is left to the opaque check. */
const LONGEST_BLOB = 262_144;
/** Bytes at the front that must be readable before the whole is decoded: random bytes pass once in 100,000. */
const PROBE_BYTES = 12;

const isReadableByte = (byte: number): boolean =>
  (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Readable: hardly anything in the whole is no text. Well-formed UTF-8 of any script counts as text. */
function isReadable(bytes: Uint8Array): boolean {
  if (bytes.length < SHORTEST_BYTES) return false;
  let unreadable = 0;
  decodeUtf8(bytes, (character, from, to) => {
    if (character === '\ufffd' || (to - from === 1 && !isReadableByte(bytes[from] ?? 0))) unreadable++;
  });
  return unreadable * 20 <= bytes.length;
}

/** The front is text to the byte. A multi-byte sequence cut at the end of the probe is forgiven. */
function looksReadable(bytes: Uint8Array, length = bytes.length): boolean {
  if (length < SHORTEST_BYTES) return false;
  let continuations = 0;
  for (let index = 0; index < Math.min(length, PROBE_BYTES); index++) {
    const byte = bytes[index] ?? 0;
    if (continuations > 0) {
      if ((byte & 0xc0) !== 0x80) return false;
      continuations--;
    } else if (byte >= 0xc2 && byte < 0xf5) continuations = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    else if (!isReadableByte(byte)) return false;
  }
  return true;
}

const probe = new Uint8Array(2 * PROBE_BYTES);

/** What looksReadable says of the decoded front, narrowed or not; most that may be base64 is none, and this makes nothing. */
function mayRead(text: string, start: number, end: number): boolean {
  const length = probeBase64(text, start, end, probe);
  if (length < 8 || probe[1] !== 0 || probe[3] !== 0 || probe[5] !== 0 || probe[7] !== 0)
    return looksReadable(probe, length);
  const half = length >> 1;
  for (let index = 0; index < half; index++)
    probe[index] = probe[index * 2 + 1] === 0 ? (probe[index * 2] as number) : 0xff;
  return looksReadable(probe, half);
}

/** readBase64 returns the blob at the alignment that reads, or undefined. */
export function readBase64(text: string, start: number, end: number): BlobBytes | undefined {
  for (let shift = 0; shift < 4; shift++) {
    if (!mayRead(text, start + shift, end)) continue;
    const blob = narrowed(decodeBase64(text, start + shift, end, LONGEST_BLOB));
    if (isReadable(blob.bytes)) return blob;
  }
  return undefined;
}

function readHex(text: string, start: number, end: number): BlobBytes | undefined {
  if (!looksReadable(narrowed(decodeHex(text, start, end, 2 * PROBE_BYTES)).bytes)) return undefined;
  const blob = narrowed(decodeHex(text, start, end, LONGEST_BLOB));
  return isReadable(blob.bytes) ? blob : undefined;
}

function* base64Blobs(text: string, { start, end }: Window): Generator<BlobBytes> {
  for (const match of text.slice(start, end).matchAll(BASE64_RUN)) {
    const from = start + match.index;
    const whole = readBase64(text, from, from + match[0].length);
    if (whole) {
      yield whole;
      continue;
    }
    // A word glued to the blob by one of the alphabet's own marks (`token-ZGF0YQ`, `path/ZGF0YQ`), or lines that only look wrapped.
    for (const piece of match[0].matchAll(/[A-Za-z0-9+]{12,65536}={0,2}/g)) {
      if (piece[0].length === match[0].length) break;
      const part = readBase64(text, from + piece.index, from + piece.index + piece[0].length);
      if (part) yield part;
    }
  }
}

function blobEdit({ from, to, bytes, offsets }: BlobBytes): ViewEdit {
  return {
    from,
    to,
    apply: (rewrite) =>
      decodeUtf8(bytes, (character, first, last) => {
        const start = offsets[first] ?? from;
        rewrite.replace(start, Math.max(offsets[last] ?? to, start + 1), character);
      }),
  };
}

/** An identifier, path or word: no digits and at most two capitals in its first 24; base64 of text is never like that. */
function isPlainWord(text: string, start: number, end: number): boolean {
  let capitals = 0;
  for (let index = start; index < Math.min(end, start + 24); index++) {
    const unit = text.charCodeAt(index);
    if ((unit >= 0x30 && unit <= 0x39) || unit === 0x3d) return false;
    if (unit >= 0x41 && unit <= 0x5a && ++capitals > 2) return false;
  }
  return end - start <= 24;
}

export const base64View: DecodingView = {
  view: 'base64',
  edit: 'plain',
  triggers: [{ kind: 'run', of: 'token', atLeast: SHORTEST_BASE64 }],
  guard: (text, start, end) => !isPlainWord(text, start, end),
  // The lines of one wrapped blob share a window.
  reach: { before: 0, after: 10 },
  edits(text, window, emit) {
    for (const blob of base64Blobs(text, window)) emit(blobEdit(blob));
  },
};

export const hexView: DecodingView = {
  view: 'hex',
  edit: 'plain',
  triggers: [{ kind: 'run', of: 'hex', atLeast: SHORTEST_HEX }],
  reach: { before: 3, after: 1 },
  edits(text, window, emit) {
    for (const match of text.slice(window.start, window.end).matchAll(HEX_RUN)) {
      const digits = match.groups?.['digits'] ?? '';
      const start = window.start + match.index + match[0].length - digits.length;
      const blob = readHex(text, start, start + digits.length);
      if (blob) emit(blobEdit(blob));
    }
  },
};

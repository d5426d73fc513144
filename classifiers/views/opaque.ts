/**
 * Blobs nobody can vouch for: long, dense, and not text when decoded. Bounds are chosen so that what agents send all day
 * does not count: hashes, UUIDs, integrity strings (88), signatures of tokens (up to 683, in a token), public keys and
 * certificates, minified code, source maps, long paths. Fails towards opaque.
 */
import type { Window } from '../recognizer.ts';
import { decodeBase64 } from './blob-bytes.ts';
import { BASE64_RUN, readBase64 } from './blobs.ts';

/** Units of base64: 192 bytes. Shorter ones are keys, hashes and ids, which recognizers judge. */
const LONGEST_CLEAR_BASE64 = 256;
/** Units of hex: 4096-bit keys have 1,024. */
const LONGEST_CLEAR_HEX = 1100;
/** Bits per unit. English in one case reaches 4.2, mixed identifiers and protein sequences 4.6, base64 of noise 5.8 at this length. */
const DENSE_BASE64 = 4.9;
const DENSE_HEX = 3.6;
/** A compressed text starts like this in base64, and hides at any length. */
const GZIP = /^H4sI[A-Za-z0-9+/]{36}/;
const HEX = /^[0-9A-Fa-f]+$/;
/** Public material: what stands in such a block is meant to be published. Bounded, so that it cannot carry a document. */
const PUBLIC_BLOCK =
  /-----BEGIN (?:TRUSTED )?(?:CERTIFICATE(?: REQUEST)?|(?:RSA |EC )?PUBLIC KEY|PGP PUBLIC KEY BLOCK|PGP SIGNATURE|SSH SIGNATURE|X509 CRL)-----\s{0,4}(?:[A-Za-z]{1,20}: [^\n]{0,80}\n\s{0,4}){0,4}$/;
const LONGEST_PUBLIC_BLOCK = 16_384;
/** 384 bytes: no document, and whoever hid one in an address could as well send it in two. */
const LONGEST_MEDIA_NAME = 512;
const MEDIA_ENDING = /^\.(?:png|jpe?g|gif|webp|avif|svg|mp[34]|webm|woff2?)(?![A-Za-z0-9])/i;
const LONGEST_HOST = 200;
/** The run may begin in the host's name. */
const WEB_ADDRESS = /https?:\/\/[^\s"'<>]{0,160}$/;
/** After the four bytes of its length. */
const SSH_PUBLIC_KEY = /^(?:ssh-|ecdsa-|sk-)/;
const LONGEST_SSH_KEY = 1500;

/** hasOpaqueBlob looks at the long runs of a window. `undecoded`: readable blobs count too, because no view will read them. */
export function hasOpaqueBlob(
  text: string,
  { start, end }: Window,
  undecoded: 'readable-is-clear' | 'readable-is-opaque',
): boolean {
  for (const match of text.slice(start, end).matchAll(BASE64_RUN)) {
    const from = start + match.index;
    const run = match[0];
    if (GZIP.test(run)) return true;
    if (undecoded === 'readable-is-opaque' && run.length >= 32 && readBase64(text, from, from + run.length))
      return true;
    if (run.length < LONGEST_CLEAR_BASE64) continue;
    const isHex = HEX.test(run);
    if (isHex && run.length < LONGEST_CLEAR_HEX) continue;
    if (entropy(run) < (isHex ? DENSE_HEX : DENSE_BASE64)) continue;
    if (isPublic(text, from, run)) continue;
    if (!isHex && readBase64(text, from, from + run.length)) continue;
    return true;
  }
  return false;
}

function isPublic(text: string, from: number, run: string): boolean {
  if (run.length <= LONGEST_MEDIA_NAME && isMediaAddress(text, from, from + run.length)) return true;
  if (run.length <= LONGEST_PUBLIC_BLOCK && PUBLIC_BLOCK.test(text.slice(Math.max(0, from - 400), from))) return true;
  // The signature of a token; the token itself is a finding.
  if (
    text.charCodeAt(from - 1) === 0x2e &&
    run.length <= 700 &&
    /eyJ[A-Za-z0-9_-]{10,2048}\.[A-Za-z0-9_-]{0,4096}\.$/.test(text.slice(Math.max(0, from - 6200), from))
  )
    return true;
  return (
    run.length <= LONGEST_SSH_KEY &&
    SSH_PUBLIC_KEY.test(String.fromCharCode(...decodeBase64(text, from, from + run.length, 16).bytes.subarray(4)))
  );
}

/** The long name of a picture in its web address, as image networks sign them. */
function isMediaAddress(text: string, from: number, to: number): boolean {
  return (
    MEDIA_ENDING.test(text.slice(to, to + 7)) && WEB_ADDRESS.test(text.slice(Math.max(0, from - LONGEST_HOST), from))
  );
}

/** Shannon entropy in bits per unit, of at most the first 4,096 units. */
function entropy(run: string): number {
  const counts = new Uint16Array(128);
  const length = Math.min(run.length, 4096);
  for (let index = 0; index < length; index++) {
    const unit = run.charCodeAt(index) & 0x7f;
    counts[unit] = (counts[unit] ?? 0) + 1;
  }
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / length) * Math.log2(count / length);
  return bits;
}

/**
 * A segment: the records one instance wrote together, sealed. Its header names the segment before it by hash and its records by the hash of their hashes, and is signed; so the last
 * signature stands for everything before it, one record can be shown with its segment's leaves alone, and a change is located to the record.
 */
import { hash } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { AuditRecord } from './event.ts';
import type { Signer } from './signer.ts';

/** In this order in the signed text. */
export interface SegmentHeader {
  readonly v: 1;
  /** Position in the chain, from 1. */
  readonly n: number;
  readonly instance: string;
  /** `i` of the first record. */
  readonly first: number;
  readonly count: number;
  /** Epoch milliseconds of the first and last record. */
  readonly from: number;
  readonly to: number;
  /** Records this instance had to drop before these because they could not be written. */
  readonly lost: number;
  /** Hash of the segment before; of the genesis or the anchor for the first. */
  readonly prev: string;
  readonly root: string;
  /** Fingerprint of the key that signed. */
  readonly key: string;
  /** The head this instance had last written, when it is no longer in the chain: somebody took it away. */
  readonly missing?: { readonly n: number; readonly hash: string };
}

export interface Segment {
  readonly header: SegmentHeader;
  /** Exactly what was signed. */
  readonly headerText: string;
  readonly signature: Uint8Array;
  readonly hash: string;
  /** 32 bytes for each record. */
  readonly leaves: Uint8Array;
  /** Lines of JSON, zstd. */
  readonly body: Uint8Array;
}

/** What the first segment of all names as the one before it. */
export const GENESIS = '0'.repeat(64);
export const LEAF_BYTES = 32;
/** A body is at most this long when unpacked; a sealed one never is longer, a forged one is not unpacked further. */
/** Receipts are so alike that the cheapest level packs them tenfold. */
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const MAX_BODY = 256 * 1024 * 1024;

export interface Draft {
  readonly instance: string;
  readonly first: number;
  readonly lost: number;
  readonly lines: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** packLines makes what does not depend on the place in the chain, so that losing a race for the place costs only a signature. */
export function packLines(lines: readonly string[]): {
  readonly leaves: Buffer;
  readonly root: string;
  readonly body: Buffer;
} {
  const leaves = Buffer.allocUnsafe(lines.length * LEAF_BYTES);
  lines.forEach((line, index) => hash('sha256', line, 'buffer').copy(leaves, index * LEAF_BYTES));
  return { leaves, root: hash('sha256', leaves, 'hex'), body: zstdCompressSync(lines.join('\n'), FAST) };
}

export function seal(
  draft: Draft,
  packed: ReturnType<typeof packLines>,
  place: { readonly n: number; readonly prev: string; readonly missing?: SegmentHeader['missing'] },
  signer: Signer,
): Segment {
  const header: SegmentHeader = {
    v: 1,
    n: place.n,
    instance: draft.instance,
    first: draft.first,
    count: draft.lines.length,
    from: draft.from,
    to: draft.to,
    lost: draft.lost,
    prev: place.prev,
    root: packed.root,
    key: signer.fingerprint,
    ...(place.missing === undefined ? {} : { missing: place.missing }),
  };
  const headerText = JSON.stringify(header);
  const signature = signer.sign(headerText);
  return {
    header,
    headerText,
    signature,
    hash: hashOf(headerText, signature),
    leaves: packed.leaves,
    body: packed.body,
  };
}

/** The signature is part of what the next segment names: a changed signature breaks the chain too. */
export function hashOf(headerText: string, signature: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.from(headerText), Buffer.from('\n'), signature]), 'hex');
}

/** unpack gives the lines as bytes, or `undefined` where the body is none. */
export function unpack(body: Uint8Array): readonly Buffer[] | undefined {
  let text: Buffer;
  try {
    text = zstdDecompressSync(body, { maxOutputLength: MAX_BODY });
  } catch {
    return undefined;
  }
  const lines: Buffer[] = [];
  let start = 0;
  for (;;) {
    const end = text.indexOf(10, start);
    if (end === -1) break;
    lines.push(text.subarray(start, end));
    start = end + 1;
  }
  lines.push(text.subarray(start));
  return lines;
}

/** parseRecord reads a line this Sluice or another wrote; `undefined` for what is no record. */
export function parseRecord(line: Buffer | string): AuditRecord | undefined {
  try {
    const value: unknown = JSON.parse(line.toString());
    if (typeof value !== 'object' || value === null || !('kind' in value) || !('at' in value)) return undefined;
    return value as AuditRecord;
  } catch {
    return undefined;
  }
}

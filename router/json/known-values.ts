/**
 * Values the strict parser has read from end to end before, known again by a keyed hash of their exact source. An agent sends tens of kilobytes of the same messages
 * and tools with every turn; a JSON object or array ends where its own brackets say, so the same bytes are the same value wherever they
 * stand, and need not be parsed to be known as strict JSON. Holds hashes and counts, no text. Fails towards parsing.
 *
 * Finding needs no reading: the first characters say how long values that begin so have been, and only a hash over all of them says that this is one.
 */
import { randomInt } from 'node:crypto';
import { TextDigest } from '../../classifiers/skim/text-digest.ts';

/** What a skipped value counts for against the limits. */
export interface KnownValue {
  readonly digest: string;
  readonly end: number;
  /** Values and keys in it, itself included. */
  readonly values: number;
  /** Containers inside one another in it, itself included. */
  readonly depth: number;
  /** Items of an array; 0 for an object. */
  readonly length: number;
}

type Remembered = Pick<KnownValue, 'values' | 'depth' | 'length'>;

/** Characters that are looked up; shorter values are parsed in less. */
const HEAD = 96;
const TAIL = 16;
/** Values remembered with one beginning, so that a look costs a bounded number of hashes. */
const LENGTHS = 8;

export class KnownValues {
  readonly #limit: number;
  readonly #digest = new TextDigest();
  readonly #seed = randomInt(2 ** 31);
  /** Two generations, as in KeyedMemory: what is asked for moves to the young one. */
  #young = new Map<string, Remembered>();
  #old = new Map<string, Remembered>();
  #youngLengths = new Map<number, Lengths>();
  #oldLengths = new Map<number, Lengths>();

  constructor(limit = 40_000) {
    this.#limit = limit;
  }

  /** find gives the value that begins at `start`, when it was remembered. */
  find(source: string, start: number, owner: string): KnownValue | undefined {
    if (start + HEAD > source.length) return undefined;
    const head = this.#headOf(source, start, owner);
    const lengths = this.#youngLengths.get(head) ?? this.#oldLengths.get(head);
    if (lengths === undefined) return undefined;
    for (let at = 0; at < lengths.length.length; at += 1) {
      const end = start + (lengths.length[at] as number);
      if (end > source.length || this.#tailOf(source, end) !== lengths.tail[at]) continue;
      const digest = this.#digestOf(source.slice(start, end), owner);
      const known = digest === undefined ? undefined : this.#get(digest);
      if (digest === undefined || known === undefined) continue;
      this.#youngLengths.set(head, lengths);
      return { ...known, digest, end };
    }
    return undefined;
  }

  /** remember takes a value that the strict parser has just read whole. Undefined for one that is too short to be worth it. */
  remember(source: string, start: number, end: number, value: Remembered, owner: string): string | undefined {
    if (this.#limit === 0 || end - start < HEAD) return undefined;
    const digest = this.#digestOf(source.slice(start, end), owner);
    if (digest === undefined) return undefined;
    this.#young.set(digest, value);
    const head = this.#headOf(source, start, owner);
    const lengths = this.#youngLengths.get(head) ?? this.#oldLengths.get(head) ?? { length: [], tail: [] };
    const tail = this.#tailOf(source, end);
    if (!lengths.length.some((length, at) => length === end - start && lengths.tail[at] === tail)) {
      lengths.length.unshift(end - start);
      lengths.tail.unshift(tail);
      if (lengths.length.length > LENGTHS) {
        lengths.length.pop();
        lengths.tail.pop();
      }
    }
    this.#youngLengths.set(head, lengths);
    if (this.#young.size * 2 >= this.#limit) {
      [this.#old, this.#oldLengths] = [this.#young, this.#youngLengths];
      [this.#young, this.#youngLengths] = [new Map(), new Map()];
    }
    return digest;
  }

  #get(digest: string): Remembered | undefined {
    const young = this.#young.get(digest);
    if (young !== undefined) return young;
    const old = this.#old.get(digest);
    if (old !== undefined) this.#young.set(digest, old);
    return old;
  }

  /** Of every unit, under a random key (docs/decisions/2026-11-25-the-door-knows-what-was-read.md); undefined for megabytes in one value. */
  #digestOf(value: string, owner: string): string | undefined {
    return this.#digest.read(value, owner) ? this.#digest.name() : undefined;
  }

  #headOf(source: string, start: number, owner: string): number {
    let sum = this.#seed;
    for (let at = 0; at < owner.length; at += 1) sum = Math.imul(sum ^ owner.charCodeAt(at), 0x01000193);
    for (let at = start; at < start + HEAD; at += 1) sum = Math.imul(sum ^ source.charCodeAt(at), 0x01000193);
    return sum;
  }

  #tailOf(source: string, end: number): number {
    let sum = this.#seed;
    for (let at = end - TAIL; at < end; at += 1) sum = Math.imul(sum ^ source.charCodeAt(at), 0x01000193);
    return sum;
  }
}

/** Of values with one beginning, latest first: how long, and how they ended. */
interface Lengths {
  readonly length: number[];
  readonly tail: number[];
}

/**
 * The door's second look at bytes about to leave. Independent of the classifier: it finds the leaves itself, as the receiver will
 * read them, reads each itself, and never asks what the classifier came to. The one thing it trusts is its own earlier look: a
 * piece of the body it has read from end to end is known by a keyed hash of its exact bytes and the key above it, since equal bytes
 * give equal answers. Remembered is only the highest rank found, so a piece that is too high is read again and reported in full.
 * Fails closed: what could not be read completely is a RescanFault, and is never remembered.
 */
import type { Finding } from './finding.ts';
import { jsonLeavesOf, jsonPiecesOf } from './json-leaves.ts';
import type { JsonLeaf } from './json-leaves.ts';
import type { KeyedMemory } from './keyed-memory.ts';
import type { Outcome } from './outcome.ts';
import type { Gap } from './verdict.ts';

/** No value worth finding is shorter. */
const SHORTEST_TEXT = 3;

/** RescanFault means the outgoing text could not be read completely: it must not leave. */
export class RescanFault extends Error {
  readonly code = 'rescan_incomplete';
  readonly gap: Gap['cause'];

  constructor(gap: Gap['cause']) {
    super('the outgoing text could not be read completely');
    this.name = 'RescanFault';
    this.gap = gap;
  }
}

export class DoorScan {
  readonly #read: (text: string, hint: string) => Outcome;
  readonly #memory: KeyedMemory<number>;

  constructor(read: (text: string, hint: string) => Outcome, memory: KeyedMemory<number>) {
    this.#read = read;
    this.#memory = memory;
  }

  /** scan returns the findings that rank above `ceiling`. */
  scan(outgoing: string, ceiling: number): readonly Finding[] {
    const pieces = jsonPiecesOf(outgoing);
    if (pieces === undefined) return this.#scanWhole(outgoing, ceiling);
    const findings: Finding[] = [];
    for (const [index, piece] of pieces.entries()) {
      const source = outgoing.slice(piece.start, piece.end);
      const key = this.#memory.keyOf(source, piece.key);
      const known = this.#memory.get(key);
      if (known !== undefined && known <= ceiling) continue;
      const leaves = jsonLeavesOf(source, piece.key);
      if (leaves === undefined) return this.#scanWhole(outgoing, ceiling);
      // The key counts for every item under it, so that whichever of them is met alone later on is not below its key; it is reported once.
      const above = { text: piece.key, hint: '', start: piece.keyStart };
      const isFirst = pieces[index - 1]?.keyStart !== piece.keyStart;
      const keyRank = this.#scanLeaves([above], 0, ceiling, isFirst ? findings : []);
      this.#memory.set(key, Math.max(keyRank, this.#scanLeaves(leaves, piece.start, ceiling, findings)));
    }
    return findings;
  }

  /** Leaf by leaf where it is JSON at all: quotes and commas between two values make no third. */
  #scanWhole(outgoing: string, ceiling: number): readonly Finding[] {
    const findings: Finding[] = [];
    this.#scanLeaves(jsonLeavesOf(outgoing) ?? [{ text: outgoing, hint: '', start: 0 }], 0, ceiling, findings);
    return findings;
  }

  /** Returns the highest rank of all; offsets inside a string with escapes are those of the decoded text, from the string's first character on. */
  #scanLeaves(leaves: readonly JsonLeaf[], from: number, ceiling: number, findings: Finding[]): number {
    let highest = 0;
    for (const leaf of leaves) {
      if (leaf.text.length < SHORTEST_TEXT) continue;
      const outcome = this.#read(leaf.text, leaf.hint);
      const [gap] = outcome.gaps;
      if (gap) throw new RescanFault(gap.cause);
      const start = from + leaf.start;
      for (const found of outcome.findings) {
        highest = Math.max(highest, found.rank);
        if (found.rank > ceiling)
          findings.push({
            ...found.finding,
            span: { segment: '', start: start + found.start, end: start + found.end },
          });
      }
    }
    return highest;
  }
}

/**
 * The door's second look at bytes about to leave. It finds the leaves itself, as the receiver will read them, and asks of each
 * whether that very text was read: every unit of it and the key above it, by a keyed hash. What was read, by the classifier or by an
 * earlier look, counts with the highest rank that was found in it then, since equal texts under equal keys give equal answers; every
 * other leaf is read here, and so is one that is too high, to report it in full. Of the decision, of segments, blocks and what was
 * cut, masked or spliced it knows nothing. Pieces of the body it has itself been through are known the same way. Fails closed: what
 * could not be read completely is a RescanFault, and is never remembered.
 */
import type { Finding } from './finding.ts';
import { jsonLeavesOf, jsonPiecesOf } from './json-leaves.ts';
import type { JsonLeaf } from './json-leaves.ts';
import type { Outcome } from './outcome.ts';
import { ReadMemory } from './read-memory.ts';
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

export interface DoorReader {
  /** The highest rank found when this very text under this key was read from end to end; -1 when it was not. */
  rankOf(text: string, hint: string, owner: string): number;
  /** Reads a text, and remembers that it did. */
  structuredNow(text: string, hint: string, owner: string): Outcome;
}

export class DoorScan {
  readonly #reader: DoorReader;
  readonly #pieces: ReadMemory;

  /** DoorScan remembers up to `limit` pieces. */
  constructor(reader: DoorReader, limit: number) {
    this.#reader = reader;
    this.#pieces = new ReadMemory(limit);
  }

  /** scan returns the findings that rank above `ceiling`. What is remembered is remembered for `owner` alone. */
  scan(outgoing: string, ceiling: number, owner: string): readonly Finding[] {
    const pieces = jsonPiecesOf(outgoing);
    if (pieces === undefined) return this.#scanWhole(outgoing, ceiling, owner);
    const findings: Finding[] = [];
    for (const [index, piece] of pieces.entries()) {
      const source = outgoing.slice(piece.start, piece.end);
      const known = this.#pieces.get(source, owner + piece.key);
      if (known >= 0 && known <= ceiling) continue;
      const leaves = jsonLeavesOf(source, piece.key);
      if (leaves === undefined) return this.#scanWhole(outgoing, ceiling, owner);
      // The key counts for every item under it, so that whichever of them is met alone later on is not below its key; it is reported once.
      const above = { text: piece.key, hint: '', start: piece.keyStart };
      const isFirst = pieces[index - 1]?.keyStart !== piece.keyStart;
      const keyRank = this.#scanLeaves([above], 0, ceiling, isFirst ? findings : [], owner);
      const rank = Math.max(keyRank, this.#scanLeaves(leaves, piece.start, ceiling, findings, owner));
      this.#pieces.set(source, owner + piece.key, rank);
    }
    return findings;
  }

  /** Leaf by leaf where it is JSON at all: quotes and commas between two values make no third. */
  #scanWhole(outgoing: string, ceiling: number, owner: string): readonly Finding[] {
    const findings: Finding[] = [];
    this.#scanLeaves(jsonLeavesOf(outgoing) ?? [{ text: outgoing, hint: '', start: 0 }], 0, ceiling, findings, owner);
    return findings;
  }

  /** Returns the highest rank of all; offsets inside a string with escapes are those of the decoded text, from the string's first character on. */
  #scanLeaves(leaves: readonly JsonLeaf[], from: number, ceiling: number, findings: Finding[], owner: string): number {
    let highest = 0;
    for (const leaf of leaves) {
      if (leaf.text.length < SHORTEST_TEXT) continue;
      const known = this.#reader.rankOf(leaf.text, leaf.hint, owner);
      if (known >= 0 && known <= ceiling) {
        highest = Math.max(highest, known);
        continue;
      }
      const outcome = this.#reader.structuredNow(leaf.text, leaf.hint, owner);
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

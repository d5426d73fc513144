/**
 * Keeps the beginning and the end of a stream and counts what fell out between, so that a flood costs its bound in memory
 * and no more. Fails by losing the middle, never by growing.
 */
import type { BoundedOutput } from './executor.ts';

export interface OutputCollector {
  push(chunk: Uint8Array): void;
  /** Bytes seen so far, kept or not. */
  readonly total: number;
  result(): BoundedOutput;
}

/** A cut inside a UTF-8 sequence would show as damage the program never wrote: the split bytes count as omitted. */
function endOfWholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const width = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return width > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function startOfWholeCharacters(bytes: Uint8Array): number {
  let start = 0;
  while (start < Math.min(3, bytes.length) && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  return start;
}

export function createOutputCollector(limitBytes: number): OutputCollector {
  const headLimit = limitBytes >> 1;
  const tailLimit = limitBytes - headLimit;
  const head = Buffer.alloc(headLimit);
  const ring = Buffer.alloc(tailLimit);
  let headLength = 0;
  let ringTotal = 0;

  return {
    get total() {
      return headLength + ringTotal;
    },
    push(chunk) {
      const forHead = Math.min(chunk.length, headLimit - headLength);
      head.set(chunk.subarray(0, forHead), headLength);
      headLength += forHead;
      const rest = chunk.subarray(forHead);
      const kept = rest.subarray(Math.max(0, rest.length - tailLimit));
      const position = tailLimit === 0 ? 0 : (ringTotal + rest.length - kept.length) % tailLimit;
      const untilEnd = Math.min(kept.length, tailLimit - position);
      ring.set(kept.subarray(0, untilEnd), position);
      ring.set(kept.subarray(untilEnd), 0);
      ringTotal += rest.length;
    },
    result() {
      const tailLength = Math.min(ringTotal, tailLimit);
      const wrapped = ringTotal > tailLimit ? ringTotal % tailLimit : 0;
      const tail = Buffer.concat([ring.subarray(wrapped, tailLength), ring.subarray(0, wrapped)]);
      const first = head.subarray(0, headLength);
      if (ringTotal <= tailLimit) {
        return { head: Buffer.concat([first, tail]).toString('utf8'), tail: '', omittedBytes: 0 };
      }
      const headEnd = endOfWholeCharacters(first);
      const tailStart = startOfWholeCharacters(tail);
      return {
        head: first.toString('utf8', 0, headEnd),
        tail: tail.toString('utf8', tailStart),
        omittedBytes: ringTotal - tailLimit + (headLength - headEnd) + tailStart,
      };
    },
  };
}

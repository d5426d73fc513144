/** Values as machines draw them, the same ones in every run. */
import { ALPHABETS } from '../../../classifiers/recognizers/secrets/token-format.ts';
import type { TokenFormat } from '../../../classifiers/recognizers/secrets/token-format.ts';

/** A stream of numbers in [0, 1) from a seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function drawn(alphabet: string, length: number, seed: number): string {
  const letters = expand(alphabet);
  const next = random(seed);
  return Array.from({ length }, () => letters[Math.floor(next() * letters.length)]).join('');
}

/** A token of a format: its first start, every run at its least length. */
export function tokenOf(format: TokenFormat, seed: number, start = format.starts[0] ?? ''): string {
  return (
    start +
    format.rest
      .map((piece, index) =>
        typeof piece === 'string' ? piece : drawn(ALPHABETS[piece[0]], piece[1], seed * 31 + index),
      )
      .join('')
  );
}

/** The same shape with nothing drawn: what documentation prints. */
export function placeholderOf(format: TokenFormat): string {
  const body = format.rest.map((piece) => {
    if (typeof piece === 'string') return piece;
    const filler = expand(ALPHABETS[piece[0]]).includes('x')
      ? 'x'
      : expand(ALPHABETS[piece[0]]).includes('X')
        ? 'X'
        : '0';
    return filler.repeat(piece[1]);
  });
  return (format.starts[0] ?? '') + body.join('');
}

function expand(alphabet: string): string {
  return alphabet.replace(/(.)-(.)/g, (range: string, from: string, to: string) => {
    if (range === '+/-') return range;
    return Array.from({ length: to.charCodeAt(0) - from.charCodeAt(0) + 1 }, (_, index) =>
      String.fromCharCode(from.charCodeAt(0) + index),
    ).join('');
  });
}

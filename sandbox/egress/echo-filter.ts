/**
 * Keeps a credential out of the reply to the request that carried it. Bytes that could be the beginning of one are held until
 * it is clear that they are not. Fails closed: a reply that is compressed cannot be read and is cut, though it was not asked for.
 */
import { spellingsOf } from '../spellings.ts';

export type Filtered = { readonly kind: 'pass'; readonly bytes: Buffer } | { readonly kind: 'cut' };

const COMPRESSED = /^(?:content|transfer)-encoding:[^\r\n]*(?:gzip|deflate|compress|br|zstd)/im;
const MAX_HEAD = 64 * 1024;

export class EchoFilter {
  readonly #needles: readonly string[];
  #head: string | undefined = '';
  #held = '';

  constructor(hidden: readonly string[]) {
    // A password of three letters stands in every reply.
    this.#needles = hidden.filter((secret) => secret.length >= 6).flatMap(spellingsOf);
  }

  push(chunk: Buffer): Filtered {
    const text = this.#held + chunk.toString('latin1');
    if (this.#head !== undefined) {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (COMPRESSED.test(end === -1 ? this.#head : this.#head.slice(0, end))) return { kind: 'cut' };
      if (end !== -1) this.#head = undefined;
      else if (this.#head.length > MAX_HEAD) return { kind: 'cut' };
    }
    if (this.#needles.some((needle) => text.includes(needle))) return { kind: 'cut' };
    const keep = Math.max(0, ...this.#needles.map((needle) => overlap(text, needle)));
    this.#held = keep === 0 ? '' : text.slice(-keep);
    return { kind: 'pass', bytes: Buffer.from(text.slice(0, text.length - keep), 'latin1') };
  }

  /** What was held when the reply ended. */
  rest(): Buffer {
    return Buffer.from(this.#held, 'latin1');
  }
}

/** Length of the longest proper beginning of `needle` that `text` ends with. */
function overlap(text: string, needle: string): number {
  for (let length = Math.min(needle.length - 1, text.length); length > 0; length -= 1)
    if (text.endsWith(needle.slice(0, length))) return length;
  return 0;
}

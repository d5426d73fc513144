/**
 * Token counts of a whole reply that passes through unread, by the names of the chat and of the Responses wire: `usage` stands near the end of it, so the last bytes are enough. Quotes inside the reply's own
 * strings are escaped, so text cannot pass for a field. What is not found is not counted: undefined, never 0.
 */
import type { Usage } from '../chat.ts';

const TAIL_BYTES = 4 * 1024;

export class UsageTail {
  #tail: Buffer = Buffer.alloc(0);

  see(chunk: Buffer): void {
    this.#tail =
      chunk.length >= TAIL_BYTES
        ? chunk.subarray(-TAIL_BYTES)
        : Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES);
  }

  usage(): Usage | undefined {
    const text = this.#tail.toString('latin1');
    const inputTokens = count(text, 'prompt_tokens') ?? count(text, 'input_tokens');
    const outputTokens = count(text, 'completion_tokens') ?? count(text, 'output_tokens');
    if (inputTokens === undefined || outputTokens === undefined) return undefined;
    return {
      inputTokens,
      outputTokens,
      cachedInputTokens: count(text, 'cached_tokens') ?? 0,
      reasoningTokens: count(text, 'reasoning_tokens') ?? 0,
    };
  }
}

/** The last field of this name; a backslash before its quote would make it part of a string. */
function count(text: string, field: string): number | undefined {
  const name = `"${field}"`;
  for (let at = text.lastIndexOf(name); at > 0; at = text.lastIndexOf(name, at - 1)) {
    if (text[at - 1] === '\\') continue;
    const match = /^\s{0,8}:\s{0,8}(\d{1,12})(?=[\s,}])/.exec(text.slice(at + name.length, at + name.length + 32));
    if (match !== null) return Number(match[1]);
  }
  return undefined;
}

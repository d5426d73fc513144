/** Newline-delimited JSON split at any chunk boundary. Fails closed: bad UTF-8 or a line past the cap is `malformed` and the last thing read. */
import type { Readable } from 'node:stream';

/** Of one line; the largest are whole tool calls. */
const MAX_LINE_CHARS = 16 * 1024 * 1024;

export async function* readLines(
  body: Readable,
): AsyncGenerator<{ readonly text: string } | 'malformed', void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  // Pieces of a line whose end has not come; joined once.
  let pieces: string[] = [];
  let chars = 0;
  // Left open on return: the few bytes after the last frame are drained, so that the connection can be used again.
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    let text: string;
    try {
      text = decoder.decode(chunk as Buffer, { stream: true });
    } catch {
      yield 'malformed';
      return;
    }
    const parts = text.split('\n');
    const rest = parts.pop() ?? '';
    for (const part of parts) {
      const line = (pieces.join('') + part).trim();
      pieces = [];
      chars = 0;
      if (line !== '') yield { text: line };
    }
    pieces.push(rest);
    chars += rest.length;
    if (chars > MAX_LINE_CHARS) {
      yield 'malformed';
      return;
    }
  }
  // A last line without its newline is read all the same: the frame itself says whether it is the last.
  const last = pieces.join('').trim();
  if (last !== '') yield { text: last };
}

/** Newline-delimited JSON split at any chunk boundary. Fails closed: a line in bad UTF-8 or past the cap is `malformed` and the last thing read. */

/** Of one line; the largest are whole tool calls. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 10;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

export async function* readLines(
  body: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly text: string } | 'malformed', void, undefined> {
  // Pieces of a line whose end has not come; joined once.
  let pieces: Buffer[] = [];
  let held = 0;
  // By hand and not by for-await, which would close the body on return: its end is let run out, so that the connection can be used again.
  const source = body[Symbol.asyncIterator]();
  for (let step = await source.next(); step.done !== true; step = await source.next()) {
    let rest = step.value;
    // Split as bytes and decoded line by line: what a bad line breaks does not depend on how the bytes were cut.
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      const line = decode([...pieces, rest.subarray(0, end)]);
      pieces = [];
      held = 0;
      rest = rest.subarray(end + 1);
      if (line === 'malformed') {
        yield line;
        return;
      }
      if (line.text !== '') yield line;
    }
    pieces.push(rest);
    held += rest.length;
    if (held > MAX_LINE_BYTES) {
      yield 'malformed';
      return;
    }
  }
  // A last line without its newline is read all the same: the frame itself says whether it is the last.
  const last = decode(pieces);
  if (last === 'malformed' || last.text !== '') yield last;
}

function decode(pieces: readonly Buffer[]): { readonly text: string } | 'malformed' {
  try {
    return { text: UTF8.decode(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)).trim() };
  } catch {
    return 'malformed';
  }
}

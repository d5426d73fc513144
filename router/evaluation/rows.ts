/**
 * A labelled file, read as it comes: one line in memory at a time, whatever the size of the file. Fails closed: bytes that are not UTF-8, a line
 * longer than any request may be and a row that cannot be understood each end the reading with a problem that names the line.
 */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { type ParsedRow, parseRow } from './row.ts';

/** Longest line; above the largest request body the listener takes by default, escapes included. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

export type ReadRow =
  | (ParsedRow & { readonly kind: 'row' })
  | { readonly kind: 'problem'; readonly line: number; readonly message: string };

/** readRows yields every row with the bytes read so far; the first problem is the last thing it yields. Empty lines are skipped. */
export async function* readRows(
  file: string,
  options: { readonly maxLineBytes?: number } = {},
): AsyncGenerator<ReadRow & { readonly bytesRead: number }> {
  const maxLineBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
  let line = 0;
  let bytesRead = 0;
  let pieces: Buffer[] = [];
  let held = 0;
  const finish = (last: Buffer): ReadRow | undefined => {
    line += 1;
    const bytes = pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
    pieces = [];
    held = 0;
    if (!isUtf8(bytes)) return { kind: 'problem', line, message: 'not UTF-8' };
    const text = bytes.toString('utf8').replace(/^\ufeff/, '');
    return text.trim() === '' ? undefined : parseRow(text, line);
  };
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
        const row = finish(chunk.subarray(from, at));
        bytesRead += at + 1 - from;
        from = at + 1;
        if (row !== undefined) yield { ...row, bytesRead };
        if (row?.kind === 'problem') return;
      }
      const rest = chunk.subarray(from);
      bytesRead += rest.length;
      held += rest.length;
      if (rest.length > 0) pieces.push(rest);
      if (held > maxLineBytes) {
        yield { kind: 'problem', line: line + 1, message: `longer than ${maxLineBytes} bytes`, bytesRead };
        return;
      }
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    yield { kind: 'problem', line, message: `cannot read ${file} (${code})`, bytesRead };
    return;
  }
  if (held === 0) return;
  const row = finish(Buffer.alloc(0));
  if (row !== undefined) yield { ...row, bytesRead };
}

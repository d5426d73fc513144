/** How every writer of a reply ends. */
import type { ByteSink, WriterOptions } from './protocol.ts';

/** writeLast writes and then ends the sink; it waits only for a sink that does. */
export function writeLast(sink: ByteSink, bytes: string): void | Promise<void> {
  const written = sink.write(bytes);
  return written === undefined ? sink.end() : written.then(() => sink.end());
}

/** The error for a source that says `end` before what it said was whole: it has lied. */
export function truncatedBody({ errorBody }: Pick<WriterOptions, 'errorBody'>): string {
  return errorBody({ code: 'upstream_truncated', upstream: '', status: 200, retryAfterSeconds: 0, sent: true });
}

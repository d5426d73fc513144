/**
 * How a cloud's reply is read, whatever its wire: chunks to events of the stream, or one body. What an event says is the wire's own. Fails closed: bytes that are no events, a body past the cap, a
 * source that breaks off or ends without its wire's last word become `error`, and nothing is read after it.
 */
import type { ReplyEvent, UpstreamFailure } from '../chat.ts';
import { SseDecoder } from '../sse.ts';
import { failureOf } from '../upstreams/failure.ts';

/** One reply in the making, in one wire's form. */
export interface ReplyReader {
  /** What the data of one event of the stream says; an `end` or `error` is its last word. */
  read(data: string): readonly ReplyEvent[];
  /** What one body says, to its `end` or `error`. */
  readWhole(body: string): readonly ReplyEvent[];
  failed(code: UpstreamFailure['code']): ReplyEvent;
}

/** Of a whole reply; the upstream is no more trusted than a client. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** readReplyStream reads server-sent events. `body` may throw; what it threw becomes the failure. */
export async function* readReplyStream(
  body: AsyncIterable<Uint8Array>,
  upstream: string,
  reader: ReplyReader,
): AsyncIterable<ReplyEvent> {
  const decoder = new SseDecoder();
  try {
    for await (const chunk of body) {
      const events = decoder.push(chunk);
      if (events === 'malformed') {
        yield reader.failed('upstream_malformed');
        return;
      }
      for (const { data } of events) {
        const said = reader.read(data);
        yield* said;
        const last = said.at(-1)?.kind;
        if (last === 'end' || last === 'error') return;
      }
    }
  } catch (error) {
    yield { kind: 'error', failure: failureOf(error, upstream) };
    return;
  }
  yield reader.failed('upstream_truncated');
}

/** readReplyBody reads one JSON body. */
export async function* readReplyBody(
  body: AsyncIterable<Uint8Array>,
  upstream: string,
  reader: ReplyReader,
): AsyncIterable<ReplyEvent> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        yield reader.failed('upstream_malformed');
        return;
      }
      chunks.push(chunk);
    }
  } catch (error) {
    yield { kind: 'error', failure: failureOf(error, upstream) };
    return;
  }
  yield* reader.readWhole(Buffer.concat(chunks, size).toString());
}

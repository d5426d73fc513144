/** One JSON reply read whole, for the readers of every cloud wire. Fails closed: a body past the cap or one that breaks off is its failure, and nothing of it is read. */
import type { UpstreamFailure } from '../chat.ts';
import { failureOf } from '../upstreams/failure.ts';

/** Of a whole reply; the upstream is no more trusted than a client. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export type WholeReply =
  | { readonly kind: 'body'; readonly text: string }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure };

export async function readWholeReply(body: AsyncIterable<Uint8Array>, upstream: string): Promise<WholeReply> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) return { kind: 'too-long' };
      chunks.push(chunk);
    }
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error, upstream) };
  }
  return { kind: 'body', text: Buffer.concat(chunks, size).toString() };
}

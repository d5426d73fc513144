/** The cloud's own bytes to the client, unread but for their end: a stream that stops without its terminator gets an error and one. */
import type { PassthroughEnd } from '../protocols/protocol.ts';
import type { PipeOutcome } from '../upstreams/pipe-sink.ts';
import type { Answer } from './answer.ts';
import type { Dispatched } from './dispatch.ts';
import { UsageTail } from '../telemetry/usage-tail.ts';
import type { Turn } from './prepare.ts';

/** passThrough resolves with what became of the pipe; `failed` with no head sent leaves the response to the caller. */
export async function passThrough(
  answer: Answer,
  turn: Turn,
  dispatched: Dispatched & { readonly kind: 'pipe' },
): Promise<PipeOutcome> {
  const { response, gone } = answer;
  const { stream, includeUsage } = turn.envelope.chat;
  answer.model = dispatched.model;
  const guard = stream ? dispatched.createGuard({ includeUsage }) : undefined;
  const tail = stream ? undefined : new UsageTail();
  let end: PassthroughEnd | undefined;
  const outcome = await dispatched.pipe(response, {
    signal: gone.signal,
    onHead: (headers) => ({ ...headers, ...answer.headers() }),
    ...(guard === undefined
      ? { seen: (chunk) => tail?.see(chunk) }
      : {
          push: (chunk) => {
            answer.firstChunk();
            return guard.push(chunk);
          },
          close: () => {
            end = guard.finish(answer.errorText('upstream_truncated'));
            return end.append;
          },
        }),
  });
  answer.usage = end?.usage ?? tail?.usage();
  if (gone.signal.aborted) answer.outcome = 'client-gone';
  else if (outcome.kind === 'done')
    answer.outcome = end === undefined || end.complete ? 'answered' : 'upstream_truncated';
  else if (outcome.headSent) answer.outcome = answer.codeOf(outcome.failure);
  return outcome;
}

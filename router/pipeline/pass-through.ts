/** The cloud's own bytes to the client, unread but for their end: a stream that stops without its terminator gets an error and one. */
import type { Usage } from '../chat.ts';
import type { PassthroughEnd } from '../protocols/protocol.ts';
import type { PipeOutcome } from '../upstreams/pipe-sink.ts';
import type { Answer } from './answer.ts';
import type { Dispatched } from './dispatch.ts';
import { UsageTail } from '../telemetry/usage-tail.ts';
import type { Turn } from './prepare.ts';
import { rememberReply } from './remember.ts';

/** passThrough resolves with what became of the pipe; `failed` with no head sent leaves the response to the caller. */
export async function passThrough(
  answer: Answer,
  turn: Turn,
  dispatched: Dispatched & { readonly kind: 'pipe' },
): Promise<PipeOutcome> {
  const { response, gone } = answer;
  const { stream, includeUsage } = turn.envelope.chat;
  answer.model = dispatched.model;
  // What is said in a masked conversation is a mark of it; a clean one leaves none.
  const said = { text: '', callIds: [] as string[] };
  const heard = {
    text: (words: string) => void (said.text += words),
    call: (id: string) => void said.callIds.push(id),
  };
  const guard = dispatched.openGuard({ includeUsage, ...(turn.decision.route.kind === 'cloud' ? {} : { heard }) });
  const tail = stream || guard.whole !== undefined ? undefined : new UsageTail();
  let end: PassthroughEnd | undefined;
  let usage: Usage | undefined;
  const outcome = await dispatched.pipe(response, {
    signal: gone.signal,
    onHead: (headers) => ({ ...headers, ...answer.headers() }),
    ...(stream
      ? {
          push: (chunk) => {
            answer.firstChunk();
            return guard.push(chunk);
          },
          close: () => {
            end = guard.finish(answer.errorText('upstream_truncated'));
            return end.append;
          },
        }
      : guard.whole === undefined
        ? { seen: (chunk: Buffer) => tail?.see(chunk) }
        : {
            whole: (body: Buffer) => {
              const read = guard.whole?.(body) ?? 'malformed';
              if (read === 'malformed') return read;
              usage = read.usage;
              return read.body;
            },
          }),
  });
  if (said.text !== '' || said.callIds.length > 0) rememberReply(turn, said, answer.context);
  answer.usage = end?.usage ?? usage ?? tail?.usage();
  if (gone.signal.aborted) answer.outcome = 'client-gone';
  else if (outcome.kind === 'done')
    answer.outcome = end === undefined || end.complete ? 'answered' : 'upstream_truncated';
  else if (outcome.headSent) answer.outcome = answer.codeOf(outcome.failure);
  return outcome;
}

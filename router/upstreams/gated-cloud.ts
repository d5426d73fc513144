/** A cloud upstream behind its gate. What the gate refuses was not sent; a reply counts as an answer once it began and until it breaks. */
import type { UpstreamFailure } from '../chat.ts';
import { failure, failureOf } from './failure.ts';
import type { Entry, Gate } from './gate.ts';
import type { CloudUpstream, ReplyBytes } from './upstream.ts';

export type CountOutcome = (upstream: string, outcome: 'answered' | UpstreamFailure['code']) => void;

export function gatedCloud(upstream: CloudUpstream, gate: Gate, count: CountOutcome): CloudUpstream {
  const { name } = upstream;
  const leave = (failed: UpstreamFailure | undefined): void => {
    gate.leave(failed);
    count(name, failed?.code ?? 'answered');
  };
  const refusal = ({ code, retryAfterSeconds }: Entry & { readonly kind: 'refused' }): UpstreamFailure => {
    count(name, code);
    return failure(name, code, false, { retryAfterSeconds });
  };
  const { pipeRaw } = upstream;
  return {
    ...upstream,
    async send(cleared, options) {
      const entry = gate.enter();
      if (entry.kind === 'refused') return { kind: 'failed', failure: refusal(entry) };
      try {
        const reply = await upstream.send(cleared, options);
        if (reply.kind === 'response') return { ...reply, body: new GatedBytes(reply.body, name, leave) };
        leave(reply.failure);
        return reply;
      } catch (fault) {
        leave(undefined);
        throw fault;
      }
    },
    ...(pipeRaw === undefined
      ? {}
      : {
          async pipeRaw(cleared, response, options) {
            const entry = gate.enter();
            if (entry.kind === 'refused') return { kind: 'failed', failure: refusal(entry), headSent: false };
            try {
              const outcome = await pipeRaw.call(upstream, cleared, response, options);
              leave(outcome.kind === 'failed' ? outcome.failure : undefined);
              return outcome;
            } catch (fault) {
              leave(undefined);
              throw fault;
            }
          },
        }),
  };
}

class GatedBytes implements ReplyBytes {
  readonly #body: ReplyBytes;
  readonly #upstream: string;
  readonly #leave: (failed: UpstreamFailure | undefined) => void;
  #left = false;

  constructor(body: ReplyBytes, upstream: string, leave: (failed: UpstreamFailure | undefined) => void) {
    this.#body = body;
    this.#upstream = upstream;
    this.#leave = leave;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      yield* this.#body;
    } catch (error) {
      this.#end(failureOf(error, this.#upstream));
      throw error;
    } finally {
      this.#end(undefined);
    }
  }

  destroy(): void {
    this.#body.destroy();
    this.#end(undefined);
  }

  #end(failed: UpstreamFailure | undefined): void {
    if (this.#left) return;
    this.#left = true;
    this.#leave(failed);
  }
}

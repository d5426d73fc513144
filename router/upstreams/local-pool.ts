/**
 * Several local servers as one. The next is asked only while nothing of a reply was passed on, and only another local one: there is no way out of here. Fails as the last
 * server asked did.
 */
import type { ReplyEvent, UpstreamFailure } from '../chat.ts';
import { failure } from './failure.ts';
import type { Gate } from './gate.ts';
import type { Pool } from './pool.ts';
import type { LocalUpstream } from './upstream.ts';

export function createLocalPool(
  pool: Pool,
  members: ReadonlyMap<string, LocalUpstream>,
  gates: ReadonlyMap<string, Gate>,
): LocalUpstream {
  const inOrder = (): readonly LocalUpstream[] => pool.order('').flatMap((name) => members.get(name) ?? []);
  const unreachable = (): UpstreamFailure => failure(pool.name, 'upstream_unreachable', false);
  return {
    kind: 'local',
    name: pool.name,
    standIn: false,
    members: [...members.keys()],

    async *send(chat, options): AsyncGenerator<ReplyEvent> {
      let last = unreachable();
      for (const upstream of inOrder().slice(0, pool.attempts)) {
        const gate = gates.get(upstream.name);
        const entry = gate?.enter() ?? { kind: 'entered' as const };
        if (entry.kind === 'refused') {
          last = failure(upstream.name, entry.code, false, { retryAfterSeconds: entry.retryAfterSeconds });
          continue;
        }
        let failed: UpstreamFailure | undefined;
        const held: ReplyEvent[] = [];
        let isPassing = false;
        try {
          for await (const event of upstream.send(chat, options)) {
            if (event.kind === 'error') failed = event.failure;
            if (event.kind === 'error' && !isPassing) break;
            // That a reply begins says nothing yet.
            if (event.kind === 'start') held.push(event);
            else {
              isPassing = true;
              yield* held.splice(0);
              yield event;
            }
          }
        } finally {
          gate?.leave(failed);
        }
        if (failed === undefined || isPassing) return;
        last = failed;
        if (!pool.mayAskAnother(failed)) break;
      }
      yield { kind: 'error', failure: last };
    },

    async models() {
      const answers = await Promise.all(inOrder().map((upstream) => upstream.models()));
      const reached = answers.filter((answer) => answer.kind === 'models');
      if (reached.length === 0) return answers[0] ?? { kind: 'unreachable', reason: 'no server in this pool' };
      const found = new Map(reached.flatMap((answer) => answer.models.map((model) => [model.id, model] as const)));
      return { kind: 'models', models: [...found.values()] };
    },

    async embed(request, options) {
      let last = unreachable();
      for (const upstream of inOrder().slice(0, pool.attempts)) {
        const embedded = await upstream.embed(request, options);
        if (embedded.kind === 'embedded') return embedded;
        last = embedded.failure;
        if (!pool.mayAskAnother(last)) break;
      }
      return { kind: 'failed', failure: last };
    },

    async show(model) {
      let last: Awaited<ReturnType<NonNullable<LocalUpstream['show']>>> = { kind: 'refused', code: 'model_not_found' };
      for (const upstream of inOrder()) {
        const shown = await upstream.show?.(model);
        if (shown?.kind === 'shown') return shown;
        last = shown ?? last;
      }
      return last;
    },

    async running() {
      return (await Promise.all(inOrder().map((upstream) => upstream.running?.() ?? []))).flat();
    },

    // Its members are closed by whoever opened them.
    close: () => Promise.resolve(),
  };
}

/**
 * What a cloud model said that is sensitive and that its request did not hold: a value it remembers from its training, from another's data, or made up. Looked at after the client has the whole
 * reply, counted and logged by entity, never kept. It does not change the reply. Fails quietly: a classifier that cannot answer counts as nothing found, since nothing is decided here.
 */
import type { ReplyEvent } from '../chat.ts';
import { ruleOf } from '../policy/rank.ts';
import type { Context, RequestScope } from './context.ts';
import type { Turn } from './prepare.ts';

/** Of one reply; the rest is not looked at. */
const MAX_CHARS = 200_000;

export class ReplyFindings {
  readonly #turn: Turn;
  readonly #scope: RequestScope;
  readonly #context: Context;
  #text = '';

  constructor(turn: Turn, scope: RequestScope, context: Context) {
    this.#turn = turn;
    this.#scope = scope;
    this.#context = context;
  }

  hear(event: ReplyEvent): void {
    if ((event.kind === 'text' || event.kind === 'tool-arguments') && this.#text.length < MAX_CHARS)
      this.#text += event.text;
    // A value is not made of the ends of two things.
    else if (event.kind === 'tool-call' || event.kind === 'finish') this.#text += '\n\n';
  }

  async report(): Promise<void> {
    const { classifier, policy, metrics, log } = this.#context;
    const segment = {
      pointer: '/reply',
      role: 'assistant',
      form: 'text',
      text: this.#text,
      hint: '',
      flow: -1,
    } as const;
    // The client may be gone by now: nobody waits for this.
    const { signal } = new AbortController();
    const { verdict } = await classifier.classify([segment], [], { signal, nearMisses: 'omit' });
    const asked = this.#turn.envelope.document.source;
    const bottom = policy.ladder[0];
    const entities = verdict.findings
      .filter(({ entity, span }) => {
        const value = JSON.stringify(this.#text.slice(span.start, span.end)).slice(1, -1);
        return ruleOf(policy, entity).label !== bottom && !asked.includes(value);
      })
      .map(({ entity }) => entity);
    if (entities.length === 0) return;
    for (const entity of entities) metrics.replyFindings.inc({ entity });
    log.warn({ event: 'reply-finding', id: this.#scope.id, entities: [...new Set(entities)] }, 'reply-finding');
  }
}

/**
 * What a cloud model says that is sensitive and that its request did not hold: a value it remembers from its training, from another's data, or made up. `flag` looks after the client has the whole
 * reply, and counts and logs by entity. `remove` looks as the reply passes and puts a mark in the value's place; what needs a model to be seen, or the whole text, is still flagged. Fails
 * closed where values are removed: what could not be read is taken out. Where they are counted, a classifier that cannot answer counts as nothing found, since nothing is decided here.
 */
import type { ReplyEvent } from '../chat.ts';
import { knownValuesIn } from '../masking/known-values.ts';
import type { ValueSpan } from '../masking/remove.ts';
import { ruleOf } from '../policy/rank.ts';
import type { Context, RequestScope } from './context.ts';
import type { Turn } from './prepare.ts';
import { removeValues } from './remove-values.ts';
import type { LoopEvent } from './tool-loop.ts';

/** Of one reply; the rest is not counted. */
const MAX_CHARS = 200_000;

export class ReplyFindings {
  readonly #scope: RequestScope;
  readonly #context: Context;
  /** The latest of the tool loop: what its tools brought home is no news either. */
  #turn: Turn;
  /** A local model may say what it likes: it stays here. */
  #isLocal: boolean;
  #chars = 0;
  readonly #heard = new Map<string, string>();
  readonly #removed = new Set<string>();

  constructor(turn: Turn, route: string, scope: RequestScope, context: Context) {
    this.#turn = turn;
    this.#isLocal = route === 'local';
    this.#scope = scope;
    this.#context = context;
  }

  /** The reply as the client may have it. */
  async *through(events: AsyncIterable<LoopEvent>): AsyncGenerator<LoopEvent> {
    const noted = this.#noteTurns(events);
    const removes = this.#context.config.policy.replyFindings === 'remove';
    const text = this.#turn.envelope.chat.responseFormat.kind === 'text' ? 'text' : 'json';
    const shown = removes
      ? removeValues(noted, {
          text,
          look: (piece) => this.#valuesIn(piece),
          onRemoved: (entity) => {
            this.#context.metrics.replyFindings.inc({ entity, action: 'removed' });
            this.#removed.add(entity);
          },
        })
      : noted;
    for await (const event of shown) {
      if (!this.#isLocal) this.#hear(event as ReplyEvent);
      yield event;
    }
  }

  /** report is called when the client has its reply: nobody waits for it. */
  async report(): Promise<void> {
    const { classifier, metrics, log } = this.#context;
    const texts = [...this.#heard.values()];
    const { signal } = new AbortController();
    const { verdict } = await classifier.classify(texts.map(toSegment), [], { signal, nearMisses: 'omit' });
    const entities = verdict.findings
      .filter(({ entity, span }) => {
        const text = texts[Number(span.segment.slice('/reply/'.length))] ?? '';
        return this.#isNews(entity, text.slice(span.start, span.end));
      })
      .map(({ entity }) => entity);
    for (const entity of entities) metrics.replyFindings.inc({ entity, action: 'flagged' });
    const seen = [
      { action: 'removed', entities: [...this.#removed] },
      { action: 'flagged', entities: [...new Set(entities)] },
    ];
    for (const { action, entities: kinds } of seen)
      if (kinds.length > 0)
        log.warn({ event: 'reply-finding', id: this.#scope.id, action, entities: kinds }, 'reply-finding');
  }

  async *#noteTurns(events: AsyncIterable<LoopEvent>): AsyncGenerator<LoopEvent> {
    for await (const event of events) {
      yield event;
      if (event.kind !== 'turn') continue;
      this.#turn = event.turn;
      this.#isLocal = event.dispatched.decision.route.kind === 'local';
    }
  }

  #hear(event: ReplyEvent): void {
    if (event.kind !== 'text' && event.kind !== 'reasoning' && event.kind !== 'tool-arguments') return;
    if (this.#chars >= MAX_CHARS) return;
    this.#chars += event.text.length;
    const stream = `${event.choice}/${event.kind}/${event.kind === 'tool-arguments' ? event.index : 0}`;
    this.#heard.set(stream, (this.#heard.get(stream) ?? '') + event.text);
  }

  async #valuesIn(text: string): Promise<readonly ValueSpan[] | 'unread'> {
    if (this.#isLocal) return [];
    const { classifier } = this.#context;
    const quick = classifier.withoutModels ?? classifier;
    const { verdict } = await quick.classify([toSegment(text, 0)], [], {
      signal: this.#scope.signal,
      nearMisses: 'omit',
    });
    if (verdict.kind === 'unknown') return 'unread';
    return verdict.findings
      .map(({ entity, span: { start, end } }) => ({ start, end, entity }))
      .filter(({ start, end, entity }) => this.#isNews(entity, text.slice(start, end)));
  }

  /** Whether it is sensitive and stands nowhere in the request, in whatever case or grouping. */
  #isNews(entity: string, written: string): boolean {
    const { policy } = this.#context;
    if (ruleOf(policy, entity).label === policy.ladder[0]) return false;
    const value = unescaped(written);
    const { segments } = this.#turn.envelope;
    const lower = value.toLowerCase();
    return (
      !segments.some(({ text }) => text.toLowerCase().includes(lower)) && knownValuesIn(segments, [value]).length === 0
    );
  }
}

const toSegment = (text: string, index: number) =>
  ({ pointer: `/reply/${index}`, role: 'assistant', form: 'text', text, hint: '', flow: -1 }) as const;

/** A value in JSON is written with escapes. */
function unescaped(written: string): string {
  if (!written.includes('\\')) return written;
  try {
    return JSON.parse(`"${written}"`) as string;
  } catch {
    return written;
  }
}

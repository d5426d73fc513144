/** A reply's events with what should not be in it taken out: text, reasoning, refusals, tool arguments, for every choice and channel on its own, citations and blocks of the provider's own leaf by leaf. Everything held comes before what it stands before. */
import type { NativeValue, ReplyEvent } from '../chat.ts';
import { apart, type Look, ValueFilter, withMarks } from '../masking/remove.ts';
import type { Channel } from '../masking/restore.ts';

type TextEvent = Extract<ReplyEvent, { readonly text: string }>;
type Annotation = Extract<ReplyEvent, { readonly kind: 'annotation' }>;

interface Stream {
  readonly filter: ValueFilter;
  /** Shapes what is still held. */
  last: TextEvent;
  /** Citations of text that is held. */
  readonly waiting: Annotation[];
}

export interface RemoveOptions {
  readonly look: Look;
  readonly onRemoved: (entity: string) => void;
  /** `json` when the client asked for structured output. */
  readonly text: Channel;
}

/** removeValues leaves log probabilities out, which would spell what was taken out. */
export async function* removeValues<Other extends { readonly kind: string }>(
  events: AsyncIterable<ReplyEvent | Other>,
  options: RemoveOptions,
): AsyncGenerator<ReplyEvent | Other> {
  const open = new Map<string, Stream>();
  // Calls whose arguments are free text.
  const raw = new Set<string>();
  async function* flush(belongs: (event: TextEvent) => boolean): AsyncGenerator<ReplyEvent> {
    for (const [name, { filter, last, waiting }] of open) {
      if (!belongs(last)) continue;
      open.delete(name);
      const text = await filter.flush();
      if (text !== '') yield { ...last, text };
      yield* waiting;
    }
  }
  for await (const each of events) {
    const event = each as ReplyEvent;
    switch (event.kind) {
      case 'text':
      case 'reasoning':
      case 'refusal':
      case 'tool-arguments': {
        const name = `${event.choice}/${event.kind}/${event.kind === 'tool-arguments' ? event.index : 0}`;
        const before = open.get(name);
        // What one message held back is not said by the next.
        if (before !== undefined && itemOf(before.last) !== itemOf(event)) yield* flush((last) => last === before.last);
        const stream = open.get(name) ?? { filter: filterFor(event), last: event, waiting: [] };
        stream.last = event;
        open.set(name, stream);
        const text = await stream.filter.push(event.text);
        if (text !== '') yield { ...event, text };
        if (!stream.filter.holds) yield* stream.waiting.splice(0);
        break;
      }
      case 'annotation': {
        const { native } = event;
        const cleared = {
          ...event,
          value: (await removeIn(event.value)) as NativeValue,
          ...(native === undefined
            ? {}
            : { native: { ...native, value: (await removeIn(native.value)) as NativeValue } }),
        };
        const text = open.get(`${event.choice}/text/0`);
        if (text?.filter.holds === true) text.waiting.push(cleared);
        else yield cleared;
        break;
      }
      case 'provider-item':
      case 'native':
        yield* flush((last) => last.choice === event.choice && last.kind !== 'tool-arguments');
        yield { ...event, value: (await removeIn(event.value)) as NativeValue };
        break;
      case 'reasoning-seal':
        yield* flush((last) => last.choice === event.choice && last.kind === 'reasoning');
        yield event;
        break;
      case 'tool-call':
        if (event.raw === true) raw.add(`${event.choice}/${event.index}`);
        yield* flush((last) => last.choice === event.choice && last.kind !== 'tool-arguments');
        yield event;
        break;
      case 'finish':
        yield* flush((last) => last.choice === event.choice);
        yield event;
        break;
      case 'end':
      case 'error':
        yield* flush(() => true);
        yield event;
        break;
      case 'logprobs':
        break;
      case 'start':
      case 'usage':
        yield event;
        break;
      // Another turn begins: what one model held back is not said by the next.
      default:
        yield* flush(() => true);
        yield each;
    }
  }
  yield* flush(() => true);

  function filterFor(event: TextEvent): ValueFilter {
    const isArguments = event.kind === 'tool-arguments' && !raw.has(`${event.choice}/${event.index}`);
    const channel = isArguments ? 'json' : event.kind === 'text' ? options.text : 'text';
    return new ValueFilter(channel, options.look, options.onRemoved);
  }

  async function removeIn(value: unknown): Promise<unknown> {
    if (typeof value === 'string') {
      const looked = await options.look(value);
      const spans = looked === 'unread' ? [{ start: 0, end: value.length, entity: 'UNREADABLE' }] : apart(looked);
      for (const { entity } of spans) options.onRemoved(entity);
      return withMarks(value, spans);
    }
    if (Array.isArray(value)) return Promise.all(value.map(removeIn));
    if (typeof value !== 'object' || value === null) return value;
    const members = await Promise.all(
      Object.entries(value).map(async ([key, member]) => [key, await removeIn(member)] as const),
    );
    return Object.fromEntries(members);
  }
}

/** Of several messages or thoughts in one channel, which one; empty where the wire does not tell. */
function itemOf(event: TextEvent): string {
  return event.kind === 'text' || event.kind === 'reasoning'
    ? `${event.item ?? ''} ${event.kind === 'reasoning' ? (event.summary ?? '') : ''}`
    : '';
}

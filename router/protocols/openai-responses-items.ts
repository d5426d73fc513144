/**
 * Output items of a /responses reply put together from their events. Servers differ in what they stream and what they send whole, so an item's last word is compared with what was
 * said so far and only the rest is said. Fails closed: a call whose whole is not what its pieces began is `malformed`.
 */
import type { ReplyEvent } from '../chat.ts';
import { countPoints } from '../masking/restore-positions.ts';

export type Json = Readonly<Record<string, unknown>>;
export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const count = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;

/** More items than any reply has; the upstream is no more trusted than a client. */
const MAX_ITEMS = 4_096;

interface Item {
  readonly type: string;
  readonly id: string;
  readonly phase: string;
  /** Of calls: their number among the calls. */
  readonly call: number;
  /** What was said so far, by channel and part. */
  readonly said: Map<string, string>;
  /** Where each part of the text begins in all text of the reply. */
  readonly starts: Map<number, number>;
  annotations: number;
  done: boolean;
}

type Said = readonly ReplyEvent[] | 'malformed';

/** Deltas by their event's type: the channel, and which member numbers the part. */
const DELTAS: Readonly<Record<string, { readonly channel: Channel; readonly part: string }>> = {
  'response.output_text.delta': { channel: 'text', part: 'content_index' },
  'response.refusal.delta': { channel: 'refusal', part: 'content_index' },
  'response.reasoning_text.delta': { channel: 'reasoning', part: 'content_index' },
  'response.reasoning_summary_text.delta': { channel: 'summary', part: 'summary_index' },
  'response.function_call_arguments.delta': { channel: 'arguments', part: '' },
  'response.custom_tool_call_input.delta': { channel: 'arguments', part: '' },
};

type Channel = 'text' | 'refusal' | 'reasoning' | 'summary' | 'arguments';

export class ResponseItems {
  readonly #items = new Map<number, Item>();
  #calls = 0;
  #textLength = 0;

  get hasCalls(): boolean {
    return this.#calls > 0;
  }

  /** read takes one event about an item; types it does not know say nothing. */
  read(type: string, event: Json): Said {
    const index = event['output_index'];
    const delta = Object.hasOwn(DELTAS, type) ? DELTAS[type] : undefined;
    if (delta !== undefined) {
      const item = this.#items.get(Number(index));
      if (item === undefined || item.done || typeof event['delta'] !== 'string') return 'malformed';
      const part = delta.part === '' ? 0 : count(event[delta.part]);
      const said = this.#say(item, delta.channel, part, event['delta']);
      const { logprobs } = event;
      return Array.isArray(logprobs) && logprobs.length > 0
        ? [...said, { kind: 'logprobs', choice: 0, value: { content: logprobs as readonly unknown[] } }]
        : said;
    }
    if (type === 'response.output_item.added') return this.#open(Number(index), event['item']).events;
    if (type === 'response.output_item.done') return this.#finish(Number(index), event['item']);
    if (type === 'response.output_text.annotation.added') {
      const item = this.#items.get(Number(index));
      if (item === undefined || !isObject(event['annotation'])) return [];
      item.annotations += 1;
      return [this.#annotation(item, count(event['content_index']), event['annotation'])];
    }
    return [];
  }

  /** close says what the final list of items has beyond what was streamed. */
  close(output: readonly unknown[]): Said {
    const events: ReplyEvent[] = [];
    for (const [index, value] of output.entries()) {
      if (this.#items.get(index)?.done === true) continue;
      const said = this.#finish(index, value);
      if (said === 'malformed') return said;
      events.push(...said);
    }
    // An item that began, was never finished and is not in the list either was cut off.
    return [...this.#items.values()].every((item) => item.done) ? events : 'malformed';
  }

  #open(index: number, value: unknown): { readonly item?: Item; readonly events: Said } {
    if (!isObject(value) || !Number.isInteger(index) || index < 0 || index > MAX_ITEMS) return { events: 'malformed' };
    const known = this.#items.get(index);
    if (known !== undefined) return { item: known, events: [] };
    const type = text(value['type']);
    const isCall = type === 'function_call' || type === 'custom_tool_call';
    const item: Item = {
      type,
      id: text(value['id']),
      phase: text(value['phase']),
      call: isCall ? this.#calls++ : -1,
      said: new Map(),
      starts: new Map(),
      annotations: 0,
      done: false,
    };
    this.#items.set(index, item);
    if (!isCall) return { item, events: [] };
    const name = text(value['name']);
    // A call without a name or an id cannot be answered by anybody.
    if (name === '' || text(value['call_id']) === '') return { events: 'malformed' };
    return {
      item,
      events: [
        {
          kind: 'tool-call',
          choice: 0,
          index: item.call,
          id: text(value['call_id']),
          name: qualifiedName(text(value['namespace']), name),
          ...(type === 'custom_tool_call' ? { raw: true } : {}),
        },
      ],
    };
  }

  #finish(index: number, value: unknown): Said {
    const { item, events } = this.#open(index, value);
    if (events === 'malformed' || item === undefined || !isObject(value)) return 'malformed';
    if (item.done) return [];
    item.done = true;
    const said: ReplyEvent[] = [...events];
    switch (item.type) {
      case 'message':
        for (const [position, part] of list(value['content']).entries()) this.#finishPart(item, position, part, said);
        return said;
      case 'reasoning': {
        for (const [position, part] of list(value['summary']).entries())
          said.push(...this.#rest(item, 'summary', position, text(part['text'])));
        for (const [position, part] of list(value['content']).entries())
          said.push(...this.#rest(item, 'reasoning', position, text(part['text'])));
        const seal = text(value['encrypted_content']);
        if (seal !== '') said.push({ kind: 'reasoning-seal', choice: 0, item: item.id, seal });
        return said;
      }
      case 'function_call':
      case 'custom_tool_call': {
        const whole = value[item.type === 'function_call' ? 'arguments' : 'input'];
        const before = item.said.get('arguments 0') ?? '';
        if (typeof whole !== 'string' || !whole.startsWith(before)) return 'malformed';
        said.push(...this.#rest(item, 'arguments', 0, whole));
        return said;
      }
      default:
        said.push({ kind: 'provider-item', choice: 0, value });
        return said;
    }
  }

  #finishPart(item: Item, position: number, part: Json, said: ReplyEvent[]): void {
    if (part['type'] === 'refusal') {
      said.push(...this.#rest(item, 'refusal', position, text(part['refusal'])));
      return;
    }
    const wasSilent = !item.said.has(`text ${position}`);
    said.push(...this.#rest(item, 'text', position, text(part['text'])));
    if (wasSilent && Array.isArray(part['logprobs']) && part['logprobs'].length > 0)
      said.push({ kind: 'logprobs', choice: 0, value: { content: part['logprobs'] as readonly unknown[] } });
    for (const annotation of list(part['annotations']).slice(item.annotations)) {
      item.annotations += 1;
      said.push(this.#annotation(item, position, annotation));
    }
  }

  /** What the whole has beyond what was said; nothing where the two differ, since nothing can be unsaid. */
  #rest(item: Item, channel: Channel, part: number, whole: string): readonly ReplyEvent[] {
    const before = item.said.get(`${channel} ${part}`) ?? '';
    return whole.length > before.length && whole.startsWith(before)
      ? this.#say(item, channel, part, whole.slice(before.length))
      : [];
  }

  #say(item: Item, channel: Channel, part: number, piece: string): readonly ReplyEvent[] {
    if (piece === '') return [];
    const key = `${channel} ${part}`;
    item.said.set(key, (item.said.get(key) ?? '') + piece);
    switch (channel) {
      case 'text': {
        if (!item.starts.has(part)) item.starts.set(part, this.#textLength);
        this.#textLength += countPoints(piece);
        const { id, phase } = item;
        return [
          {
            kind: 'text',
            choice: 0,
            text: piece,
            ...(id === '' ? {} : { item: id }),
            ...(phase === '' ? {} : { phase }),
          },
        ];
      }
      case 'refusal':
        return [{ kind: 'refusal', choice: 0, text: piece }];
      case 'reasoning':
        return [{ kind: 'reasoning', choice: 0, text: piece, item: item.id }];
      case 'summary':
        return [{ kind: 'reasoning', choice: 0, text: piece, item: item.id, summary: part }];
      case 'arguments':
        return item.call === -1 ? [] : [{ kind: 'tool-arguments', choice: 0, index: item.call, text: piece }];
    }
  }

  /** Positions in a part become positions in all text of the reply. */
  #annotation(item: Item, part: number, value: Json): ReplyEvent {
    const start = item.starts.get(part) ?? this.#textLength;
    const moved: Record<string, unknown> = { ...value };
    for (const key of ['start_index', 'end_index', 'index'])
      if (typeof value[key] === 'number') moved[key] = start + value[key];
    return { kind: 'annotation', choice: 0, value: moved };
  }
}

/** Tools of a namespace go by one name everywhere else; chat's wire allows no dots in it. */
export function qualifiedName(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}__${name}`;
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as readonly unknown[]).filter(isObject) : [];
}

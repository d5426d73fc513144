/**
 * Output items of one reply in the making: neutral events in, the wire's events out, the items as they stand at any time. At most one message or reasoning item is open; calls may be open
 * together, as their arguments may come in turns.
 */
import type { ReplyEvent } from '../chat.ts';
import { countPoints } from '../masking/restore-positions.ts';
import {
  type Call,
  callDelta,
  closeCall,
  closePart,
  closeSummary,
  type Item,
  type Json,
  type Message,
  newPart,
  partEvent,
  placeOf,
  type Provided,
  type Reasoning,
  textDelta,
  type TextPart,
  toJson,
  toLogprob,
  type WireEvent,
} from './openai-responses-item.ts';
import type { KnownTool } from './openai-responses-tools.ts';

export interface OutputOptions {
  /** Of item ids: unique to the reply. */
  readonly base: string;
  readonly tools: ReadonlyMap<string, KnownTool>;
  /** The client asked for them; a piece of text then waits for its own. */
  readonly logprobs: boolean;
}

type Taken = Extract<
  ReplyEvent,
  {
    readonly kind:
      | 'text'
      | 'reasoning'
      | 'reasoning-seal'
      | 'refusal'
      | 'tool-call'
      | 'tool-arguments'
      | 'logprobs'
      | 'annotation'
      | 'provider-item';
  }
>;

export class ResponseOutput {
  readonly #options: OutputOptions;
  readonly #items: Item[] = [];
  readonly #calls = new Map<number, Call>();
  /** The upstream's ids of reasoning that ours have. */
  readonly #sources = new Set<string>();
  #open: Message | Reasoning | undefined;
  #textLength = 0;
  /** A piece of text that waits for its logprobs. */
  #waiting: { readonly message: Message; readonly part: TextPart; readonly delta: string } | undefined;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  items(): readonly Json[] {
    return this.#items.map(toJson);
  }

  take(event: Taken): readonly WireEvent[] {
    const events: WireEvent[] = event.kind === 'logprobs' ? [] : this.#release([]);
    switch (event.kind) {
      case 'text':
        return [...events, ...this.#text(event)];
      case 'refusal':
        return [...events, ...this.#refusal(event.text)];
      case 'reasoning':
        return [...events, ...this.#reasoning(event)];
      case 'reasoning-seal':
        return [...events, ...this.#seal(event.item, event.seal)];
      case 'annotation':
        return [...events, ...this.#annotation(event.value)];
      case 'logprobs':
        return this.#logprobs(event.value);
      case 'tool-call':
        return [...events, ...this.#call(event)];
      case 'tool-arguments':
        return [...events, ...this.#arguments(event.index, event.text)];
      case 'provider-item':
        return [...events, ...this.#provided(event.value)];
    }
  }

  /** close ends what is open; what a limit cut off is `incomplete`. */
  close(whole: boolean): readonly WireEvent[] {
    const status = whole ? 'completed' : 'incomplete';
    const events = [...this.#release([]), ...this.#closeOpen(status)];
    for (const call of this.#calls.values()) events.push(...closeCall(call, status));
    return events;
  }

  /** abandon: the reply failed, and what is open will never be whole. */
  abandon(): void {
    for (const item of this.#items)
      if (item.kind !== 'provided' && item.status === 'in_progress') item.status = 'incomplete';
  }

  #id(prefix: string): string {
    return `${prefix}_${this.#options.base}${this.#items.length.toString(16).padStart(2, '0')}`;
  }

  #added<T extends Item>(item: T): WireEvent {
    this.#items.push(item);
    return { type: 'response.output_item.added', output_index: item.index, item: toJson(item) };
  }

  #message(source: string, phase: string): { readonly message: Message; readonly events: WireEvent[] } {
    const open = this.#open;
    if (
      open?.kind === 'message' &&
      (source === '' || open.source === '' || open.source === source) &&
      (phase === '' || open.phase === phase)
    )
      return { message: open, events: [] };
    const events = [...this.#closeOpen('completed')];
    const message: Message = {
      kind: 'message',
      index: this.#items.length,
      id: this.#id('msg'),
      source,
      phase,
      parts: [],
      status: 'in_progress',
    };
    events.push(this.#added(message));
    this.#open = message;
    return { message, events };
  }

  #part(message: Message, kind: 'output_text' | 'refusal', events: WireEvent[]): TextPart {
    const last = message.parts.at(-1);
    if (last?.kind === kind) return last;
    if (last !== undefined) events.push(...closePart(message, last));
    const part = newPart(kind, this.#textLength);
    message.parts.push(part);
    events.push(partEvent('added', message, part));
    return part;
  }

  #text(event: Extract<Taken, { readonly kind: 'text' }>): readonly WireEvent[] {
    const { message, events } = this.#message(event.item ?? '', event.phase ?? '');
    const part = this.#part(message, 'output_text', events);
    part.text += event.text;
    this.#textLength += countPoints(event.text);
    if (this.#options.logprobs) {
      this.#waiting = { message, part, delta: event.text };
      return events;
    }
    events.push(textDelta(message, event.text, []));
    return events;
  }

  #refusal(text: string): readonly WireEvent[] {
    const { message, events } = this.#message('', '');
    const part = this.#part(message, 'refusal', events);
    part.text += text;
    events.push({ type: 'response.refusal.delta', ...placeOf(message), delta: text });
    return events;
  }

  /** release lets go of waiting text, with the logprobs that came for it. */
  #release(logprobs: readonly unknown[]): WireEvent[] {
    const waiting = this.#waiting;
    if (waiting === undefined) return [];
    this.#waiting = undefined;
    waiting.part.logprobs.push(...logprobs);
    return [textDelta(waiting.message, waiting.delta, logprobs)];
  }

  #logprobs(value: unknown): readonly WireEvent[] {
    const content: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'content') : undefined;
    const list = (Array.isArray(content) ? (content as readonly unknown[]) : []).map(toLogprob);
    if (this.#waiting !== undefined) return this.#release(list);
    const part = this.#open?.kind === 'message' ? this.#open.parts.at(-1) : undefined;
    if (this.#options.logprobs && part?.kind === 'output_text') part.logprobs.push(...list);
    return [];
  }

  #annotation(value: Json): readonly WireEvent[] {
    const message = this.#open;
    const part = message?.kind === 'message' ? message.parts.at(-1) : undefined;
    if (message?.kind !== 'message' || part?.kind !== 'output_text' || value['type'] === undefined) return [];
    const annotation: Record<string, unknown> = { ...value };
    for (const key of ['start_index', 'end_index', 'index'])
      if (typeof value[key] === 'number') annotation[key] = Math.max(0, value[key] - part.start);
    part.annotations.push(annotation);
    return [
      {
        type: 'response.output_text.annotation.added',
        ...placeOf(message),
        annotation_index: part.annotations.length - 1,
        annotation,
      },
    ];
  }

  #reasoningItem(source: string): { readonly item: Reasoning; readonly events: WireEvent[] } {
    const open = this.#open;
    if (open?.kind === 'reasoning' && (source === '' || open.source === source)) return { item: open, events: [] };
    const events = [...this.#closeOpen('completed')];
    const item: Reasoning = {
      kind: 'reasoning',
      index: this.#items.length,
      // A seal is only good under the upstream's own id; one used twice would name two items.
      id: source === '' || this.#sources.has(source) ? this.#id('rs') : source,
      source,
      summary: [],
      content: [],
      seal: '',
      status: 'in_progress',
    };
    this.#sources.add(source);
    events.push(this.#added(item));
    this.#open = item;
    return { item, events };
  }

  #reasoning(event: Extract<Taken, { readonly kind: 'reasoning' }>): readonly WireEvent[] {
    const { item, events } = this.#reasoningItem(event.item ?? '');
    const at = { item_id: item.id, output_index: item.index };
    if (event.summary === undefined) {
      let part = item.content.at(-1);
      if (part === undefined) {
        part = newPart('reasoning_text', 0);
        item.content.push(part);
        events.push({
          type: 'response.content_part.added',
          ...at,
          content_index: 0,
          part: { type: 'reasoning_text', text: '' },
        });
      }
      part.text += event.text;
      events.push({ type: 'response.reasoning_text.delta', ...at, content_index: 0, delta: event.text });
      return events;
    }
    while (item.summary.length <= event.summary) {
      const before = item.summary.at(-1);
      if (before !== undefined) events.push(...closeSummary(item, item.summary.length - 1));
      item.summary.push(newPart('summary_text', 0));
      events.push({
        type: 'response.reasoning_summary_part.added',
        ...at,
        summary_index: item.summary.length - 1,
        part: { type: 'summary_text', text: '' },
      });
    }
    const part = item.summary[event.summary];
    if (part !== undefined) part.text += event.text;
    events.push({
      type: 'response.reasoning_summary_text.delta',
      ...at,
      summary_index: event.summary,
      delta: event.text,
    });
    return events;
  }

  #seal(source: string, seal: string): readonly WireEvent[] {
    const { item, events } = this.#reasoningItem(source);
    item.seal = seal;
    events.push(...this.#closeOpen('completed'));
    return events;
  }

  #call(event: Extract<Taken, { readonly kind: 'tool-call' }>): readonly WireEvent[] {
    const events = [...this.#closeOpen('completed')];
    const tool = this.#options.tools.get(event.name) ?? { kind: 'function', name: event.name, namespace: '' };
    const call: Call = {
      kind: 'call',
      index: this.#items.length,
      id: this.#id(tool.kind === 'custom' ? 'ctc' : 'fc'),
      callId: event.id,
      tool,
      raw: event.raw === true,
      text: '',
      status: 'in_progress',
    };
    this.#calls.set(event.index, call);
    events.push(this.#added(call));
    return events;
  }

  #arguments(index: number, text: string): readonly WireEvent[] {
    const call = this.#calls.get(index);
    if (call === undefined) return [];
    call.text += text;
    // What comes as a function's JSON is told as the tool's text when it is whole.
    if (call.tool.kind === 'custom' && !call.raw) return [];
    return [callDelta(call, text)];
  }

  #provided(value: Json): readonly WireEvent[] {
    const events = [...this.#closeOpen('completed')];
    const item: Provided = { kind: 'provided', index: this.#items.length, value };
    events.push(this.#added(item));
    events.push({ type: 'response.output_item.done', output_index: item.index, item: value });
    return events;
  }

  #closeOpen(status: 'completed' | 'incomplete'): readonly WireEvent[] {
    const open = this.#open;
    if (open === undefined) return [];
    this.#open = undefined;
    open.status = status;
    const events: WireEvent[] = [];
    if (open.kind === 'message') {
      const last = open.parts.at(-1);
      if (last !== undefined) events.push(...closePart(open, last));
    } else {
      if (open.summary.length > 0) events.push(...closeSummary(open, open.summary.length - 1));
      const [content] = open.content;
      if (content !== undefined) {
        const at = { item_id: open.id, output_index: open.index, content_index: 0 };
        events.push({ type: 'response.reasoning_text.done', ...at, text: content.text });
        events.push({
          type: 'response.content_part.done',
          ...at,
          part: { type: 'reasoning_text', text: content.text },
        });
      }
    }
    events.push({ type: 'response.output_item.done', output_index: open.index, item: toJson(open) });
    return events;
  }
}

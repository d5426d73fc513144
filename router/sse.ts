/**
 * Server-sent events (WHATWG HTML 9.2.6) at any chunk boundary, inside a line, a CRLF or a character. Fails closed: bad
 * UTF-8 or an event past the cap is `malformed`, and nothing after it is read; an upstream that never sends a blank line costs the cap and no more.
 */

/** Of one event's data. The largest real ones are whole tool calls or images in one delta. */
export const MAX_EVENT_CHARS = 16 * 1024 * 1024;

/** Empty `event` means none was given. Comments, ids and retry are dropped. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

export class SseDecoder {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #maxChars: number;
  /** Pieces of a line whose end has not come; joined once, so that many small chunks cost no more than one big. */
  #line: string[] = [];
  #lineChars = 0;
  #skipLineFeed = false;
  #event = '';
  #data: string[] = [];
  #dataChars = 0;
  #failed = false;

  constructor(maxChars: number = MAX_EVENT_CHARS) {
    this.#maxChars = maxChars;
  }

  /** Whether bytes of an unfinished event are held: the source stopped inside it. */
  get pending(): boolean {
    return this.#lineChars > 0 || this.#data.length > 0;
  }

  push(chunk: Uint8Array): readonly ServerSentEvent[] | 'malformed' {
    if (this.#failed) return 'malformed';
    let text: string;
    try {
      text = this.#decoder.decode(chunk, { stream: true });
    } catch {
      this.#failed = true;
      return 'malformed';
    }
    const events: ServerSentEvent[] = [];
    let start = 0;
    if (this.#skipLineFeed && text !== '') {
      this.#skipLineFeed = false;
      if (text.startsWith('\n')) start = 1;
    }
    const hasReturns = text.includes('\r');
    for (;;) {
      const end = hasReturns ? lineEnd(text, start) : text.indexOf('\n', start);
      if (end === -1) break;
      this.#takeLine(text.slice(start, end), events);
      start = end + 1;
      if (text[end] !== '\r') continue;
      if (start === text.length) this.#skipLineFeed = true;
      else if (text[start] === '\n') start++;
    }
    if (start < text.length) {
      this.#line.push(text.slice(start));
      this.#lineChars += text.length - start;
    }
    if (this.#lineChars + this.#dataChars <= this.#maxChars) return events;
    this.#failed = true;
    return events.length > 0 ? events : 'malformed';
  }

  #takeLine(rest: string, events: ServerSentEvent[]): void {
    let line = rest;
    if (this.#line.length > 0) {
      line = this.#line.join('') + rest;
      this.#line = [];
      this.#lineChars = 0;
    }
    if (line === '') {
      if (this.#data.length > 0) events.push({ event: this.#event, data: this.#data.join('\n') });
      this.#event = '';
      this.#data = [];
      this.#dataChars = 0;
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.#data.push(value);
      this.#dataChars += value.length + 1;
    } else if (field === 'event') this.#event = value;
  }
}

function lineEnd(text: string, start: number): number {
  const feed = text.indexOf('\n', start);
  const carriage = text.indexOf('\r', start);
  if (feed === -1 || carriage === -1) return Math.max(feed, carriage);
  return Math.min(feed, carriage);
}

/** toSseData writes one event of one line; JSON never holds a raw line end. */
export function toSseData(json: string): string {
  return `data: ${json}\n\n`;
}

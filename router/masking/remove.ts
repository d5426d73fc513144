/**
 * Values taken out of one stream of text as it passes, whole whatever the pieces it comes in. Held back is what a value may still be growing in: the last words, and a value from its beginning on.
 * JSON stays JSON: in a string a mark takes a value's place, a number becomes 0. Fails closed: a piece nobody could read is taken out.
 */
import type { Channel } from './restore.ts';

/** UTF-16 offsets in the text that was looked at, in any order; `unread` where it could not be read. */
export type Look = (text: string) => Promise<readonly ValueSpan[] | 'unread'>;

export interface ValueSpan {
  readonly start: number;
  readonly end: number;
  readonly entity: string;
}

/** Longest value that stands in several words and is no value before its last: a grouped IBAN has 42, an address of a street about 60. */
const LOOK_AHEAD = 64;
/** Units that come before the next look; one look a word would read everything twenty times. */
const STEP = 32;
/** Of what went before, for words that make a value one ("card number:"). */
const CONTEXT = 160;
/** Nothing is held longer, word or not: past that a piece is cut where it stands. */
const MOST_HELD = 16_384;

export class ValueFilter {
  readonly #look: Look;
  readonly #onRemoved: (entity: string) => void;
  readonly #json: JsonPlace | undefined;
  #before = '';
  #held = '';
  #fresh = 0;

  constructor(channel: Channel, look: Look, onRemoved: (entity: string) => void) {
    this.#json = channel === 'json' ? new JsonPlace() : undefined;
    this.#look = look;
    this.#onRemoved = onRemoved;
  }

  get holds(): boolean {
    return this.#held !== '';
  }

  /** Text that may go on now. */
  push(text: string): Promise<string> {
    this.#held += text;
    this.#fresh += text.length;
    return this.#fresh < STEP || this.#held.length < LOOK_AHEAD ? NOTHING : this.#settle('more may come');
  }

  /** All that is left. */
  flush(): Promise<string> {
    return this.#held === '' ? NOTHING : this.#settle('that was all');
  }

  async #settle(rest: 'more may come' | 'that was all'): Promise<string> {
    this.#fresh = 0;
    const held = this.#held;
    const from = this.#before.length;
    const looked = await (this.#json === undefined
      ? this.#look(this.#before + held)
      : lookAtJson(this.#before + held, this.#look));
    let spans =
      looked === 'unread'
        ? [{ start: 0, end: held.length, entity: 'UNREADABLE' }]
        : apart(
            looked
              .filter(({ end }) => end > from)
              .map(({ start, end, entity }) => ({ start: Math.max(0, start - from), end: end - from, entity })),
          );
    let limit = rest === 'that was all' ? held.length : wordEnd(held, held.length - LOOK_AHEAD);
    if (looked !== 'unread') {
      // A value that has begun waits for its end.
      const across = spans.find(({ start, end }) => start < limit && end > limit);
      if (across !== undefined) limit = across.start;
    } else limit = held.length;
    if (held.length - limit > MOST_HELD) {
      const growing = spans.find(({ end }) => end > held.length - LOOK_AHEAD);
      limit = growing === undefined ? held.length - LOOK_AHEAD : held.length;
      // The rest of a pair of surrogates goes with it.
      if (growing === undefined && (held.charCodeAt(limit) & 0xfc00) === 0xdc00) limit -= 1;
    }
    spans = spans.filter(({ start }) => start < limit).map((span) => ({ ...span, end: Math.min(span.end, limit) }));
    const ready = held.slice(0, limit);
    const shown = this.#json === undefined ? withMarks(ready, spans) : this.#json.withMarks(ready, spans);
    for (const { entity } of spans) this.#onRemoved(entity);
    this.#held = held.slice(limit);
    this.#before = (this.#before + shown).slice(-CONTEXT);
    return shown;
  }
}

const NOTHING = Promise.resolve('');

/** What stands in a value's place: it has no character that JSON escapes. */
export function markOf(entity: string): string {
  return `[${entity.replaceAll(/[^A-Za-z0-9_]/g, '_')} removed]`;
}

export function withMarks(text: string, spans: readonly ValueSpan[]): string {
  let out = '';
  let position = 0;
  for (const { start, end, entity } of spans) {
    out += text.slice(position, start) + markOf(entity);
    position = end;
  }
  return out + text.slice(position);
}

/** In order, joined where they meet; the longest names the whole. */
export function apart(spans: readonly ValueSpan[]): ValueSpan[] {
  const out: ValueSpan[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = out.at(-1);
    if (last === undefined || span.start >= last.end) out.push(span);
    else if (span.end > last.end)
      out[out.length - 1] = {
        start: last.start,
        end: span.end,
        entity: span.end - span.start > last.end - last.start ? span.entity : last.entity,
      };
  }
  return out;
}

/** The last place at or before `at` that is not inside a word; scripts without spaces may be parted anywhere. */
function wordEnd(text: string, at: number): number {
  let end = Math.max(0, at);
  while (end > 0 && isSolid(text.charCodeAt(end - 1)) && isSolid(text.charCodeAt(end))) end -= 1;
  // Half a pair of surrogates is no text.
  return (text.charCodeAt(end) & 0xfc00) === 0xdc00 ? end - 1 : end;
}

const PARTING = new Set([...' \t\r\n"\'`{}[]()<>|,;'].map((each) => each.charCodeAt(0)));
/** Up to the scripts of South-East and East Asia. */
const isSolid = (unit: number): boolean => unit < 0x0e00 && !PARTING.has(unit);

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };

/** lookAtJson looks at what the JSON says, escapes undone however many strings they are inside of; spans are of the JSON as it is written. */
async function lookAtJson(json: string, look: Look): Promise<readonly ValueSpan[] | 'unread'> {
  if (!json.includes('\\')) return look(json);
  let said = '';
  const starts: number[] = [];
  let position = 0;
  const copy = (until: number): void => {
    for (; position < until; position += 1) starts.push(position);
  };
  for (const match of json.matchAll(/\\+(?:u([0-9a-fA-F]{4})|([nrtbf"/])?)/g)) {
    said += json.slice(position, match.index);
    copy(match.index);
    const [whole, code, letter] = match;
    said += code !== undefined ? String.fromCharCode(parseInt(code, 16)) : (ESCAPES[letter ?? ''] ?? letter ?? '\\');
    starts.push(position);
    position += whole.length;
  }
  said += json.slice(position);
  copy(json.length);
  starts.push(json.length);
  const looked = await look(said);
  return looked === 'unread'
    ? looked
    : looked.map(({ start, end, entity }) => ({ start: starts[start] ?? 0, end: starts[end] ?? json.length, entity }));
}

/** Where a stream of JSON stands: inside a string or not. */
class JsonPlace {
  #inString = false;
  /** Units of an escape that the next piece begins with; `unknown` where only its backslash has come. */
  #escaped: number | 'unknown' = 0;

  /** `text` begins where the last one ended; spans do not part what belongs together after this. */
  withMarks(text: string, spans: readonly ValueSpan[]): string {
    let out = '';
    let next = 0;
    for (let at = 0; at < text.length;) {
      const token = this.#token(text, at);
      while ((spans[next]?.end ?? Infinity) <= at) next += 1;
      const span = spans[next];
      if (span === undefined || span.start >= token.end) out += text.slice(at, token.end);
      else if (token.kind === 'number') out += '0';
      else if (token.kind === 'string') {
        // The whole run of the string that the value covers, escapes and all.
        let end = token.end;
        while (end < text.length && end < span.end) {
          const more = this.#token(text, end);
          if (more.kind !== 'string') break;
          end = more.end;
        }
        out += isBareNumber(text, at, end) ? '0' : markOf(span.entity);
        at = end;
        continue;
      } else out += text.slice(at, token.end);
      if (token.kind === 'quote') this.#inString = !this.#inString;
      at = token.end;
    }
    return out;
  }

  #token(text: string, at: number): { readonly kind: 'quote' | 'string' | 'number' | 'other'; readonly end: number } {
    const rest = this.#escaped === 'unknown' ? (text[at] === 'u' ? 5 : 1) : this.#escaped;
    if (rest === 0 && text[at] === '"') return { kind: 'quote', end: at + 1 };
    if (this.#inString) {
      const units = rest > 0 ? rest : text[at] !== '\\' ? 1 : text[at + 1] === 'u' ? 6 : 2;
      const end = Math.min(text.length, at + units);
      const isCutShort = at + units > text.length;
      this.#escaped = !isCutShort ? 0 : rest === 0 && at + 1 === text.length ? 'unknown' : at + units - end;
      return { kind: 'string', end };
    }
    let end = at;
    while (/[-+0-9.eE]/.test(text[end] ?? '')) end += 1;
    return end > at && /\d/.test(text.slice(at, end)) ? { kind: 'number', end } : { kind: 'other', end: at + 1 };
  }
}

/** A number of JSON inside a string, which has to stay one there. */
function isBareNumber(text: string, start: number, end: number): boolean {
  return (
    /^-?\d+$/.test(text.slice(start, end)) &&
    /[:[,]\s{0,16}$/.test(text.slice(Math.max(0, start - 17), start)) &&
    /^\s{0,16}[,}\]]/.test(text.slice(end, end + 17))
  );
}

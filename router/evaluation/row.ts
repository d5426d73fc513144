/**
 * One labelled example of a set: a text, messages or a whole chat request, what it is, and where its values stand. Fails closed: a line that cannot
 * be understood is a problem that names its line and field, never a row with something left out; problems hold no text of the row.
 */

/** What a person said the example is; docs/tuning.md tells how each is counted. */
export const ROW_LABELS = [
  'sensitive',
  'safe',
  'presumed_safe',
  'quasi',
  'sensitive_topic',
  'attack',
  'has_person',
  'no_person',
] as const;
export type RowLabel = (typeof ROW_LABELS)[number];

/** Half-open UTF-16 range in the string at `pointer` of the request. */
export interface GoldSpan {
  readonly pointer: string;
  readonly start: number;
  readonly end: number;
  /** As the data set names it; entity-names.ts maps it to ours. */
  readonly type: string;
}

export interface EvaluationRow {
  /** 1-based. */
  readonly line: number;
  /** The row's own, or `line N`. */
  readonly id: string;
  /** Empty means the row names none. */
  readonly source: string;
  /** `undefined`: the row has none, which only commands that need no truth accept. */
  readonly label: RowLabel | undefined;
  /** `undefined`: nobody marked values in this row. Empty: somebody looked and there are none. */
  readonly spans: readonly GoldSpan[] | undefined;
  /** The chat request that carries the example, as its bytes' text. */
  readonly request: string;
}

export type ParsedRow =
  | { readonly kind: 'row'; readonly row: EvaluationRow }
  | { readonly kind: 'problem'; readonly line: number; readonly message: string };

/** Where the text of a `text` row stands in the request made of it. */
const TEXT_POINTER = '/messages/0/content';

export function parseRow(source: string, line: number): ParsedRow {
  const problem = (message: string): ParsedRow => ({ kind: 'problem', line, message });
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    return problem('not JSON');
  }
  if (!isRecord(value)) return problem('not a JSON object');
  const { id, source: origin, label, text, messages, request, spans } = value;
  if (id !== undefined && typeof id !== 'string' && typeof id !== 'number')
    return problem('id: must be a string or a number');
  if (origin !== undefined && typeof origin !== 'string') return problem('source: must be a string');
  const known = ROW_LABELS.find((each) => each === label);
  if (label !== undefined && known === undefined) return problem(`label: must be one of ${ROW_LABELS.join(', ')}`);
  if ([text, messages, request].filter((each) => each !== undefined).length !== 1)
    return problem('needs exactly one of text, messages, request');
  let body: unknown = request;
  if (text !== undefined) {
    if (typeof text !== 'string') return problem('text: must be a string');
    body = { model: 'auto', messages: [{ role: 'user', content: text }] };
  } else if (messages !== undefined) {
    if (!Array.isArray(messages)) return problem('messages: must be an array');
    body = { model: 'auto', messages };
  }
  if (!isRecord(body)) return problem('request: must be an object');
  let marked: readonly GoldSpan[] | undefined;
  if (spans !== undefined && spans !== null) {
    if (!Array.isArray(spans)) return problem('spans: must be an array');
    const parsed = spans.map((each) => parseSpan(each, typeof text === 'string' ? text.length : undefined));
    const wrong = parsed.findIndex((each) => typeof each === 'string');
    if (wrong !== -1) return problem(`spans[${wrong}]: ${String(parsed[wrong])}`);
    marked = parsed.filter((each) => typeof each !== 'string');
  }
  return {
    kind: 'row',
    row: {
      line,
      id: id === undefined ? `line ${line}` : String(id),
      source: origin ?? '',
      label: known,
      spans: marked,
      request: JSON.stringify(body),
    },
  };
}

/** A span, or what is wrong with it. `length` is that of the row's text, when it is a text. */
function parseSpan(value: unknown, length: number | undefined): GoldSpan | string {
  if (!isRecord(value)) return 'must be an object';
  const { start, end, type, entity, pointer } = value;
  const named = type ?? entity;
  if (typeof named !== 'string' || named === '') return 'needs a type';
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return 'needs whole numbers start and end';
  const range = { start: start as number, end: end as number };
  if (range.start < 0 || range.end <= range.start || range.end > (length ?? Infinity)) return 'is out of range';
  if (pointer !== undefined && typeof pointer !== 'string') return 'pointer must be a string';
  if (pointer === undefined && length === undefined) return 'needs a pointer: the row is no plain text';
  return { ...range, type: named, pointer: pointer ?? TEXT_POINTER };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

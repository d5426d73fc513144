/**
 * The head of one proxy request, read more strictly than HTTP asks, because whatever two parsers read differently carries a
 * second request past the first one's check. Fails closed: a shape that is not beyond doubt is `refused`.
 */

export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** In the order they came; names as sent. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body:
    | { readonly kind: 'none' }
    | { readonly kind: 'length'; readonly bytes: number }
    | { readonly kind: 'chunked' };
  /** Where the body starts. */
  readonly length: number;
}

export type ParsedHead =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'head'; readonly head: RequestHead };

export const MAX_HEAD_BYTES = 32 * 1024;
const MAX_HEADERS = 100;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
/** Visible ASCII, space and tab inside. Bytes above are sent by no honest client and read in as many ways as there are servers. */
const VALUE = /^[\x20-\x7e\t]*$/;
const TARGET = /^[\x21-\x7e]{1,8192}$/;
/** Named once or refused: each decides where a message ends or whom it is for. */
const SINGULAR = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'proxy-connection',
  'te',
  'upgrade',
  'expect',
]);

export function parseRequestHead(bytes: Buffer): ParsedHead {
  const end = bytes.indexOf('\r\n\r\n');
  const known = end === -1 ? bytes.subarray(0, MAX_HEAD_BYTES + 1) : bytes.subarray(0, end + 2);
  const bare = bareLineEnd(known);
  if (bare !== '') return refused(bare);
  if (known.length > MAX_HEAD_BYTES) return refused('the head is too long');
  if (end === -1) return { kind: 'incomplete' };

  const lines = bytes.toString('latin1', 0, end).split('\r\n');
  const requestLine = /^([A-Z]{1,32}) (\S+) HTTP\/1\.[01]$/.exec(lines[0] ?? '');
  if (requestLine === null) return refused('the request line is not METHOD target HTTP/1.1');
  const [, method = '', target = ''] = requestLine;
  if (!TARGET.test(target)) return refused('the target holds bytes outside visible ASCII');
  if (lines.length - 1 > MAX_HEADERS) return refused('there are too many headers');

  const headers: [string, string][] = [];
  const seen = new Map<string, string>();
  for (const line of lines.slice(1)) {
    if (line.startsWith(' ') || line.startsWith('\t')) return refused('a header is folded over lines');
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '');
    if (colon === -1 || !TOKEN.test(name)) return refused('a header name is not a token');
    if (!VALUE.test(value)) return refused('a header value holds control or non-ASCII bytes');
    const key = name.toLowerCase();
    if (SINGULAR.has(key) && seen.has(key)) return refused(`there are two ${key} headers`);
    seen.set(key, value);
    headers.push([name, value]);
  }
  const body = bodyOf(seen);
  if (body.kind === 'refused') return body;
  if (seen.has('upgrade') || /(?:^|[\s,])upgrade(?:$|[\s,])/i.test(seen.get('connection') ?? ''))
    return refused('it asks to change the protocol');
  return { kind: 'head', head: { method, target, headers, body, length: end + 4 } };
}

function bodyOf(
  seen: ReadonlyMap<string, string>,
): RequestHead['body'] | { readonly kind: 'refused'; readonly why: string } {
  const length = seen.get('content-length');
  const coding = seen.get('transfer-encoding');
  if (length !== undefined && coding !== undefined) return refused('it has both Content-Length and Transfer-Encoding');
  if (coding !== undefined)
    return coding.toLowerCase() === 'chunked' ? { kind: 'chunked' } : refused('its Transfer-Encoding is not chunked');
  if (length === undefined) return { kind: 'none' };
  if (!/^(?:0|[1-9][0-9]{0,14})$/.test(length)) return refused('its Content-Length is not a plain number');
  return Number(length) === 0 ? { kind: 'none' } : { kind: 'length', bytes: Number(length) };
}

/** A line feed without its carriage return, or the reverse, ends a line for some servers only. NUL ends a string for some. */
function bareLineEnd(bytes: Buffer): string {
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === 0x0a && bytes[index - 1] !== 0x0d) return 'it has a line feed alone';
    if (byte === 0x0d && index + 1 < bytes.length && bytes[index + 1] !== 0x0a) return 'it has a carriage return alone';
    if (byte === 0) return 'it has a NUL byte';
  }
  return '';
}

function refused(why: string): { readonly kind: 'refused'; readonly why: string } {
  return { kind: 'refused', why };
}

/** Text files carried in data: URLs (RFC 2397). Fails towards unread: what is not surely text is not called text. */

/** Media types that are text whatever their suffix says. */
const TEXT_TYPES =
  /^(?:text\/[a-z0-9.+-]{1,64}|application\/(?:json|csv|xml|yaml|x-yaml|toml|x-ndjson|javascript|sql|[a-z0-9.-]{1,64}\+(?:json|xml)))$/;
const CHARSETS: ReadonlySet<string> = new Set(['', 'utf-8', 'utf8', 'us-ascii']);

/** `text` begins with a line of the URL's own head: its parameters travel as well. `other`: no data: URL. `unreadable`: one whose content is not text, or text we cannot decode without doubt. */
export type DataUrl =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'other' };

export function readDataUrl(url: string): DataUrl {
  if (!/^\s{0,16}data:/i.test(url)) return { kind: 'other' };
  const comma = url.indexOf(',');
  if (comma === -1 || comma > 512) return { kind: 'unreadable' };
  const [type = '', ...parameters] = url
    .slice(url.indexOf(':') + 1, comma)
    .split(';')
    .map((each) => each.trim().toLowerCase());
  const charset =
    parameters
      .find((each) => each.startsWith('charset='))
      ?.slice('charset='.length)
      .replaceAll('"', '') ?? '';
  if (!(type === '' || TEXT_TYPES.test(type)) || !CHARSETS.has(charset)) return { kind: 'unreadable' };
  // Some readers take `base64` anywhere, others only at the end.
  const encoded = parameters.at(-1) === 'base64';
  if (!encoded && parameters.includes('base64')) return { kind: 'unreadable' };
  const payload = url.slice(comma + 1);
  try {
    const bytes = encoded ? Buffer.from(strictBase64(payload), 'base64') : Buffer.from(decodeURIComponent(payload));
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // NUL means UTF-16 or a binary under a text label.
    return text.includes('\u0000') ? { kind: 'unreadable' } : { kind: 'text', text: `${url.slice(0, comma)}\n${text}` };
  } catch {
    return { kind: 'unreadable' };
  }
}

/** Node's decoder skips what is no base64 and so reads other bytes than a strict one would. */
function strictBase64(payload: string): string {
  const compact = payload.replace(/\s/g, '');
  if (/[^A-Za-z0-9+/=_-]/.test(compact) || /=[^=]/.test(compact)) throw new RangeError('not base64');
  return compact;
}

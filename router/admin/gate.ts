/**
 * Who is asking, and may they: the one check in front of every admin path. Fails closed, in this order: a page of another origin (a page on another port of
 * this machine too) is refused; a bearer key or a browser session is asked for; a session that changes something must also show the token that only
 * our own page can read. Guesses are counted before a key is looked at.
 */
import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../errors.ts';
import { peerOf } from '../http/peer.ts';
import type { AdminAuthority } from './authority.ts';
import { type Login, type Logins, sameToken } from './logins.ts';

export const COOKIE = 'sluice_admin';
export const CSRF_HEADER = 'x-sluice-csrf';

export type Admission =
  /** `csrf` empty: a program with a key, which no page can be made to send. */
  | { readonly kind: 'admitted'; readonly principal: string; readonly csrf: string }
  | { readonly kind: 'refused'; readonly code: ErrorCode };

/** Headers that say somebody stands between: then the peer's address is the proxy's and proves nothing. */
const PROXIED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD']);

export async function admit(request: IncomingMessage, authority: AdminAuthority, logins: Logins): Promise<Admission> {
  if (isCrossSite(request)) return { kind: 'refused', code: 'admin_forbidden' };
  const bearer = bearerOf(request);
  if (bearer !== undefined) {
    const shown = await show(bearer, request, authority, logins);
    return shown.kind === 'admin' ? { kind: 'admitted', principal: shown.principal, csrf: '' } : shown;
  }
  const login = loginOf(request, logins);
  if (login === undefined) return { kind: 'refused', code: 'admin_unauthorized' };
  const token = request.headers[CSRF_HEADER];
  if (!SAFE.has(request.method ?? '') && (typeof token !== 'string' || !sameToken(token, login.csrf)))
    return { kind: 'refused', code: 'admin_forbidden' };
  return { kind: 'admitted', principal: login.principal, csrf: login.csrf };
}

/** show looks at a key or start token, unless its peer has been wrong too often of late. */
export async function show(
  key: string,
  request: IncomingMessage,
  authority: AdminAuthority,
  logins: Logins,
): Promise<
  { readonly kind: 'admin'; readonly principal: string } | { readonly kind: 'refused'; readonly code: ErrorCode }
> {
  const peer = peerOf(request);
  if (!logins.mayTry(peer)) return { kind: 'refused', code: 'admin_rate_limited' };
  const found = await authority.authenticate(key, isHere(request));
  if (found.kind === 'admin') return found;
  logins.failed(peer);
  return { kind: 'refused', code: 'admin_unauthorized' };
}

export function loginOf(request: IncomingMessage, logins: Logins): Login | undefined {
  const id = sessionIdOf(request);
  return id === undefined ? undefined : logins.find(id);
}

export function sessionIdOf(request: IncomingMessage): string | undefined {
  const ids = (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${COOKIE}=`))
    .map((pair) => pair.slice(COOKIE.length + 1));
  // Two cookies of one name: somebody on a sibling host planted one. Neither counts.
  return ids.length === 1 ? ids[0] : undefined;
}

export function sessionCookie(id: string): string {
  return `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Strict${id === '' ? '; Max-Age=0' : ''}`;
}

/** Browsers name the page that asks; other programs name none. Same scheme, host and port is our own page. */
export function isCrossSite(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = request.headers;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== (host ?? '');
}

/** On this machine and not through a proxy. */
export function isHere(request: IncomingMessage): boolean {
  const address = peerOf(request);
  const loopback = address === '::1' || /^(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address);
  return loopback && PROXIED.every((name) => request.headers[name] === undefined);
}

function bearerOf(request: IncomingMessage): string | undefined {
  const match = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? '');
  return match?.[1];
}

/** A whole Sluice with its admin side, and a caller that is a program with a key or a browser with a session. */
import { request as httpRequest } from 'node:http';
import { Admin } from '../../router/admin/admin.ts';
import { AdminAuthority, type AdminKeys, NO_KEYS } from '../../router/admin/authority.ts';
import { startSluice, type TestSluice, type TestSluiceOptions } from './sluice.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  json<T>(): T;
}

export interface AdminSluice extends TestSluice {
  readonly authority: AdminAuthority;
  /** A program with the start token, or with what `headers` say. */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<AdminAnswer>;
  /** Nothing but what is given: every header is the caller's own. */
  raw(
    method: string,
    path: string,
    body: string | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<AdminAnswer>;
}

export function keysOf(...keys: readonly string[]): AdminKeys {
  return {
    hasLiveAdminKey: () => keys.length > 0,
    recognise: (key) => Promise.resolve(keys.includes(key) ? { kind: 'admin', principal: 'root' } : { kind: 'denied' }),
  };
}

export async function startAdmin(
  options: TestSluiceOptions & { readonly keys?: AdminKeys } = {},
): Promise<AdminSluice> {
  const authority = new AdminAuthority(() => options.keys ?? NO_KEYS);
  const sluice = await startSluice({ ...options, admin: (live) => new Admin({ authority, live }) });
  const raw: AdminSluice['raw'] = (method, path, body, headers) =>
    new Promise((resolve, reject) => {
      const sent = httpRequest(`${sluice.url}${path}`, { method, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: <T>() => JSON.parse(text) as T,
          });
        });
      });
      sent.once('error', reject);
      sent.end(body);
    });
  return Object.assign(sluice, {
    authority,
    raw,
    call: (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
      raw(method, path, body === undefined ? undefined : JSON.stringify(body), {
        authorization: `Bearer ${authority.startToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      }),
  });
}

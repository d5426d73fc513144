/** The admin API as the page calls it: cookie, token, and errors as values with a sentence for people. */
import type { Problem, SessionState } from '../router/admin/api.ts';

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly problems: readonly Problem[]; readonly status: number };

const BASE = '/admin/v1/';
let csrf = '';
let onLoggedOut: () => void = () => undefined;

export function useSession(session: SessionState, loggedOut: () => void): void {
  csrf = session.csrf;
  onLoggedOut = loggedOut;
}

export function get<T>(path: string): Promise<Answer<T>> {
  return call<T>('GET', path, undefined);
}
export function post<T>(path: string, body: unknown): Promise<Answer<T>> {
  return call<T>('POST', path, body);
}
export function remove<T>(path: string): Promise<Answer<T>> {
  return call<T>('DELETE', path, undefined);
}

async function call<T>(method: string, path: string, body: unknown): Promise<Answer<T>> {
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'GET' ? {} : { 'x-sluice-csrf': csrf }),
      },
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    return { ok: false, message: 'Sluice does not answer.', problems: [], status: 0 };
  }
  const value = (await response.json().catch(() => ({}))) as T & {
    readonly error?: { readonly message?: string; readonly code?: string };
    readonly problems?: readonly Problem[];
  };
  if (response.ok) return { ok: true, value };
  if (response.status === 401 && path !== 'login') onLoggedOut();
  const problems = value.problems ?? [];
  const message =
    problems.length > 0
      ? problems.map(sayProblem).join(' · ')
      : (value.error?.message ?? `Failed (${response.status}).`);
  return { ok: false, message: message.replace(/ \[req_[0-9a-f]+\]$/, ''), problems, status: response.status };
}

function sayProblem({ path, message }: Problem): string {
  return path === '' ? message : `${path}: ${message}`;
}

/** The gate before every path, for requests and for WebSockets alike: the right host, a plain target, no stranger's page, a key where one is needed. Fails closed: what is not let in is refused, counted and audited. */
import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../errors.ts';
import { hasOneHost, hostAllowed, originAllowed, plainTarget } from '../http/host-guard.ts';
import type { Context } from '../pipeline/context.ts';
import { admit } from './admit.ts';
import type { Caller, Role } from './principal.ts';

/** Paths that say nothing of anybody. All others need a key. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/', '/api/version', '/healthz', '/readyz', '/metrics', '/console']);
/** The console's files hold nothing, and the admin API has a gate of its own (admin/gate.ts), which takes sessions of browsers beside admin keys. */
const isOpenPath = (path: string): boolean =>
  OPEN_PATHS.has(path) || path.startsWith('/console/') || path.startsWith('/admin/v1/');
const roleFor = (path: string): Role => (path === '/admin' || path.startsWith('/admin/') ? 'admin' : 'agent');

export type LetIn =
  | { readonly kind: 'open' }
  | { readonly kind: 'caller'; readonly caller: Caller }
  | { readonly kind: 'refused'; readonly code: ErrorCode };

export async function letIn(request: IncomingMessage, path: string, context: Context): Promise<LetIn> {
  const refused = (code: ErrorCode): LetIn => ({ kind: 'refused', code });
  const { rawHeaders, headers, url } = request;
  const { host } = context.config.listen;
  if (!hasOneHost(rawHeaders) || !hostAllowed(headers.host, host)) return refused('host_not_allowed');
  if (!plainTarget(url ?? '')) return refused('not_found');
  if (!originAllowed(headers.origin, host)) return refused('origin_not_allowed');
  if (isOpenPath(path)) return { kind: 'open' };
  const admitted = await admit(request, roleFor(path), context);
  if (admitted.kind === 'caller') return admitted;
  context.metrics.refusedCallers.inc({ code: admitted.code });
  context.audit.turnedAway(admitted.code);
  return admitted;
}

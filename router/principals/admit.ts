/**
 * The gate before every path: a request comes in as a principal of the right role, or not at all. Fails closed: two different keys in one request, a key of the other
 * role, or a key that is not known are refused; the admin side is never open.
 */
import type { IncomingMessage } from 'node:http';
import { isLoopbackListener } from '../http/host-guard.ts';
import type { Context } from '../pipeline/context.ts';
import { KEY_PREFIX } from './api-key.ts';
import { contextOf } from './narrow.ts';
import type { Caller, Role } from './principal.ts';

export type Admitted =
  | { readonly kind: 'caller'; readonly caller: Caller }
  | {
      readonly kind: 'refused';
      readonly code: 'api_key_missing' | 'api_key_invalid' | 'keys_unavailable' | 'role_not_allowed';
    };

export async function admit(request: IncomingMessage, role: Role, context: Context): Promise<Admitted> {
  const presented = keyOf(request);
  if (presented === 'several') return { kind: 'refused', code: 'api_key_invalid' };
  const open = role === 'agent' && isOpen(context) ? 'agents' : 'nobody';
  const recognised = await context.keys.recognise(presented, open);
  if (recognised.kind === 'refused') return recognised;
  const { principal } = recognised;
  if (principal.role !== role) return { kind: 'refused', code: 'role_not_allowed' };
  return { kind: 'caller', caller: { principal, context: contextOf(principal, context) } };
}

function isOpen({ config }: Context): boolean {
  return config.access.open === 'auto' && isLoopbackListener(config.listen.host);
}

/**
 * Clients of OpenAI send `authorization: Bearer`, of Anthropic `x-api-key`, of Azure `api-key`, and some send a placeholder in one and the key in another. A Bearer that is none
 * of ours is such a placeholder.
 */
function keyOf(request: IncomingMessage): string | undefined | 'several' {
  const { headers } = request;
  const bearer = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const keys = new Set(
    [bearer, headers['x-api-key'], headers['api-key']].filter(
      (each): each is string => typeof each === 'string' && each.startsWith(KEY_PREFIX),
    ),
  );
  if (keys.size > 1) return 'several';
  return keys.values().next().value;
}

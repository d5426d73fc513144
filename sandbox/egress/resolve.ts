/**
 * A host name to addresses that may be dialled. Asked once per connection, here and not in the sandbox, and the very
 * addresses that were checked are dialled: a second answer (DNS rebinding) is never asked for. Fails closed: one address
 * that is not public refuses them all, and so does silence.
 */
import { lookup } from 'node:dns/promises';
import { isPublicAddress } from './address.ts';

export type Lookup = (host: string) => Promise<readonly string[]>;

export type Resolved =
  | { readonly kind: 'addresses'; readonly addresses: readonly [string, ...string[]] }
  | { readonly kind: 'refused'; readonly code: 'name-not-found' | 'address-not-public'; readonly why: string };

export const systemLookup: Lookup = async (host) => {
  const answers = await lookup(host, { all: true, verbatim: true });
  return answers.map((answer) => answer.address);
};

export async function resolveHost(host: string, ask: Lookup, timeoutMs: number): Promise<Resolved> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly string[]>((resolve) => {
    timer = setTimeout(() => resolve([]), timeoutMs);
  });
  const addresses = await Promise.race([ask(host).catch(() => []), late]);
  clearTimeout(timer);
  const [first, ...rest] = addresses;
  if (first === undefined)
    return { kind: 'refused', code: 'name-not-found', why: 'the name of this host could not be resolved' };
  if (!addresses.every(isPublicAddress))
    return {
      kind: 'refused',
      code: 'address-not-public',
      why: 'the name of this host leads to an address that is not on the public internet',
    };
  return { kind: 'addresses', addresses: [first, ...rest] };
}

/**
 * What a decision can name: upstreams, and pools of them in the place of their first member. A pool may see what its lowest member may, so that whichever answers, the
 * label was weighed for it. Fails closed: a pool with a cloud member counts as cloud.
 */
import type { UpstreamConfig } from '../../config/schema.ts';
import type { PoolConfig } from '../../config/upstream-schema.ts';
import { rankOf } from './rank.ts';

export interface Target {
  readonly name: string;
  readonly kind: 'local' | 'cloud';
  readonly sees: string;
  /** Models a client may name; empty for local ones, whose catalogue is asked. */
  readonly models: readonly string[];
  /** Of a pool; empty for an upstream. */
  readonly members: readonly string[];
}

export function isLocal(upstream: UpstreamConfig): boolean {
  return upstream.kind === 'ollama' || (upstream.kind === 'stand-in' && upstream.name === 'local');
}

/** targetsOf lists them in the order in which they are chosen: members of a pool come after all others, since who asks for none gets the pool. */
export function targetsOf(
  config: { readonly labels: readonly string[]; readonly pools: Readonly<Record<string, PoolConfig>> },
  upstreams: readonly UpstreamConfig[],
): readonly Target[] {
  const first: Target[] = [];
  const pooled: Target[] = [];
  const done = new Set<string>();
  for (const upstream of upstreams) {
    const pools = Object.entries(config.pools).filter(([, pool]) => pool.members.includes(upstream.name));
    for (const [name, pool] of pools) {
      if (done.has(name)) continue;
      done.add(name);
      const members = upstreams.filter((each) => pool.members.includes(each.name)).map(targetOf);
      first.push({
        name,
        kind: members.every((each) => each.kind === 'local') ? 'local' : 'cloud',
        sees:
          members.map((each) => each.sees).toSorted((a, b) => rankOf(config.labels, a) - rankOf(config.labels, b))[0] ??
          '',
        models: [...new Set(members.flatMap((each) => each.models))],
        members: pool.members,
      });
    }
    (pools.length > 0 ? pooled : first).push(targetOf(upstream));
  }
  return [...first, ...pooled];
}

function targetOf(upstream: UpstreamConfig): Target {
  const models =
    upstream.kind === 'ollama' || isLocal(upstream)
      ? []
      : upstream.kind === 'stand-in'
        ? [upstream.model]
        : [upstream.model, ...upstream.models];
  return { name: upstream.name, kind: isLocal(upstream) ? 'local' : 'cloud', sees: upstream.sees, models, members: [] };
}

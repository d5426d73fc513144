/** Config to CompiledPolicy. Run only on what provePolicy found no problem in; a condition that does not compile throws here. */
import type { Config } from '../../config/schema.ts';
import type { UpstreamConfig } from '../../config/schema.ts';
import { compileCondition } from './conditions.ts';
import { compileEntityPolicy } from './entity-policy.ts';
import type { CompiledPolicy } from './decide.ts';
import { targetsOf } from './targets.ts';

export function compilePolicy(config: Config, upstreams: readonly UpstreamConfig[]): CompiledPolicy {
  return {
    ladder: config.labels,
    policy: config.policy,
    entities: config.classify.entities,
    otherEntities: config.classify.otherEntities,
    entityPolicy: compileEntityPolicy(config.classify),
    aliases: config.aliases,
    upstreams: targetsOf(config, upstreams).map(({ name, kind, sees, models }) => ({ name, kind, sees, models })),
    rules: config.policy.rules.map((rule) => {
      const condition = compileCondition(rule.when);
      if (condition.kind === 'invalid') throw new Error(`rule "${rule.name}" does not compile`);
      return {
        name: rule.name,
        test: condition.test,
        upToLabel: rule.upToLabel ?? config.labels.at(-1) ?? '',
        route: rule.route,
        upstream: rule.upstream,
      };
    }),
  };
}

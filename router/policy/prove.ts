/**
 * The proof made at load: no rule, fallback or alias can send a label to an upstream that may not see it. What cannot be proved from the file
 * alone (a rule's condition may hold for any request) counts as possible. Fails closed: any problem and the configuration is refused.
 */
import type { ConfigProblem } from '../../config/explain.ts';
import type { Config, UpstreamConfig } from '../../config/schema.ts';
import { compileCondition, compileEntityCondition } from './conditions.ts';
import { ROUTED_MODELS } from './decide.ts';
import { offers } from './offers.ts';
import { isLocal, type Target, targetsOf } from './targets.ts';

/** provePolicy returns every way in which the configuration could break its own labels; empty is the proof. */
export function provePolicy(
  config: Pick<Config, 'labels' | 'policy' | 'classify' | 'sandbox' | 'pools' | 'aliases' | 'telemetry'>,
  upstreams: readonly UpstreamConfig[],
): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const rank = (label: string): number => config.labels.indexOf(label);
  const top = config.labels.at(-1) ?? '';
  const known = (label: string, path: string): boolean => {
    if (rank(label) !== -1) return true;
    problems.push({ path, message: `label "${label}" is not on the ladder (${config.labels.join(' < ')})` });
    return false;
  };

  if (new Set(config.labels).size !== config.labels.length)
    problems.push({ path: 'labels', message: 'a label stands twice' });
  const { upTo } = config.telemetry.sampling;
  if (upTo !== '') known(upTo, 'telemetry.sampling.upTo');
  const names = new Set<string>();
  upstreams.forEach((upstream, index) => {
    known(upstream.sees, `upstreams[${index}].sees`);
    if (names.has(upstream.name))
      problems.push({ path: `upstreams[${index}].name`, message: `two upstreams are named "${upstream.name}"` });
    names.add(upstream.name);
  });
  for (const [entity, rule] of Object.entries(config.classify.entities)) {
    const path = `classify.entities.${entity}`;
    known(rule.label, `${path}.label`);
    if (rule.fewerLabel !== undefined) known(rule.fewerLabel, `${path}.fewerLabel`);
    if (rule.fewerLabel !== undefined && (rule.minCount ?? 1) === 1)
      problems.push({
        path: `${path}.fewerLabel`,
        message: 'says what fewer than minCount means, and there is no minCount',
      });
    rule.conditions?.forEach((condition, index) => {
      known(condition.label, `${path}.conditions[${index}].label`);
      const compiled = compileEntityCondition(condition.when);
      if (compiled.kind === 'invalid')
        problems.push({
          path: `${path}.conditions[${index}].when`,
          message: `condition "${condition.name}": ${compiled.message}`,
        });
    });
  }
  const { otherEntities } = config.classify;
  if (
    otherEntities.minCount !== undefined ||
    otherEntities.conditions !== undefined ||
    otherEntities.action !== undefined
  )
    problems.push({
      path: 'classify.otherEntities',
      message: 'minCount, conditions and action belong to one entity: name it under classify.entities',
    });
  known(config.classify.otherEntities.label, 'classify.otherEntities.label');
  config.classify.combinations.forEach((combination, index) =>
    known(combination.label, `classify.combinations[${index}].label`),
  );
  known(config.policy.maskUpTo, 'policy.maskUpTo');
  known(config.sandbox.egress.upToLabel, 'sandbox.egress.upToLabel');

  const targets = targetsOf(config, upstreams);
  const local = targets.filter((target) => target.kind === 'local');
  const cloud = targets.filter((target) => target.kind === 'cloud');
  problems.push(...poolProblems(config, upstreams), ...aliasProblems(config, targets));

  if (config.policy.onCloudFailure === 'local' && local.length > 0) {
    for (const upstream of cloud) {
      if (!local.some((each) => rank(each.sees) >= rank(upstream.sees))) {
        problems.push({
          path: 'policy.onCloudFailure',
          message: `falls back from "${upstream.name}", which may see ${upstream.sees}, to local models that may not; set "error" or raise a local upstream's sees`,
        });
      }
    }
  }

  config.policy.rules.forEach((rule, index) => {
    const path = `policy.rules[${index}]`;
    const condition = compileCondition(rule.when);
    if (condition.kind === 'invalid')
      problems.push({ path: `${path}.when`, message: `rule "${rule.name}": ${condition.message}` });
    if (rule.upToLabel !== undefined && !known(rule.upToLabel, `${path}.upToLabel`)) return;
    if (rule.upstream !== undefined && !targets.some((target) => target.name === rule.upstream)) {
      problems.push({
        path: `${path}.upstream`,
        message: `rule "${rule.name}" names upstream "${rule.upstream}", which does not exist`,
      });
      return;
    }
    const named = targets.find((target) => target.name === rule.upstream);
    switch (rule.route) {
      case 'refuse':
        return;
      case 'local':
        if (named !== undefined && named.kind === 'cloud')
          problems.push({
            path: `${path}.upstream`,
            message: `rule "${rule.name}" routes local but names the cloud upstream "${named.name}"`,
          });
        return;
      case 'cloud':
      case 'cloud-masked': {
        if (named !== undefined && named.kind === 'local') {
          problems.push({
            path: `${path}.upstream`,
            message: `rule "${rule.name}" routes to the cloud but names the local upstream "${named.name}"`,
          });
          return;
        }
        const target = named ?? cloud[0];
        if (target === undefined) {
          problems.push({
            path,
            message: `rule "${rule.name}" routes to the cloud, and no cloud upstream is configured`,
          });
          return;
        }
        const bound = rule.upToLabel ?? top;
        const [ceiling, key] =
          rule.route === 'cloud'
            ? [target.sees, `what "${target.name}" may see${target.members.length === 0 ? '' : ', its lowest member'}`]
            : [config.policy.maskUpTo, 'policy.maskUpTo'];
        if (rank(bound) > rank(ceiling)) {
          problems.push({
            path: `${path}.upToLabel`,
            message: `rule "${rule.name}" could send ${bound} content to "${target.name}": set upToLabel to at most ${ceiling} (${key})`,
          });
        }
      }
    }
  });
  return problems;
}

/** A pool answers with any of its members: all of them on one side, so that no failure leads from a local server to the cloud. */
function poolProblems(
  { pools }: Pick<Config, 'pools'>,
  upstreams: readonly UpstreamConfig[],
): readonly ConfigProblem[] {
  return Object.entries(pools).flatMap(([name, pool]) => {
    const path = `pools.${name}`;
    const problems: ConfigProblem[] = [];
    if (upstreams.some((upstream) => upstream.name === name))
      problems.push({ path, message: `pool "${name}" has the name of an upstream` });
    const missing = pool.members.filter((member) => !upstreams.some((upstream) => upstream.name === member));
    for (const member of missing)
      problems.push({ path: `${path}.members`, message: `pool "${name}" names "${member}", which is no upstream` });
    if (new Set(pool.members).size !== pool.members.length)
      problems.push({ path: `${path}.members`, message: `pool "${name}" names a member twice` });
    for (const member of Object.keys(pool.weights))
      if (!pool.members.includes(member))
        problems.push({ path: `${path}.weights`, message: `pool "${name}" weighs "${member}", which is no member` });
    const members = upstreams.filter((upstream) => pool.members.includes(upstream.name));
    const outside = members.find((upstream) => !isLocal(upstream));
    const inside = members.find(isLocal);
    if (outside !== undefined && inside !== undefined)
      problems.push({
        path: `${path}.members`,
        message: `pool "${name}" could send what local "${inside.name}" was asked to the cloud "${outside.name}": members are all local or all cloud (policy.onCloudFailure leads from the cloud inwards)`,
      });
    return problems;
  });
}

/** An alias is a name and widens nothing: the label is weighed for where it leads. So it has to lead somewhere, and must not hide a name that has a meaning. */
function aliasProblems({ aliases }: Pick<Config, 'aliases'>, targets: readonly Target[]): readonly ConfigProblem[] {
  return Object.entries(aliases).flatMap(([name, alias]) => {
    const path = `aliases.${name}`;
    if (ROUTED_MODELS.has(name)) return [{ path, message: `"${name}" asks Sluice to choose, and cannot be an alias` }];
    const target = targets.find((each) => each.name === alias.upstream);
    if (target === undefined)
      return [
        { path: `${path}.upstream`, message: `alias "${name}" leads to "${alias.upstream}", which does not exist` },
      ];
    if (target.kind === 'cloud' && alias.model !== '' && !offers(target.models, alias.model))
      return [
        {
          path: `${path}.model`,
          message: `alias "${name}" asks "${target.name}" for "${alias.model}", which is not among its models`,
        },
      ];
    return [];
  });
}

/**
 * The proof made at load: no rule, fallback or alias can send a label to an upstream that may not see it. What cannot be proved from the file
 * alone (a rule's condition may hold for any request) counts as possible. Fails closed: any problem and the configuration is refused.
 */
import type { ConfigProblem } from '../../config/explain.ts';
import type { Config, UpstreamConfig } from '../../config/schema.ts';
import { compileCondition } from './conditions.ts';

/** provePolicy returns every way in which the configuration could break its own labels; empty is the proof. */
export function provePolicy(
  config: Pick<Config, 'labels' | 'policy' | 'classify' | 'sandbox'>,
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
  const names = new Set<string>();
  upstreams.forEach((upstream, index) => {
    known(upstream.sees, `upstreams[${index}].sees`);
    if (names.has(upstream.name))
      problems.push({ path: `upstreams[${index}].name`, message: `two upstreams are named "${upstream.name}"` });
    names.add(upstream.name);
  });
  for (const [entity, rule] of Object.entries(config.classify.entities))
    known(rule.label, `classify.entities.${entity}.label`);
  known(config.classify.otherEntities.label, 'classify.otherEntities.label');
  config.classify.combinations.forEach((combination, index) =>
    known(combination.label, `classify.combinations[${index}].label`),
  );
  known(config.policy.maskUpTo, 'policy.maskUpTo');
  known(config.sandbox.egress.upToLabel, 'sandbox.egress.upToLabel');

  const local = upstreams.filter(isLocal);
  const cloud = upstreams.filter((upstream) => !isLocal(upstream));

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
    if (rule.upstream !== undefined && !upstreams.some((upstream) => upstream.name === rule.upstream)) {
      problems.push({
        path: `${path}.upstream`,
        message: `rule "${rule.name}" names upstream "${rule.upstream}", which does not exist`,
      });
      return;
    }
    const named = upstreams.find((upstream) => upstream.name === rule.upstream);
    switch (rule.route) {
      case 'refuse':
        return;
      case 'local':
        if (named !== undefined && !isLocal(named))
          problems.push({
            path: `${path}.upstream`,
            message: `rule "${rule.name}" routes local but names the cloud upstream "${named.name}"`,
          });
        return;
      case 'cloud':
      case 'cloud-masked': {
        if (named !== undefined && isLocal(named)) {
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
            ? [target.sees, `what "${target.name}" may see`]
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

export function isLocal(upstream: UpstreamConfig): boolean {
  return upstream.kind === 'ollama' || (upstream.kind === 'stand-in' && upstream.name === 'local');
}

/** From the reasons of a decision to the keys of the configuration that would have changed it. Pure; a test holds every key to the schema. */
import type { Config } from '../../config/schema.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { Reason } from '../decision.ts';
import type { Lever } from './api.ts';

export function leversOf(reasons: readonly Reason[], config: Config): readonly Lever[] {
  const levers = reasons.flatMap((reason) => leversFor(reason, config));
  return levers.filter((lever, index) => levers.findIndex((each) => each.key === lever.key) === index);
}

function leversFor(reason: Reason, config: Config): readonly Lever[] {
  const { policy, classify, complexity } = config;
  const lever = (key: string, value: unknown, effect: string): Lever => ({
    key,
    value: typeof value === 'string' ? value : JSON.stringify(value),
    effect,
  });
  switch (reason.code) {
    case 'sensitive-content':
    case 'door-refused':
      return [
        ...reason.entities.slice(0, 4).flatMap((entity) => {
          const rule = classify.entities[entity] ?? classify.otherEntities;
          const at = classify.entities[entity] === undefined ? 'classify.otherEntities' : `classify.entities.${entity}`;
          return [
            lever(`${at}.label`, rule.label, `What a finding of ${entity} makes of a request.`),
            lever(`${at}.threshold`, rule.threshold, `A higher threshold lets weaker findings of ${entity} pass.`),
          ];
        }),
        lever('policy.masking', policy.masking, '`complex` lets maskable findings go out behind placeholders.'),
        lever('policy.maskUpTo', policy.maskUpTo, 'Highest label that masking may make fit for the cloud.'),
        lever('classify.allow', `${classify.allow.length} values`, 'Exact values that are never findings.'),
      ];
    case 'not-maskable':
      return reason.entities
        .slice(0, 4)
        .map((entity) =>
          lever(
            classify.entities[entity] === undefined
              ? 'classify.otherEntities.maskable'
              : `classify.entities.${entity}.maskable`,
            (classify.entities[entity] ?? classify.otherEntities).maskable,
            `Whether ${entity} may leave behind a placeholder.`,
          ),
        );
    case 'classification-incomplete':
      return [
        lever('policy.unknown', policy.unknown, 'What happens to what could not be read.'),
        ...reason.gaps.flatMap((gap) => gapLever(gap, config)),
      ];
    case 'entity-condition': {
      const own = classify.entities[reason.entity];
      const by = own?.conditions?.some(({ name }) => name === reason.by) === true ? 'conditions' : 'minCount';
      return [
        lever(
          `classify.entities.${reason.entity}.${by}`,
          own?.[by] ?? 1,
          `What gave ${reason.entity} another label here.`,
        ),
      ];
    }
    case 'policy-attack':
      return [lever('policy.attack', policy.attack, 'What happens to text that tries to steer the policy.')];
    case 'session-label':
      return [
        lever(
          'policy.masking',
          policy.masking,
          'The conversation held sensitive text before; what can be masked may still go out.',
        ),
      ];
    case 'simple':
      return [
        lever(
          'complexity.threshold',
          complexity.threshold,
          'A lower threshold sends more clean requests to the cloud.',
        ),
        lever('policy.clean.simple', policy.clean.simple, 'Where clean and simple requests go.'),
      ];
    case 'complex-reasoning':
      return [
        lever('complexity.threshold', complexity.threshold, 'A higher threshold keeps more clean requests here.'),
        lever('policy.clean.complex', policy.clean.complex, 'Where clean and complex requests go.'),
      ];
    case 'masking-off':
    case 'mask-failed':
      return [lever('policy.masking', policy.masking, 'Whether requests may go to the cloud masked.')];
    case 'tool-saw-sensitive':
      return [
        lever(
          'policy.maskedToolResults',
          policy.maskedToolResults,
          'What follows when a tool was given a sensitive value.',
        ),
      ];
    case 'rule':
    case 'rule-overruled':
      return [
        lever(
          `policy.rules`,
          reason.rule,
          reason.code === 'rule' ? 'This rule decided.' : 'This rule matched, and labels overruled it.',
        ),
      ];
    case 'model-honoured':
    case 'model-overridden':
      return [lever('policy.honourModels', policy.honourModels, 'Whether a real model name picks its upstream.')];
    case 'no-cloud-upstream':
    case 'no-local-upstream':
    case 'local-only':
      return [
        lever('upstreams', `${config.upstreams.length} configured`, 'Which models there are, and what each may see.'),
      ];
    case 'cloud-failed':
      return [
        lever('policy.onCloudFailure', policy.onCloudFailure, 'Whether a failing cloud falls back to the local model.'),
      ];
  }
}

function gapLever(gap: Gap, { classify, sessions }: Config): readonly Lever[] {
  switch (gap.cause) {
    case 'timeout':
      return [
        {
          key: 'classify.deadlineMs',
          value: String(classify.deadlineMs),
          effect: 'How long the classifiers may read.',
        },
      ];
    case 'over-budget':
      return [{ key: 'classify.maxChars', value: String(classify.maxChars), effect: 'How much of a request is read.' }];
    case 'unseen-history':
      return [
        {
          key: 'sessions.unseenHistory',
          value: sessions.unseenHistory,
          effect: 'Whether history never seen here is trusted.',
        },
      ];
    default:
      return [];
  }
}

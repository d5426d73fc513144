/**
 * The decision table as a pure function: the same input gives the same route, and more evidence never moves a request from local to cloud.
 * Fails inwards: whatever is not provably allowed outwards is local, and what no local model may see is refused.
 */
import { offers } from './offers.ts';
import { rankOf, ruleOf } from './rank.ts';
import type { Finding } from '../../classifiers/finding.ts';
import type { Label, Signal, Verdict } from '../../classifiers/verdict.ts';
import type { EntityRule, PolicyConfig } from '../../config/schema.ts';
import type { Decision, Reason, RefusalCode, Route } from '../decision.ts';
import { publicPointer } from '../json/public-pointer.ts';
import type { Condition, ConditionInput } from './conditions.ts';
import { type EntityPolicy, refusedEntities, type Relabelled } from './entity-policy.ts';

export interface UpstreamView {
  readonly name: string;
  readonly kind: 'local' | 'cloud';
  readonly sees: Label;
  /** Models a client may name. Empty for local upstreams: their catalogue is asked at run time and given in `localModels`. */
  readonly models: readonly string[];
}

/** A policy ready to decide: conditions compiled, upstreams known. */
export interface CompiledPolicy {
  readonly ladder: readonly Label[];
  readonly policy: PolicyConfig;
  readonly rules: readonly CompiledRule[];
  readonly upstreams: readonly UpstreamView[];
  /** Model names of the operator's own. */
  readonly aliases: Readonly<Record<string, { readonly upstream: string; readonly model: string }>>;
  readonly entities: Readonly<Record<string, EntityRule>>;
  readonly otherEntities: EntityRule;
  readonly entityPolicy: EntityPolicy;
}

export interface CompiledRule {
  readonly name: string;
  readonly test: Condition;
  readonly upToLabel: Label;
  readonly route: 'local' | 'cloud' | 'cloud-masked' | 'refuse';
  readonly upstream: string | undefined;
}

export interface DecisionInput {
  readonly verdict: Verdict;
  readonly signals: readonly Signal[];
  /** What the conversation is remembered for. */
  readonly session: { readonly label: Label; readonly maskable: boolean };
  /** A tool call in the history was given something sensitive: its result may hold it in a form nobody recognises. */
  readonly toolSawSensitive: boolean;
  readonly complexity: number;
  readonly band: 'simple' | 'complex';
  /** As the client named it. */
  readonly model: string;
  /** Models the local upstreams really have. */
  readonly localModels: readonly { readonly upstream: string; readonly model: string }[];
  readonly tools: readonly string[];
  readonly principal: string;
  readonly protocol: string;
  readonly chars: number;
  readonly turns: number;
  /** What weighEntities gave another label; named in the reasons. */
  readonly relabelled?: readonly Relabelled[];
}

/** Names that ask Sluice to choose. */
export const ROUTED_MODELS: ReadonlySet<string> = new Set(['', 'auto', 'sluice', 'sluice/auto']);

export function decide(input: DecisionInput, compiled: CompiledPolicy): Decision {
  const { ladder, policy, upstreams } = compiled;
  const rank = (label: Label): number => rankOf(ladder, label);
  const seen = input.verdict.kind === 'unknown' ? sealed(input.verdict.label, compiled, rank) : input.verdict.label;
  const label = rank(input.session.label) > rank(seen) ? input.session.label : seen;
  const reasons: Reason[] = [];
  const above = entitiesAboveBottom(input.verdict.findings, compiled);
  // A combination raises a label none of its members has alone: then all of them are the evidence.
  const entities =
    above.length > 0 || input.verdict.kind !== 'sensitive'
      ? above
      : [...new Set(input.verdict.findings.map((finding) => finding.entity))];
  const attack = input.signals
    .filter((signal) => signal.kind === 'control-text' || signal.kind === 'evasion')
    .map((signal) => `${signal.kind}:${signal.name}`);

  // Evidence first: it is what the reasons must name whatever is decided.
  if (input.verdict.kind === 'unknown') reasons.push({ code: 'classification-incomplete', gaps: input.verdict.gaps });
  if (entities.length > 0) reasons.push({ code: 'sensitive-content', entities });
  for (const { entity, by } of input.relabelled ?? []) reasons.push({ code: 'entity-condition', entity, by });
  if (rank(input.session.label) > rank(seen)) reasons.push({ code: 'session-label', label: input.session.label });
  if (attack.length > 0) reasons.push({ code: 'policy-attack', signals: attack });

  const shut = input.verdict.kind === 'unknown' || attack.length > 0;
  const cloudFor = (name: string | undefined): UpstreamView | undefined =>
    upstreams.find((each) => each.kind === 'cloud' && (name === undefined || each.name === name));
  const open = (upstream: UpstreamView | undefined): UpstreamView | undefined =>
    upstream !== undefined && !shut && rank(label) <= rank(upstream.sees) ? upstream : undefined;
  const tainted = input.toolSawSensitive && policy.maskedToolResults === 'local';
  const unmaskable =
    input.verdict.kind === 'sensitive' ? entities.filter((entity) => !ruleOf(compiled, entity).maskable) : [];
  // What is remembered but no longer in the text cannot be masked out of it; a session raised only by maskable findings that are still here can.
  const maskFits =
    policy.masking !== 'off' &&
    !shut &&
    input.verdict.kind === 'sensitive' &&
    unmaskable.length === 0 &&
    !tainted &&
    rank(label) <= rank(policy.maskUpTo) &&
    (rank(input.session.label) === 0 ||
      (input.session.maskable && rank(input.session.label) <= rank(input.verdict.label)));

  const done = (route: Route, extra: readonly Reason[] = []): Decision => {
    const all = [...reasons, ...extra];
    const [first = { code: 'simple', score: input.complexity } as const, ...rest] = all;
    return {
      route,
      reasons: [first, ...rest],
      label,
      counterfactual:
        route.kind === 'cloud' || route.kind === 'cloud-masked' ? '' : counterfactual(input, compiled, label, entities),
    };
  };
  const refuse = (code: RefusalCode, extra: readonly Reason[] = []): Decision => done({ kind: 'refuse', code }, extra);
  const local = (extra: readonly Reason[] = [], name?: string, model = ''): Decision => {
    const allowed = upstreams.filter((each) => each.kind === 'local' && rank(label) <= rank(each.sees));
    const upstream = name === undefined ? allowed[0] : (allowed.find((each) => each.name === name) ?? allowed[0]);
    if (upstream !== undefined) return done({ kind: 'local', upstream: upstream.name, model }, extra);
    // Without any local model a clean request may still be answered: nothing in it needs to stay.
    const direct = open(cloudFor(undefined));
    if (!upstreams.some((each) => each.kind === 'local') && direct !== undefined)
      return done({ kind: 'cloud', upstream: direct.name, model: '' }, [...extra, { code: 'no-local-upstream' }]);
    return refuse('no_local_model', extra);
  };

  if (input.verdict.kind === 'unknown' && policy.unknown === 'refuse') return refuse('refused_unknown_content');
  if (attack.length > 0 && policy.attack === 'refuse') return refuse('refused_policy_attack');
  const [refused] = refusedEntities(input.verdict.findings, compiled);
  if (refused !== undefined) return refuse('refused_by_rule', [{ code: 'rule', rule: `classify.entities.${refused}` }]);

  const conditionInput: ConditionInput = {
    label,
    verdict: input.verdict.kind,
    entities,
    signals: input.signals.map((signal) => `${signal.kind}:${signal.name}`),
    complexity: input.complexity,
    band: input.band,
    model: input.model,
    tools: input.tools,
    principal: input.principal,
    protocol: input.protocol,
    chars: input.chars,
    turns: input.turns,
  };
  for (const rule of compiled.rules) {
    if (rank(label) > rank(rule.upToLabel)) continue;
    const result = rule.test(conditionInput);
    if (result === 'no') continue;
    const by: Reason = { code: 'rule', rule: rule.name };
    // A condition that could not be evaluated might have meant "refuse" or "local": it must not be what lets a request out.
    if (result === 'failed') return local([{ code: 'rule-overruled', rule: rule.name }]);
    switch (rule.route) {
      case 'refuse':
        return refuse('refused_by_rule', [by]);
      case 'local':
        return local([by], rule.upstream);
      case 'cloud': {
        const upstream = open(cloudFor(rule.upstream));
        if (upstream !== undefined)
          return done({ kind: 'cloud', upstream: upstream.name, model: modelFor(input, upstream) }, [by]);
        return local([{ code: 'rule-overruled', rule: rule.name }]);
      }
      case 'cloud-masked': {
        const upstream = cloudFor(rule.upstream);
        const clear = open(upstream);
        if (clear !== undefined)
          return done({ kind: 'cloud', upstream: clear.name, model: modelFor(input, clear) }, [by]);
        if (upstream !== undefined && maskFits)
          return done({ kind: 'cloud-masked', upstream: upstream.name, model: modelFor(input, upstream) }, [by]);
        return local([{ code: 'rule-overruled', rule: rule.name }]);
      }
    }
  }

  const named = policy.honourModels && !ROUTED_MODELS.has(input.model);
  const alias = aliasOf(input.model, compiled);
  if (named && alias !== undefined) {
    const target = upstreams.find((each) => each.name === alias.upstream);
    if (target?.kind === 'local' && rank(label) <= rank(target.sees))
      return local([{ code: 'model-honoured' }], target.name, alias.model);
    const outside = open(target?.kind === 'cloud' ? target : undefined);
    if (outside !== undefined && (alias.model === '' || offers(outside.models, alias.model)))
      return done({ kind: 'cloud', upstream: outside.name, model: alias.model }, [{ code: 'model-honoured' }]);
  } else if (named) {
    const atLocal = input.localModels.find((each) => each.model === input.model);
    if (atLocal !== undefined) return local([{ code: 'model-honoured' }], atLocal.upstream, input.model);
    const atCloud = open(upstreams.find((each) => each.kind === 'cloud' && offers(each.models, input.model)));
    if (atCloud !== undefined)
      return done({ kind: 'cloud', upstream: atCloud.name, model: input.model }, [{ code: 'model-honoured' }]);
  }
  const overridden: readonly Reason[] = ROUTED_MODELS.has(input.model) ? [] : [{ code: 'model-overridden' }];
  const weight: Reason =
    input.band === 'complex'
      ? { code: 'complex-reasoning', score: input.complexity }
      : { code: 'simple', score: input.complexity };
  // A name the client asked for counts for a masked request too: its conversation stays where it began.
  const asked = named ? upstreams.find((each) => each.kind === 'cloud' && offers(each.models, input.model)) : undefined;
  const aliased = named ? upstreams.find((each) => each.kind === 'cloud' && each.name === alias?.upstream) : undefined;
  const cloud = aliased ?? asked ?? cloudFor(undefined);

  if (shut) return local(overridden);
  const cleanFor = upstreams.find((each) => each.kind === 'cloud' && open(each) !== undefined);
  if (cleanFor !== undefined) {
    const wanted = input.band === 'complex' ? policy.clean.complex : policy.clean.simple;
    return wanted === 'cloud'
      ? done({ kind: 'cloud', upstream: cleanFor.name, model: '' }, [weight, ...overridden])
      : local([weight, ...overridden]);
  }
  if (cloud === undefined) return local([{ code: 'no-cloud-upstream' }, weight, ...overridden]);
  if (input.band === 'complex' && maskFits)
    return done(
      {
        kind: 'cloud-masked',
        upstream: cloud.name,
        model: cloud === aliased ? (alias?.model ?? '') : cloud === asked ? input.model : '',
      },
      [weight, ...(cloud === aliased || cloud === asked ? [{ code: 'model-honoured' } as const] : overridden)],
    );
  if (unmaskable.length > 0) return local([{ code: 'not-maskable', entities: unmaskable }, ...overridden]);
  if (tainted && input.verdict.kind === 'sensitive') return local([{ code: 'tool-saw-sensitive' }, ...overridden]);
  if (policy.masking === 'off' && input.verdict.kind === 'sensitive')
    return local([{ code: 'masking-off' }, ...overridden]);
  return local([weight, ...overridden]);
}

/** What nobody could read gets at least the lowest label that no cloud upstream may see, so that it stays inside on every later turn too. */
function sealed(label: Label, compiled: CompiledPolicy, rank: (label: Label) => number): Label {
  const open = Math.max(
    -1,
    ...compiled.upstreams.filter((each) => each.kind === 'cloud').map((each) => rank(each.sees)),
  );
  const seal = compiled.ladder[Math.min(open + 1, compiled.ladder.length - 1)];
  return seal !== undefined && rank(seal) > rank(label) ? seal : label;
}

/** aliasOf is undefined for a name that is none. */
export function aliasOf(
  model: string,
  { aliases }: Pick<CompiledPolicy, 'aliases'>,
): { readonly upstream: string; readonly model: string } | undefined {
  return Object.hasOwn(aliases, model) ? aliases[model] : undefined;
}

function modelFor(input: DecisionInput, upstream: UpstreamView): string {
  return offers(upstream.models, input.model) ? input.model : '';
}

function entitiesAboveBottom(findings: readonly Finding[], compiled: CompiledPolicy): readonly string[] {
  const bottom = compiled.ladder[0];
  return [
    ...new Set(
      findings.filter((finding) => ruleOf(compiled, finding.entity).label !== bottom).map((finding) => finding.entity),
    ),
  ];
}

/** One line for receipts and explain: the smallest change of evidence that would have opened the cloud. */
function counterfactual(
  input: DecisionInput,
  compiled: CompiledPolicy,
  label: Label,
  entities: readonly string[],
): string {
  if (!compiled.upstreams.some((each) => each.kind === 'cloud')) return '';
  const bottom = compiled.ladder[0] ?? '';
  const parts: string[] = [];
  if (input.verdict.kind === 'unknown')
    parts.push(
      `unreadable parts at ${[...new Set(input.verdict.gaps.map((gap) => publicPointer(gap.pointer) || '/'))].slice(0, 3).join(', ')}`,
    );
  for (const entity of entities.slice(0, 3)) {
    const at = input.verdict.findings.find((finding) => finding.entity === entity)?.span.segment ?? '';
    parts.push(`${entity} at ${publicPointer(at)}`);
  }
  if (parts.length === 0 && label !== bottom) parts.push(`the conversation's label ${label}`);
  if (input.signals.some((signal) => signal.kind === 'control-text' || signal.kind === 'evasion'))
    parts.push('text that tries to steer the policy');
  if (input.band === 'simple' && compiled.policy.clean.simple === 'local') parts.push('its low complexity');
  return parts.length === 0 ? '' : `would have been cloud but for ${parts.join(' and ')}`;
}

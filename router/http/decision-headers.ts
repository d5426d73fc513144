/** The headers every reply carries: where the request went and why, as codes. Never text of a request. */
import type { Decision, Reason } from '../decision.ts';

export const DECISION_HEADERS = [
  'x-sluice-route',
  'x-sluice-reason',
  'x-sluice-label',
  'x-sluice-model',
  'x-sluice-policy',
  'x-sluice-request-id',
  'x-sluice-removed',
] as const;

export interface DecisionHeaderInput {
  readonly requestId: string;
  readonly policyDigest: string;
  readonly demo: boolean;
  /** Absent when the request failed before a decision was made. */
  readonly decision?: Decision;
  readonly model?: string;
  /** Codes of what was left out of the request. */
  readonly removed?: readonly string[];
}

export function decisionHeaders(input: DecisionHeaderInput): Record<string, string> {
  const { decision } = input;
  return {
    'x-sluice-route': decision?.route.kind ?? 'none',
    'x-sluice-reason': decision === undefined ? 'none' : decision.reasons.map(describeReason).join(','),
    'x-sluice-label': decision?.label ?? 'none',
    'x-sluice-model': headerSafe(input.model ?? ''),
    'x-sluice-policy': input.policyDigest.slice(0, 12),
    'x-sluice-request-id': input.requestId,
    ...(input.removed === undefined || input.removed.length === 0
      ? {}
      : { 'x-sluice-removed': input.removed.slice(0, 16).map(headerSafe).join(',') }),
    ...(input.demo ? { 'x-sluice-demo': 'stand-in models' } : {}),
  };
}

/** `code` or `code:detail`; details are entity names, rule names, labels and counts. */
export function describeReason(reason: Reason): string {
  switch (reason.code) {
    case 'sensitive-content':
    case 'not-maskable':
    case 'door-refused':
      return `${reason.code}:${reason.entities.slice(0, 8).map(headerSafe).join('+')}`;
    case 'classification-incomplete':
      return `${reason.code}:${[...new Set(reason.gaps.map((gap) => gap.cause))].join('+')}`;
    case 'policy-attack':
      return `${reason.code}:${[...new Set(reason.signals)].slice(0, 4).map(headerSafe).join('+')}`;
    case 'entity-condition':
      return `${reason.code}:${headerSafe(reason.entity)}+${headerSafe(reason.by)}`;
    case 'session-label':
      return `${reason.code}:${reason.label}`;
    case 'complex-reasoning':
    case 'simple':
      return `${reason.code}:${reason.score.toFixed(2)}`;
    case 'rule':
    case 'rule-overruled':
      return `${reason.code}:${headerSafe(reason.rule)}`;
    case 'masking-off':
    case 'tool-saw-sensitive':
    case 'model-honoured':
    case 'model-overridden':
    case 'no-cloud-upstream':
    case 'no-local-upstream':
    case 'local-only':
    case 'cloud-failed':
    case 'mask-failed':
      return reason.code;
  }
}

/** Model names come from clients and upstreams: anything that could break a header, or carry a value out in one, is dropped. */
function headerSafe(text: string): string {
  return text.replace(/[^A-Za-z0-9._:/@+-]/g, '').slice(0, 128);
}

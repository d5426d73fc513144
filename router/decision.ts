/** What is to happen with a request and why. Holds no request text: fit for logs, metric labels, headers, audit. */
import type { EntityType } from '../classifiers/finding.ts';
import type { Gap, Label } from '../classifiers/verdict.ts';

export type RouteKind = 'local' | 'cloud' | 'cloud-masked' | 'refuse';

export type Route =
  /** `model` empty means the upstream's default. */
  | { readonly kind: 'local'; readonly upstream: string; readonly model: string }
  | { readonly kind: 'cloud' | 'cloud-masked'; readonly upstream: string; readonly model: string }
  | { readonly kind: 'refuse'; readonly code: RefusalCode };

/** Refusals by policy. Each is an error code of docs/errors.md. */
export type RefusalCode = 'refused_by_rule' | 'refused_unknown_content' | 'refused_policy_attack' | 'no_local_model';

export type Reason =
  | { readonly code: 'sensitive-content'; readonly entities: readonly EntityType[] }
  /** A condition on the entity, or its number, gave it another label here. */
  | { readonly code: 'entity-condition'; readonly entity: EntityType; readonly by: string }
  | { readonly code: 'session-label'; readonly label: Label }
  | { readonly code: 'classification-incomplete'; readonly gaps: readonly Gap[] }
  | { readonly code: 'policy-attack'; readonly signals: readonly string[] }
  | { readonly code: 'complex-reasoning'; readonly score: number }
  | { readonly code: 'simple'; readonly score: number }
  | { readonly code: 'not-maskable'; readonly entities: readonly EntityType[] }
  | { readonly code: 'masking-off' }
  | { readonly code: 'tool-saw-sensitive' }
  | { readonly code: 'rule'; readonly rule: string }
  | { readonly code: 'rule-overruled'; readonly rule: string }
  | { readonly code: 'model-honoured' }
  | { readonly code: 'model-overridden' }
  | { readonly code: 'no-cloud-upstream' }
  | { readonly code: 'no-local-upstream' }
  | { readonly code: 'local-only' }
  | { readonly code: 'cloud-failed' }
  | { readonly code: 'door-refused'; readonly entities: readonly EntityType[] }
  | { readonly code: 'mask-failed' };

export interface Decision {
  readonly route: Route;
  /** Most telling first. */
  readonly reasons: readonly [Reason, ...Reason[]];
  /** Verdict's and session's label joined. */
  readonly label: Label;
  /** What would have made the request go to the cloud; empty when it goes there or when nothing would. */
  readonly counterfactual: string;
}

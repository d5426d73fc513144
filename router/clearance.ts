/**
 * The one maker of Cleared, the only thing a cloud upstream accepts. It takes a classified request that is clean (as it stands, or after
 * masking and a second classification) and scans the exact outgoing bytes once more, knowing nothing of how they
 * came about. Fails closed: any finding, any throw, any doubt is `refused`, and nothing is sent.
 */
import type { Classification, Classifier } from '../classifiers/classifier.ts';
import type { EntityType } from '../classifiers/finding.ts';

declare const clearedBrand: unique symbol;

/** Proof that these very bytes may leave. */
export interface Cleared {
  readonly [clearedBrand]: true;
  readonly upstream: string;
  readonly path: string;
  readonly body: string;
  readonly stream: boolean;
}

export interface OutgoingRequest {
  /** Upstream the decision named. */
  readonly upstream: string;
  /** Path below the upstream's base URL, fixed by protocol: never built from request text. */
  readonly path: '/chat/completions' | '/responses' | '/completions' | '/embeddings';
  readonly body: string;
  readonly stream: boolean;
}

export type Clearance =
  | { readonly kind: 'cleared'; readonly cleared: Cleared }
  | { readonly kind: 'refused'; readonly cause: 'not-clean' | 'found-on-the-way-out' | 'scan-failed'; readonly entities: readonly EntityType[] };

/** clear proves one outgoing request. `classification` must be of the document `body` was serialised from. */
export function clear(classification: Classification, outgoing: OutgoingRequest, classifier: Pick<Classifier, 'rescan'>): Clearance {
  if (classification.verdict.kind !== 'clean') return { kind: 'refused', cause: 'not-clean', entities: [] };
  let found: readonly { readonly entity: EntityType }[];
  try {
    found = classifier.rescan(outgoing.body);
  } catch {
    return { kind: 'refused', cause: 'scan-failed', entities: [] };
  }
  if (found.length > 0) {
    return { kind: 'refused', cause: 'found-on-the-way-out', entities: [...new Set(found.map((finding) => finding.entity))] };
  }
  return { kind: 'cleared', cleared: Object.freeze({ ...outgoing }) as Cleared };
}

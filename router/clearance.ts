/**
 * The one maker of Cleared, the only thing a cloud upstream accepts. It takes a classified request that is clean (as it stands, or after
 * masking and a second classification) and scans the exact outgoing bytes once more, knowing nothing of how they
 * came about. Fails closed: any finding, any throw, any doubt is `refused`, and nothing is sent.
 */
import type { Classification, Classifier } from '../classifiers/classifier.ts';
import type { EntityType } from '../classifiers/finding.ts';
import type { Label } from '../classifiers/verdict.ts';

import { bareToken, tokenPattern } from './masking/placeholder.ts';
import { SURROGATE_FORM } from './masking/surrogate.ts';

declare const clearedBrand: unique symbol;

/** Proof that these very bytes may leave. */
export interface Cleared {
  readonly [clearedBrand]: true;
  readonly upstream: string;
  readonly path: string;
  readonly body: string;
  readonly stream: boolean;
  readonly model?: string;
  readonly features?: readonly string[];
}

export interface OutgoingRequest {
  /** Upstream the decision named. */
  readonly upstream: string;
  /** Path below the upstream's base URL, fixed by protocol: never built from request text. */
  readonly path: '/chat/completions' | '/responses' | '/completions' | '/embeddings' | '/messages';
  readonly body: string;
  readonly stream: boolean;
  /** Model asked for, as the configuration names it: some addresses hold it. */
  readonly model?: string;
  /** Names of features that go into a header. Scanned like the body. */
  readonly features?: readonly string[];
}

/** An opaque piece and the words it vouches for; empty where it comes alone. */
export interface SealedPiece {
  readonly seal: string;
  readonly said: string;
}

/** Opaque pieces in the body that nobody can read: each must be known to come from the receiver itself (seals.ts), and is then left out of the scan, whole. */
export interface Seals {
  readonly pieces: readonly SealedPiece[];
  readonly isFrom: (seal: string, said: string) => boolean;
}

/** Placeholders to what stands for them outside; the body is scanned before they are put on. */
export type Surrogates = ReadonlyMap<string, string>;

const NO_SEALS: Seals = { pieces: [], isFrom: () => false };

/** What the receiver may see: its highest label and the ladder that orders labels, lowest first. */
export interface Ceiling {
  readonly sees: Label;
  readonly ladder: readonly Label[];
  /** Findings of an entity that the policy lets this one request hold; one more than was counted and none is let out. */
  readonly relief?: ReadonlyMap<EntityType, number>;
}

export type Clearance =
  | { readonly kind: 'cleared'; readonly cleared: Cleared }
  | {
      readonly kind: 'refused';
      readonly cause: 'unknown' | 'label-too-high' | 'found-on-the-way-out' | 'scan-failed';
      readonly entities: readonly EntityType[];
    };

/** Cleared requests made by this process: a cast in some other file makes the type, not the entry. */
const minted = new WeakSet<Cleared>();

/** clear proves one outgoing request. `label` is the verdict's joined with the session's; `classification` must be of the document `body` was serialised from. */
export function clear(
  classification: Classification,
  label: Label,
  outgoing: OutgoingRequest,
  ceiling: Ceiling,
  classifier: Pick<Classifier, 'rescan'>,
  seals: Seals = NO_SEALS,
  surrogates: Surrogates = new Map(),
): Clearance {
  const refused = (
    cause: (Clearance & { kind: 'refused' })['cause'],
    entities: readonly EntityType[] = [],
  ): Clearance => ({
    kind: 'refused',
    cause,
    entities,
  });
  if (classification.verdict.kind === 'unknown') return refused('unknown');
  const top = ceiling.ladder.indexOf(ceiling.sees);
  for (const each of [label, classification.verdict.label]) {
    const rank = ceiling.ladder.indexOf(each);
    // A label that is not on the ladder ranks above everything.
    if (rank === -1 || rank > top) return refused('label-too-high');
  }
  let found: readonly { readonly entity: EntityType }[];
  try {
    let scanned = outgoing.body;
    for (const { seal, said } of seals.pieces) {
      if (!seals.isFrom(seal, said)) return refused('unknown');
      scanned = scanned.replaceAll(JSON.stringify(seal), '""');
    }
    found = classifier.rescan(scanned, ceiling.sees);
    if (outgoing.features !== undefined && outgoing.features.length > 0)
      found = [...found, ...classifier.rescan(outgoing.features.join('\n'), ceiling.sees)];
  } catch {
    return refused('scan-failed');
  }
  found = beyondRelief(found, ceiling.relief);
  if (found.length > 0) return refused('found-on-the-way-out', [...new Set(found.map((finding) => finding.entity))]);
  // What is put on can hold nothing but letters, digits and a few signs, and only where a placeholder stood.
  for (const surrogate of surrogates.values()) if (!SURROGATE_FORM.test(surrogate)) return refused('scan-failed');
  const body =
    surrogates.size === 0
      ? outgoing.body
      : outgoing.body.replace(tokenPattern(), (token) => surrogates.get(bareToken(token)) ?? token);
  const cleared = Object.freeze({ ...outgoing, body }) as Cleared;
  minted.add(cleared);
  return { kind: 'cleared', cleared };
}

/** What is left when each relieved entity stands no more often than was counted. */
function beyondRelief(
  found: readonly { readonly entity: EntityType }[],
  relief: Ceiling['relief'],
): readonly { readonly entity: EntityType }[] {
  if (relief === undefined || relief.size === 0) return found;
  const counts = new Map<EntityType, number>();
  for (const { entity } of found) counts.set(entity, (counts.get(entity) ?? 0) + 1);
  return found.filter(({ entity }) => (counts.get(entity) ?? 0) > (relief.get(entity) ?? 0));
}

/** isCleared tells whether clear() made this very object. The door asks before a byte moves. */
export function isCleared(value: Cleared): boolean {
  return minted.has(value);
}

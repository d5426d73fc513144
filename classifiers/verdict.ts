/**
 * A verdict over a whole request. Not knowing is not clean: any gap makes it `unknown`, and joining
 * two verdicts only ever raises.
 */
import type { Finding } from './finding.ts';

/** A name on the policy's ladder, lowest first: public < internal < confidential < restricted. */
export type Label = string;

export interface Gap {
  /** Recognizer, tier or part that could not answer. */
  readonly classifier: string;
  readonly cause:
    | 'timeout'
    | 'threw'
    | 'over-budget'
    | 'unsupported-content'
    | 'opaque-blob'
    | 'unseen-history'
    /** What the conversation was before could not be asked. */
    | 'store-unavailable';
  /** JSON Pointer of what could not be read; empty means the whole request. */
  readonly pointer: string;
}

/** Something that is no entity but bears on routing. It never decides a label alone. */
export interface Signal {
  readonly kind: 'topic' | 'locality' | 'control-text' | 'evasion';
  readonly name: string;
  readonly score: number;
  readonly pointer: string;
}

/** `label` is the highest label of the findings by the policy; findings mapped to the lowest label are evidence only. */
export type Verdict =
  | { readonly kind: 'clean'; readonly label: Label; readonly findings: readonly Finding[] }
  | { readonly kind: 'sensitive'; readonly label: Label; readonly findings: readonly [Finding, ...Finding[]] }
  | {
      readonly kind: 'unknown';
      readonly label: Label;
      readonly findings: readonly Finding[];
      readonly gaps: readonly [Gap, ...Gap[]];
    };

/**
 * The deep tier asks a model about texts that hold evidence and no conclusion: a name without what would make it private, a confidential
 * subject without an identifier. Only in requests the fast tiers call clean, and only upwards: it adds findings or, where the model is
 * late, fails or answers out of form, a gap. Nothing it says clears anything, so text that talks to the model gains nothing.
 */
import type { DeepConfig } from '../../config/deep-schema.ts';
import type { ClassifyConfig } from '../../config/schema.ts';
import { assess } from '../assess.ts';
import type { Block } from '../block.ts';
import type { Classification, Classifier, ClassifyOptions } from '../classifier.ts';
import type { EntityType, Finding } from '../finding.ts';
import { toScore } from '../finding.ts';
import { KeyedMemory, ownerKey } from '../keyed-memory.ts';
import { createLabelRules } from '../labels.ts';
import type { LabelRules } from '../labels.ts';
import type { Segment } from '../segment.ts';
import type { Gap, Label } from '../verdict.ts';

/** What a model found in one text; offsets in UTF-16 units of it. */
export interface DeepSpan {
  readonly entity: EntityType;
  readonly start: number;
  readonly end: number;
  /** In [0, 1]; held against the entity's threshold. */
  readonly score: number;
  /** One of the model's own few words for why; never of the text. */
  readonly pattern: string;
}
export type DeepAnswer =
  | { readonly kind: 'spans'; readonly spans: readonly DeepSpan[] }
  | { readonly kind: 'failed'; readonly cause: 'timeout' | 'threw' };

/** A model behind a port; what it talks to and how is the router's. */
export interface DeepModel {
  readonly name: string;
  /** Rejections and answers after `signal` are failures. */
  read(text: string, signal: AbortSignal): Promise<DeepAnswer>;
}

/** withDeepTier reads as `classifier` does and asks `models` about what is left in doubt. The door's scan is untouched. */
export function withDeepTier(
  classifier: Classifier,
  models: readonly DeepModel[],
  deep: DeepConfig,
  classify: ClassifyConfig,
  labels: readonly Label[],
): Classifier {
  const known = new KeyedMemory<readonly DeepSpan[]>(
    classify.cacheEntries,
    JSON.stringify([deep, models.map(({ name }) => name)]),
  );
  return new DeepClassifier(classifier, models, deep, createLabelRules(classify, labels), known);
}

class DeepClassifier implements Classifier {
  readonly #inner: Classifier;
  readonly #models: readonly DeepModel[];
  readonly #deep: DeepConfig;
  readonly #doubt: ReadonlySet<string>;
  readonly #rules: LabelRules;
  readonly #known: KeyedMemory<readonly DeepSpan[]>;
  readonly #owner: string;

  constructor(
    inner: Classifier,
    models: readonly DeepModel[],
    deep: DeepConfig,
    rules: LabelRules,
    known: KeyedMemory<readonly DeepSpan[]>,
    owner = '',
  ) {
    this.#inner = inner;
    this.#models = models;
    this.#deep = deep;
    this.#doubt = new Set(deep.doubt);
    this.#rules = rules;
    this.#known = known;
    this.#owner = owner;
  }

  apart(owner: string): Classifier {
    const inner = this.#inner.apart?.(owner) ?? this.#inner;
    return new DeepClassifier(inner, this.#models, this.#deep, this.#rules, this.#known, ownerKey(owner));
  }

  async classify(
    segments: readonly Segment[],
    gaps: readonly Gap[],
    options: ClassifyOptions,
  ): Promise<Classification> {
    return this.#deepen(await this.#inner.classify(segments, gaps, options), () => segments, options);
  }

  async classifyBlocks(
    blocks: readonly Block[],
    gaps: readonly Gap[],
    options: ClassifyOptions,
  ): Promise<Classification> {
    const first = await this.#inner.classifyBlocks(blocks, gaps, options);
    return this.#deepen(first, () => blocks.flatMap((block) => block.read().segments), options);
  }

  get withoutModels(): Classifier {
    return this.#inner;
  }

  rescan(outgoing: string, upTo: Label): readonly Finding[] {
    return this.#inner.rescan(outgoing, upTo);
  }

  async #deepen(
    first: Classification,
    segments: () => readonly Segment[],
    options: ClassifyOptions,
  ): Promise<Classification> {
    if (first.verdict.kind !== 'clean') return first;
    const doubtful = new Set([
      ...first.verdict.findings.filter(({ entity }) => this.#doubt.has(entity)).map(({ span }) => span.segment),
      ...first.signals
        .filter(({ kind, name, score }) => score >= 0.5 && (this.#doubt.has(kind) || this.#doubt.has(name)))
        .map(({ pointer }) => pointer),
    ]);
    if (doubtful.size === 0) return first;
    const texts = segments().filter(({ pointer, form }) => doubtful.has(pointer) && form !== 'key');
    const findings: Finding[] = [...first.verdict.findings];
    const gaps: Gap[] = [];
    const late = AbortSignal.timeout(this.#deep.timeoutMs);
    const signal = AbortSignal.any([options.signal, late]);
    let room = this.#deep.maxChars;
    for (const { pointer, text } of texts) {
      for (const model of this.#models) {
        const key = this.#known.keyOf(text, this.#owner + model.name);
        let spans = this.#known.get(key);
        if (spans === undefined) {
          room -= text.length;
          const read = room < 0 ? OVER_BUDGET : await ask(model, text, signal);
          if (read.kind === 'failed') {
            gaps.push({ classifier: model.name, cause: read.cause, pointer });
            continue;
          }
          spans = read.spans;
          this.#known.set(key, spans);
        }
        for (const span of spans) {
          if (span.score < this.#rules.ruleFor(span.entity).threshold) continue;
          findings.push(findingOf(span, model.name, pointer));
        }
      }
    }
    const verdict = assess(findings, first.signals, gaps, this.#rules);
    return { ...first, verdict };
  }
}

const OVER_BUDGET = { kind: 'failed', cause: 'over-budget' } as const;

type Read =
  | { readonly kind: 'read'; readonly spans: readonly DeepSpan[] }
  | { readonly kind: 'failed'; readonly cause: Gap['cause'] };

/** A model that hangs is not waited for: the signal decides. */
async function ask(model: DeepModel, text: string, signal: AbortSignal): Promise<Read> {
  if (signal.aborted) return { kind: 'failed', cause: 'timeout' };
  let stop = (): void => undefined;
  const late = new Promise<Read>((done) => {
    stop = () => done({ kind: 'failed', cause: 'timeout' });
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([late, readOnce(model, text, signal)]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function readOnce(model: DeepModel, text: string, signal: AbortSignal): Promise<Read> {
  try {
    const answer = await model.read(text, signal);
    if (answer.kind === 'failed') return answer;
    // An offset outside the text is no answer about this text.
    const fits = answer.spans.every(({ start, end }) => start >= 0 && start < end && end <= text.length);
    return fits ? { kind: 'read', spans: answer.spans } : { kind: 'failed', cause: 'threw' };
  } catch {
    return { kind: 'failed', cause: signal.aborted ? 'timeout' : 'threw' };
  }
}

function findingOf({ entity, start, end, score, pattern }: DeepSpan, recognizer: string, segment: string): Finding {
  const said = toScore(score);
  return {
    entity,
    span: { segment, start, end },
    score: said,
    recognizer,
    explanation: { pattern, views: [], steps: [{ kind: 'model', model: recognizer, score: said }] },
  };
}

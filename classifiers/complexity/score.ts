/**
 * scoreComplexity says how much reasoning a conversation asks for: 0 (any small model) to 1 (the strongest there is),
 * with the reasons that made it. It reads every ask of the person's, newest strongest, without what harnesses wrote
 * into them; what assistants and tools said counts by size only, so the score holds still inside a tool loop. Cost is
 * bounded: ASKS messages, SAMPLE characters of each. A wrong score costs quality or money, never privacy.
 */
import { FEATURES, readFeatures } from './features.ts';
import type { Feature } from './features.ts';
import { withoutHarness } from './harness.ts';
import { KeyedMemory } from '../keyed-memory.ts';

export interface ComplexityInput {
  /** In order. `meta` and unknown roles are left out by the caller. */
  readonly segments: readonly ComplexitySegment[];
  readonly toolCount: number;
  /** Characters of the whole request, what the segments leave out included. */
  readonly totalChars: number;
  /** Context window of the local model; 0 means unknown. */
  readonly localWindowTokens: number;
  /** A response schema was asked for. */
  readonly structuredOutput: boolean;
  /** `unset` when the client did not say. */
  readonly reasoningEffort: 'unset' | 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh';
}

export interface ComplexitySegment {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  /** Not asked for where the key is known. */
  readonly text: string;
  /** Equal keys mean equal text; absent or empty: nothing is remembered of it. */
  readonly key?: string;
}

export interface ComplexityReason {
  readonly code: Feature | 'context-length' | 'tools' | 'turns' | 'structured-output' | 'reasoning-effort';
  /** Share of the log-odds; negative speaks for an easy request. */
  readonly weight: number;
}
export interface Complexity {
  readonly score: number;
  /** Strongest first; empty when nothing spoke either way. */
  readonly reasons: readonly ComplexityReason[];
}

/**
 * Weights of the log-odds, fitted by logistic regression on labelled prompts (numbers of features, not text) with signs
 * held: only `simple`, `lookup` and `short` may lower. Where the fit found nothing a small weight stays, because pasted
 * logs, lists and long asks are rarer in the labelled sets than in agents' traffic.
 */
const WEIGHTS: Readonly<Record<Feature, number>> = {
  code: 0.8,
  debug: 0.15,
  math: 0.5,
  analysis: 0.2,
  build: 0.4,
  constraint: 0.2,
  step: 0.2,
  simple: -0.9,
  lookup: -1.2,
  'code-block': 0.3,
  'code-symbols': 0.15,
  formula: 0.15,
  'technical-words': 0.5,
  'list-items': 0.15,
  questions: 0.2,
  numbers: 0.1,
  length: 0.05,
  short: -0.3,
  model: 0.7,
};
const BIAS = -0.35;
/** An earlier ask loses this much per later message of the person's: "ok, do it" stays near what it answers. */
const FADE = 0.2;
/** Asks read: the newest, and always the first. */
const ASKS = 8;
/** A system prompt up to this size may be the whole task of an API client; an agent's runs to 30 KB and is the same for every ask. */
const SYSTEM_ASK = 2_000;
/** Characters per token of English and code, measured on agents' bodies. */
const CHARS_PER_TOKEN = 4.2;
const WEIGHT_OF = FEATURES.map((feature) => WEIGHTS[feature]);
const EFFORT = { unset: 0, none: -0.6, minimal: -0.4, low: -0.2, medium: 0, high: 0.6, xhigh: 0.9 } as const;

export function scoreComplexity(input: ComplexityInput): Complexity {
  const reasons: ComplexityReason[] = [];
  let logit = BIAS;
  const ask = strongestAsk(asksOf(input));
  if (ask !== undefined) {
    logit = ask.logit;
    for (const [at, code] of FEATURES.entries()) {
      const weight = (ask.features[at] as number) * (WEIGHT_OF[at] as number);
      if (Math.abs(weight) >= 0.05) reasons.push({ code, weight });
    }
  }
  for (const reason of circumstances(input)) {
    logit += reason.weight;
    reasons.push(reason);
  }
  reasons.sort((one, other) => Math.abs(other.weight) - Math.abs(one.weight));
  return { score: 1 / (1 + Math.exp(-logit)), reasons };
}

/** What one message asks; null when nothing of the person's is left in it. Numbers, no text. */
type AskFeatures = readonly number[] | null;
const asked = new KeyedMemory<AskFeatures>(20_000, 'complexity');
const lengths = new KeyedMemory<number>(20_000, 'complexity lengths');

function remembered<Value>(memory: KeyedMemory<Value>, key: string | undefined, read: () => Value): Value {
  if (key === undefined || key === '') return read();
  const known = memory.get(key);
  if (known !== undefined) return known;
  const value = read();
  memory.set(key, value);
  return value;
}

function askIn(segment: ComplexitySegment): AskFeatures {
  return remembered(asked, segment.key, () => {
    const text = withoutHarness(segment.text).trim();
    return text === '' ? null : readFeatures(text);
  });
}

/** Newest first. */
function asksOf(input: ComplexityInput): readonly (readonly number[])[] {
  const asks: (readonly number[])[] = [];
  const add = (segment: ComplexitySegment): boolean => {
    const features = segment.role === 'user' ? askIn(segment) : null;
    if (features !== null) asks.push(features);
    return features !== null;
  };
  for (let at = input.segments.length - 1; at >= 0 && asks.length < ASKS; at -= 1)
    add(input.segments[at] as ComplexitySegment);
  if (asks.length === ASKS) input.segments.some(add);
  const system = input.segments.filter(({ role }) => role === 'system');
  const systemChars = system.reduce((sum, each) => sum + remembered(lengths, each.key, () => each.text.length), 0);
  if (systemChars > 0 && systemChars <= SYSTEM_ASK) {
    const key = system.every((each) => (each.key ?? '') !== '')
      ? `system ${system.map((each) => each.key).join(' ')}`
      : '';
    const features = remembered(asked, key, () => readFeatures(system.map(({ text }) => text).join('\n')));
    if (features !== null) asks.push(features);
  }
  return asks;
}

interface Ask {
  readonly logit: number;
  readonly features: readonly number[];
}

/** `asks` are newest first. The maximum, so that a new easy message never hides a hard one at once. */
function strongestAsk(asks: readonly (readonly number[])[]): Ask | undefined {
  let strongest: Ask | undefined;
  for (const [age, features] of asks.entries()) {
    let logit = BIAS - FADE * age;
    for (let at = 0; at < features.length; at += 1) logit += (features[at] as number) * (WEIGHT_OF[at] as number);
    if (strongest === undefined || logit > strongest.logit) strongest = { logit, features };
  }
  return strongest;
}

function circumstances(input: ComplexityInput): readonly ComplexityReason[] {
  const reasons: ComplexityReason[] = [];
  const add = (code: ComplexityReason['code'], weight: number): void => {
    if (weight !== 0) reasons.push({ code, weight });
  };
  if (input.localWindowTokens > 0) {
    // From half the window a small model starts to lose the thread; past the window it cannot see the request at all.
    const filled = input.totalChars / CHARS_PER_TOKEN / input.localWindowTokens;
    add('context-length', Math.min(3, Math.max(0, (filled - 0.5) * 3)));
  }
  add('tools', Math.min(0.6, Math.log1p(Math.max(0, input.toolCount)) * 0.2));
  const turns = input.segments.reduce((count, { role }) => count + (role === 'user' ? 1 : 0), 0);
  add('turns', Math.min(0.4, Math.log1p(Math.max(0, turns - 1)) * 0.15));
  add('structured-output', input.structuredOutput ? 0.1 : 0);
  add('reasoning-effort', EFFORT[input.reasoningEffort]);
  return reasons;
}

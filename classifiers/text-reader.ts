/** Reads one text under a policy: through every recognizer, with or without the taggers, to what the policy makes of it. */
import type { ClassifyConfig } from '../config/schema.ts';
import { createAllowList } from './allow-list.ts';
import type { ClassifyOptions } from './classifier.ts';
import type { LabelRules } from './labels.ts';
import { CONTROL_TEXT, nearMissesOf, settle } from './outcome.ts';
import type { LocalNearMiss, Outcome } from './outcome.ts';
import { UNPACED } from './pace.ts';
import type { Pace } from './pace.ts';
import { createReader, open, read } from './read.ts';
import type { Opening, Reader } from './read.ts';
import type { Reading, ReadOptions, Sighting } from './reading.ts';
import type { Recognizer, Tagger } from './recognizer.ts';
import type { Segment } from './segment.ts';

/** A text that was opened, and what in it was allowed. */
export interface Opened {
  readonly opening: Opening;
  readonly allowed: Sighting[];
}

/** What a text with nothing in it comes to. */
export const NOTHING: Outcome = { findings: [], signals: [], gaps: [] };

export class TextReader {
  readonly #rules: LabelRules;
  readonly #reader: Reader;
  readonly #taggerNames: ReadonlySet<string>;
  readonly #isAllowed: (value: string) => boolean;
  readonly #isIdle: (recognizer: Recognizer) => boolean;
  readonly #isMute: (recognizer: Recognizer) => boolean;

  constructor(
    config: ClassifyConfig,
    rules: LabelRules,
    recognizers: readonly Recognizer[],
    taggers: readonly Tagger[],
  ) {
    this.#rules = rules;
    this.#reader = createReader(recognizers, taggers);
    this.#taggerNames = new Set(taggers.map((tagger) => tagger.name));
    this.#isAllowed = createAllowList(config.allow);
    const idle = new Set(
      recognizers.filter(({ entities, highestScore = 1 }) =>
        entities.every((entity) => rules.ruleFor(entity).threshold > highestScore),
      ),
    );
    this.#isIdle = (recognizer) => idle.has(recognizer);
    // Evidence of the lowest label joins in combinations of whole segments only, and an allowed value covers what is in it.
    const mute = new Set(
      recognizers.filter(({ entities }) =>
        entities.every((entity) => entity === CONTROL_TEXT || rules.rank(rules.ruleFor(entity).label) === 0),
      ),
    );
    this.#isMute = (recognizer) => idle.has(recognizer) || (config.allow.length === 0 && mute.has(recognizer));
  }

  /** open does what can be done at once with a text; undefined where that is nothing, or near misses are wanted. */
  open(text: string, input: ReadOptions['input'], tiers: ReadOptions['tiers']): Opened | undefined {
    const allowed: Sighting[] = [];
    const opening = open(this.#reader, text, this.#optionsOf(input, tiers, 'omit', allowed));
    return opening && { opening, allowed };
  }

  /** atOnce is the outcome of a text in which no recognizer has anywhere to look; undefined where one has. */
  atOnce({ opening, allowed }: Opened): Outcome | undefined {
    if (opening.isQuiet) return NOTHING;
    if (opening.windows.length > 0) return undefined;
    const reading: Reading = { sightings: [], signals: [], gaps: [] };
    opening.tagging?.settle(reading);
    return settle(reading, allowed, this.#rules, (name) => this.#taggerNames.has(name), 'all');
  }

  *all(
    segment: Segment,
    wanted: ClassifyOptions['nearMisses'],
    pace: Pace,
    opened?: Opened,
  ): Generator<void, { readonly outcome: Outcome; readonly nearMisses: readonly LocalNearMiss[] }> {
    const { reading, allowed } = yield* this.#read(segment.text, segment, 'all', wanted, pace, opened);
    const outcome = settle(reading, allowed, this.#rules, (name) => this.#taggerNames.has(name), 'all');
    return { outcome, nearMisses: wanted === 'collect' ? nearMissesOf(reading, allowed, outcome, this.#rules) : [] };
  }

  /**
   * Without taggers: names need running text, and a seam or a leaf by itself has none. Without evidence of the lowest label and
   * signals too: whoever asks wants what may not pass.
   */
  *structured(text: string, hint: string, pace: Pace): Generator<void, Outcome> {
    const input = { hint, role: 'meta', form: 'text' } as const;
    const opened = this.open(text, input, 'structured');
    if (opened?.opening.isQuiet) return NOTHING;
    const { reading, allowed } = yield* this.#read(text, input, 'structured', 'omit', pace, opened);
    return settle(reading, allowed, this.#rules, () => false, 'structured');
  }

  /** structured in one go, for callers that cannot wait. */
  structuredNow(text: string, hint: string): Outcome {
    const steps = this.structured(text, hint, UNPACED);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  *#read(
    text: string,
    input: ReadOptions['input'],
    tiers: ReadOptions['tiers'],
    rejected: ReadOptions['rejected'],
    pace: Pace,
    opened: Opened | undefined,
  ): Generator<void, { readonly reading: Reading; readonly allowed: readonly Sighting[] }> {
    const reading: Reading = { sightings: [], signals: [], gaps: [] };
    const allowed = opened?.allowed ?? [];
    const options = this.#optionsOf(input, tiers, rejected, allowed);
    yield* read(this.#reader, text, reading, options, pace, opened?.opening);
    return { reading, allowed };
  }

  #optionsOf(
    input: ReadOptions['input'],
    tiers: ReadOptions['tiers'],
    rejected: ReadOptions['rejected'],
    allowed: Sighting[],
  ): ReadOptions {
    return {
      input,
      tiers,
      rejected,
      isAllowed: this.#isAllowed,
      onAllowed: (sighting) => void allowed.push(sighting),
      isIdle: tiers === 'structured' ? this.#isMute : this.#isIdle,
    };
  }
}

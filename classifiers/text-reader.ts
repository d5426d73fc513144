/** Reads one text under a policy: through every recognizer, with or without the taggers, to what the policy makes of it. */
import type { ClassifyConfig } from '../config/schema.ts';
import { createAllowList } from './allow-list.ts';
import type { ClassifyOptions } from './classifier.ts';
import type { LabelRules } from './labels.ts';
import { CONTROL_TEXT, nearMissesOf, settle } from './outcome.ts';
import type { LocalNearMiss, Outcome } from './outcome.ts';
import { UNPACED } from './pace.ts';
import type { Pace } from './pace.ts';
import { ReadMemory } from './read-memory.ts';
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
  readonly #wasRead: ReadMemory;
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
    this.#wasRead = new ReadMemory(config.cacheEntries);
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
  atOnce(
    { text, hint }: Pick<Segment, 'text' | 'hint'>,
    { opening, allowed }: Opened,
    owner: string,
  ): Outcome | undefined {
    if (opening.windows.length > 0) return undefined;
    const reading: Reading = { sightings: [], signals: [], gaps: [] };
    if (!opening.isQuiet) opening.tagging?.settle(reading);
    const outcome = opening.isQuiet ? NOTHING : this.#settle(reading, allowed, 'all');
    this.#remember(text, owner + hint, outcome, allowed);
    return outcome;
  }

  *all(
    segment: Segment,
    wanted: ClassifyOptions['nearMisses'],
    pace: Pace,
    owner: string,
    opened?: Opened,
  ): Generator<void, { readonly outcome: Outcome; readonly nearMisses: readonly LocalNearMiss[] }> {
    const { reading, allowed } = yield* this.#read(segment.text, segment, 'all', wanted, pace, opened);
    const outcome = this.#settle(reading, allowed, 'all');
    this.#remember(segment.text, owner + segment.hint, outcome, allowed);
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
    return this.#settle(reading, allowed, 'structured');
  }

  /** structuredNow is structured in one go, for callers that cannot wait; what was read is remembered. */
  structuredNow(text: string, hint: string, owner: string): Outcome {
    const steps = this.structured(text, hint, UNPACED);
    for (;;) {
      const step = steps.next();
      if (!step.done) continue;
      this.#remember(text, owner + hint, step.value, []);
      return step.value;
    }
  }

  /**
   * rankOf is the highest rank found in a text under a key when it was last read from end to end; -1 when that is not known. With
   * taggers or without: what one reading finds and the other does not can only rank higher.
   */
  rankOf(text: string, hint: string, owner: string): number {
    return this.#wasRead.get(text, owner + hint);
  }

  /** An allowed value covers what is in it, and only the reading with taggers sees all of them: such a text is not remembered. */
  #remember(text: string, hint: string, { findings, gaps }: Outcome, allowed: readonly Sighting[]): void {
    if (gaps.length > 0 || allowed.length > 0) return;
    let highest = 0;
    for (const { rank } of findings) highest = Math.max(highest, rank);
    this.#wasRead.set(text, hint, highest);
  }

  #settle(reading: Reading, allowed: readonly Sighting[], tiers: ReadOptions['tiers']): Outcome {
    const isTagger = (name: string): boolean => tiers === 'all' && this.#taggerNames.has(name);
    return settle(reading, allowed, this.#rules, isTagger, tiers);
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

/**
 * The Classifier: segments through cache and reader, seams between neighbours, verdict. Works in slices of a few milliseconds
 * and lets the event loop turn between them. Fails towards `unknown`: deadline, abort, budget and every throw become gaps;
 * classify never rejects, rescan throws when it could not read everything.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClassifyConfig } from '../config/schema.ts';
import { createAllowList } from './allow-list.ts';
import { assess } from './assess.ts';
import type { Classification, Classifier, ClassifyOptions } from './classifier.ts';
import type { Finding, NearMiss } from './finding.ts';
import { joinsOf, placesOf } from './joins.ts';
import type { Join } from './joins.ts';
import { jsonLeavesOf } from './json-leaves.ts';
import { createLabelRules } from './labels.ts';
import type { LabelRules } from './labels.ts';
import { OutcomeCache } from './outcome-cache.ts';
import { nearMissesOf, settle } from './outcome.ts';
import type { LocalFinding, Outcome } from './outcome.ts';
import { SlicePace, UNPACED } from './pace.ts';
import type { Pace } from './pace.ts';
import { createReader, read } from './read.ts';
import type { Reader, Reading, ReadOptions, Sighting } from './read.ts';
import type { Recognizer, Tagger } from './recognizer.ts';
import type { Segment } from './segment.ts';
import { defineTerms } from './terms.ts';
import type { Gap, Label, Signal } from './verdict.ts';

/** How long one slice may hold the event loop; budget 10 ms, and a slice can end late by one recognizer's window. */
const SLICE_MS = 4;
/** No value worth finding is shorter; keeps the thousands of small leaves of tool schemas cheap. */
const SHORTEST_TEXT = 3;

export interface ClassifierParts {
  readonly recognizers: readonly Recognizer[];
  readonly taggers: readonly Tagger[];
}

/** RescanFault means the outgoing text could not be read completely: it must not leave. */
export class RescanFault extends Error {
  readonly code = 'rescan_incomplete';
  readonly gap: Gap['cause'];

  constructor(gap: Gap['cause']) {
    super('the outgoing text could not be read completely');
    this.name = 'RescanFault';
    this.gap = gap;
  }
}

/** createClassifier throws on two recognizers of one name, and on a name in `disable` that nothing has. */
export function createClassifier(config: ClassifyConfig, labels: readonly Label[], parts: ClassifierParts): Classifier {
  const disabled = new Set(config.disable);
  const all = [...parts.recognizers, ...(config.deny.length > 0 ? [defineTerms('deny-list', config.deny)] : [])];
  const names = new Set<string>();
  for (const { name } of [...all, ...parts.taggers]) {
    if (names.has(name)) throw new TypeError(`two recognizers are named ${name}`);
    names.add(name);
  }
  for (const name of disabled)
    if (!names.has(name)) throw new TypeError(`classify.disable names no recognizer: ${name}`);
  const isOn = ({ name }: { readonly name: string }): boolean => !disabled.has(name);
  return new CachingClassifier(config, labels, all.filter(isOn), parts.taggers.filter(isOn));
}

interface Progress {
  readonly findings: Finding[];
  readonly signals: Signal[];
  readonly gaps: Gap[];
  readonly nearMisses: NearMiss[];
  /** Places of the findings that seams brought. */
  readonly joined: Set<string>;
  scannedChars: number;
  /** Pointer of what is being read, for the gap of an interruption. */
  pointer: string;
}

class CachingClassifier implements Classifier {
  readonly #config: ClassifyConfig;
  readonly #rules: LabelRules;
  readonly #reader: Reader;
  readonly #taggerNames: ReadonlySet<string>;
  readonly #cache: OutcomeCache;
  readonly #isAllowed: (value: string) => boolean;
  readonly #isIdle: (recognizer: Recognizer) => boolean;

  constructor(
    config: ClassifyConfig,
    labels: readonly Label[],
    recognizers: readonly Recognizer[],
    taggers: readonly Tagger[],
  ) {
    this.#config = config;
    this.#rules = createLabelRules(config, labels);
    this.#reader = createReader(recognizers, taggers);
    this.#taggerNames = new Set(taggers.map((tagger) => tagger.name));
    this.#cache = new OutcomeCache(
      config.cacheEntries,
      JSON.stringify([config, labels, [...this.#reader.recognizers, ...taggers].map((part) => part.name)]),
    );
    this.#isAllowed = createAllowList(config.allow);
    const idle = new Set(
      recognizers.filter(({ entities, highestScore = 1 }) =>
        entities.every((entity) => this.#rules.ruleFor(entity).threshold > highestScore),
      ),
    );
    this.#isIdle = (recognizer) => idle.has(recognizer);
  }

  async classify(
    segments: readonly Segment[],
    gaps: readonly Gap[],
    options: ClassifyOptions,
  ): Promise<Classification> {
    const progress: Progress = {
      findings: [],
      signals: [],
      gaps: [...gaps],
      nearMisses: [],
      joined: new Set(),
      scannedChars: 0,
      pointer: '',
    };
    const pace = new SlicePace(SLICE_MS);
    const deadline = performance.now() + this.#config.deadlineMs;
    const steps = this.#steps(segments, options, progress, pace);
    try {
      for (;;) {
        pace.begin();
        if (steps.next().done) break;
        if (options.signal.aborted || performance.now() >= deadline) {
          progress.gaps.push({ classifier: 'engine', cause: 'timeout', pointer: progress.pointer });
          break;
        }
        await nextTurn();
      }
    } catch {
      progress.gaps.push({ classifier: 'engine', cause: 'threw', pointer: progress.pointer });
    }
    const { findings, signals, nearMisses, scannedChars } = progress;
    return { verdict: assess(findings, signals, progress.gaps, this.#rules), signals, nearMisses, scannedChars };
  }

  rescan(outgoing: string, upTo: Label): readonly Finding[] {
    const ceiling = this.#rules.ceiling(upTo);
    // Leaf by leaf as the receiver will read them: quotes and commas between two values make no third.
    const leaves = jsonLeavesOf(outgoing) ?? [{ text: outgoing, hint: '', start: 0 }];
    const findings: Finding[] = [];
    for (const leaf of leaves) {
      if (leaf.text.length < SHORTEST_TEXT) continue;
      const outcome = this.#structured(leaf.text, leaf.hint);
      const [gap] = outcome.gaps;
      if (gap) throw new RescanFault(gap.cause);
      for (const found of outcome.findings) {
        // Offsets inside a string with escapes are those of the decoded text, from the string's first character on.
        if (found.rank > ceiling)
          findings.push({
            ...found.finding,
            span: { segment: '', start: leaf.start + found.start, end: leaf.start + found.end },
          });
      }
    }
    return findings;
  }

  #structured(text: string, hint: string): Outcome {
    const key = this.#cache.keyOf(text, hint);
    const cached = this.#cache.get(key);
    if (cached) return cached.structured;
    const reading = emptyReading();
    const allowed: Sighting[] = [];
    const options: ReadOptions = {
      ...this.#options({ hint, role: 'meta', form: 'text' }, 'structured', 'omit'),
      onAllowed: (sighting) => void allowed.push(sighting),
    };
    const steps = read(this.#reader, text, reading, options, UNPACED);
    while (!steps.next().done);
    const outcome = settle(reading, allowed, this.#rules, (name) => this.#taggerNames.has(name), 'structured');
    this.#cache.set(key, { structured: outcome, tagged: new Map() });
    return outcome;
  }

  #options(
    input: ReadOptions['input'],
    tiers: ReadOptions['tiers'],
    rejected: ReadOptions['rejected'],
  ): Omit<ReadOptions, 'onAllowed'> {
    return { input, tiers, rejected, isAllowed: this.#isAllowed, isIdle: this.#isIdle };
  }

  *#steps(
    segments: readonly Segment[],
    options: ClassifyOptions,
    progress: Progress,
    pace: Pace,
  ): Generator<void, void> {
    let room = this.#config.maxChars;
    const outcomes: (Outcome | undefined)[] = [];
    for (const segment of segments) {
      progress.pointer = segment.pointer;
      if (segment.text.length < SHORTEST_TEXT) {
        outcomes.push(undefined);
        continue;
      }
      if (segment.text.length > room) {
        progress.gaps.push({ classifier: 'engine', cause: 'over-budget', pointer: segment.pointer });
        break;
      }
      room -= segment.text.length;
      const outcome = yield* this.#segment(segment, options, progress, pace);
      outcomes.push(outcome);
      for (const found of outcome.findings)
        progress.findings.push(placed(found, segment.pointer, found.start, found.end));
      for (const signal of outcome.signals) progress.signals.push({ ...signal, pointer: segment.pointer });
      for (const gap of outcome.gaps) progress.gaps.push({ ...gap, pointer: segment.pointer });
    }
    for (const join of joinsOf(segments.slice(0, outcomes.length))) {
      yield* this.#join(join, segments, outcomes, progress, pace);
      if (pace.isDue(1024)) yield;
    }
  }

  *#segment(segment: Segment, options: ClassifyOptions, progress: Progress, pace: Pace): Generator<void, Outcome> {
    const { text, hint, role, form } = segment;
    const kind = `${role} ${form}`;
    const collects = options.nearMisses === 'collect';
    const key = this.#cache.keyOf(text, hint);
    const cached = this.#cache.get(key);
    const known = collects ? undefined : cached?.tagged.get(kind);
    if (known) return known;
    const reading = emptyReading();
    const allowed: Sighting[] = [];
    progress.scannedChars += text.length;
    const readOptions: ReadOptions = {
      ...this.#options(segment, 'all', collects ? 'collect' : 'omit'),
      onAllowed: (sighting) => void allowed.push(sighting),
    };
    yield* read(this.#reader, text, reading, readOptions, pace);
    const isTagger = (name: string): boolean => this.#taggerNames.has(name);
    const outcome = settle(reading, allowed, this.#rules, isTagger, 'all');
    if (collects) {
      for (const { start, end, ...miss } of nearMissesOf(reading, allowed, outcome, this.#rules)) {
        progress.nearMisses.push({ ...miss, span: { segment: segment.pointer, start, end } });
      }
    }
    const entry = cached ?? {
      structured: settle(reading, allowed, this.#rules, isTagger, 'structured'),
      tagged: new Map<string, Outcome>(),
    };
    entry.tagged.set(kind, outcome);
    this.#cache.set(key, entry);
    return outcome;
  }

  *#readJoin(join: Join, key: string, progress: Progress, pace: Pace): Generator<void, Outcome> {
    const reading = emptyReading();
    const allowed: Sighting[] = [];
    progress.scannedChars += join.text.length;
    const options: ReadOptions = {
      ...this.#options({ hint: join.hint, role: 'meta', form: 'text' }, 'structured', 'omit'),
      onAllowed: (sighting) => void allowed.push(sighting),
    };
    yield* read(this.#reader, join.text, reading, options, pace);
    const outcome = settle(reading, allowed, this.#rules, () => false, 'structured');
    this.#cache.set(key, { structured: outcome, tagged: new Map() });
    return outcome;
  }

  *#join(
    join: Join,
    segments: readonly Segment[],
    outcomes: readonly (Outcome | undefined)[],
    progress: Progress,
    pace: Pace,
  ): Generator<void, void> {
    const key = this.#cache.keyOf(join.text, join.hint);
    const cached = this.#cache.get(key);
    const outcome = cached?.structured ?? (yield* this.#readJoin(join, key, progress, pace));
    const pointer = segments[join.pieces.at(-1)?.segment ?? 0]?.pointer ?? '';
    // A blob is judged where it stands whole.
    for (const gap of outcome.gaps) if (gap.cause !== 'opaque-blob') progress.gaps.push({ ...gap, pointer });
    for (const found of outcome.findings) {
      if (found.rank === 0 || found.start >= join.seam || found.end <= join.seam) continue;
      const places = placesOf(join, found.start, found.end);
      // What one side shows alone is known; a neighbour glued to it makes nothing new.
      if (
        places.some((place) => (outcomes[place.segment]?.findings ?? []).some((known) => covers(known, found, place)))
      )
        continue;
      const explanation = {
        ...found.finding.explanation,
        views: ['joined' as const, ...found.finding.explanation.views],
      };
      // Every part is a finding: masking must leave none of them.
      for (const { segment, start, end } of places) {
        const finding = placed(
          { ...found, finding: { ...found.finding, explanation } },
          segments[segment]?.pointer ?? '',
          start,
          end,
        );
        // The same value shows at several seams when it is cut into many pieces.
        const key = `${finding.entity} ${start} ${end} ${finding.span.segment}`;
        if (progress.joined.has(key)) continue;
        progress.joined.add(key);
        progress.findings.push(finding);
      }
    }
  }
}

/** Whether a finding of one segment already says what a joined one would. */
function covers(
  known: LocalFinding,
  found: LocalFinding,
  place: { readonly start: number; readonly end: number },
): boolean {
  const says =
    known.finding.entity === found.finding.entity || (known.rank >= found.rank && known.score >= found.score);
  return says && known.start < place.end && place.start < known.end;
}

function emptyReading(): Reading {
  return { sightings: [], signals: [], gaps: [] };
}

function placed(found: LocalFinding, segment: string, start: number, end: number): Finding {
  return { ...found.finding, span: { segment, start, end } };
}

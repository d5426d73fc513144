/**
 * The Classifier: blocks and segments through memory and reader, seams between neighbours, verdict. Works in slices of a few
 * milliseconds and lets the event loop turn between them. Fails towards `unknown`: deadline, abort, budget and every throw become
 * gaps; classify never rejects, rescan throws when it could not read everything.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClassifyConfig } from '../config/schema.ts';
import { assess } from './assess.ts';
import {
  contextOf,
  CONVERSATION,
  covers,
  hasThrown,
  isRemembered,
  nameOf,
  place,
  placed,
  rowKey,
} from './block-outcome.ts';
import type { BlockOutcome, Joinable, Progress, ReadBlock, SeamOutcome } from './block-outcome.ts';
import { wholeBlock } from './block.ts';
import type { Block } from './block.ts';
import type { Classification, Classifier, ClassifyOptions } from './classifier.ts';
import { DoorScan } from './door-scan.ts';
import type { Finding } from './finding.ts';
import { Tails, placesOf } from './joins.ts';
import type { Join } from './joins.ts';
import { KeyedMemory, ownerKey } from './keyed-memory.ts';
import { createLabelRules } from './labels.ts';
import type { LabelRules } from './labels.ts';
import type { LocalFinding, Outcome } from './outcome.ts';
import { SlicePace } from './pace.ts';
import type { Pace } from './pace.ts';
import type { Recognizer, Tagger } from './recognizer.ts';
import type { Segment } from './segment.ts';
import { TextReader } from './text-reader.ts';
import { defineTerms } from './terms.ts';
import type { Gap, Label } from './verdict.ts';

/** How long one slice may hold the event loop; budget 10 ms, and a slice can end late by one recognizer's window. */
const SLICE_MS = 4;
/** What a quiet leaf costs however short it is, in units of pace. */
const QUIET_OVERHEAD = 100;
/** No value worth finding is shorter; keeps the thousands of small leaves of tool schemas cheap. */
const SHORTEST_TEXT = 3;

export interface ClassifierParts {
  readonly recognizers: readonly Recognizer[];
  readonly taggers: readonly Tagger[];
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
  return new CachingClassifier(share(config, labels, all.filter(isOn), parts.taggers.filter(isOn)));
}

/** What all owners use: compiled rules, and memories in which every key begins with its owner. */
interface Shared {
  readonly config: ClassifyConfig;
  readonly rules: LabelRules;
  readonly reader: TextReader;
  readonly texts: KeyedMemory<Outcome>;
  readonly blocks: KeyedMemory<BlockOutcome>;
  readonly seams: KeyedMemory<SeamOutcome>;
  readonly door: DoorScan;
  /** Counts outcomes; one count for all, because seams are known by it. */
  serial: number;
}

function share(
  config: ClassifyConfig,
  labels: readonly Label[],
  recognizers: readonly Recognizer[],
  taggers: readonly Tagger[],
): Shared {
  const rules = createLabelRules(config, labels);
  const reader = new TextReader(config, rules, recognizers, taggers);
  const policy = JSON.stringify([config, labels, [...recognizers, ...taggers].map((part) => part.name)]);
  return {
    config,
    rules,
    reader,
    texts: new KeyedMemory(config.cacheEntries, policy),
    blocks: new KeyedMemory(config.cacheEntries, policy),
    seams: new KeyedMemory(config.cacheEntries, policy),
    door: new DoorScan(reader, config.cacheEntries),
    serial: 0,
  };
}

class CachingClassifier implements Classifier {
  readonly #shared: Shared;
  readonly #config: ClassifyConfig;
  readonly #rules: LabelRules;
  readonly #reader: TextReader;
  readonly #texts: KeyedMemory<Outcome>;
  readonly #blocks: KeyedMemory<BlockOutcome>;
  readonly #seams: KeyedMemory<SeamOutcome>;
  /** In front of every key; empty for the one caller of a Sluice without keys. */
  readonly #owner: string;

  constructor(shared: Shared, owner = '') {
    this.#shared = shared;
    this.#config = shared.config;
    this.#rules = shared.rules;
    this.#reader = shared.reader;
    this.#texts = shared.texts;
    this.#blocks = shared.blocks;
    this.#seams = shared.seams;
    this.#owner = owner;
  }

  apart(owner: string): Classifier {
    return new CachingClassifier(this.#shared, ownerKey(owner));
  }

  classify(segments: readonly Segment[], gaps: readonly Gap[], options: ClassifyOptions): Promise<Classification> {
    return this.classifyBlocks([wholeBlock(segments)], gaps, options);
  }

  async classifyBlocks(
    blocks: readonly Block[],
    gaps: readonly Gap[],
    options: ClassifyOptions,
  ): Promise<Classification> {
    const progress: Progress = {
      findings: [],
      signals: [],
      gaps: [...gaps],
      nearMisses: [],
      scannedChars: 0,
      pointer: '',
    };
    const pace = new SlicePace(SLICE_MS);
    const deadline = performance.now() + this.#config.deadlineMs;
    const steps = this.#steps(blocks, options, progress, pace);
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
    return this.#shared.door.scan(outgoing, this.#rules.ceiling(upTo), this.#owner);
  }

  *#steps(blocks: readonly Block[], options: ClassifyOptions, progress: Progress, pace: Pace): Generator<void, void> {
    let room = this.#config.maxChars;
    const done: ReadBlock[] = [];
    for (const block of blocks) {
      progress.pointer = block.pointer;
      const known = isRemembered(block, options) ? this.#blocks.get(this.#owner + block.key) : undefined;
      const fits = known !== undefined && known.chars <= room;
      if (fits) place(known, block.pointer, progress);
      const outcome = fits ? known : yield* this.#block(block, room, options, progress, pace);
      done.push({ block, outcome });
      room -= outcome.chars;
      if (room < 0) break;
    }
    yield* this.#conversation(done, options, progress, pace);
  }

  /** Reads one block into `progress`, and remembers it when it was read whole. More `chars` than there is room say that it was not. */
  *#block(
    block: Block,
    room: number,
    options: ClassifyOptions,
    progress: Progress,
    pace: Pace,
  ): Generator<void, BlockOutcome> {
    const { segments, gaps } = block.read();
    const [findingsFrom, signalsFrom, gapsFrom] = [
      progress.findings.length,
      progress.signals.length,
      progress.gaps.length + gaps.length,
    ];
    progress.gaps.push(...gaps);
    const talk: BlockOutcome['talk'][number][] = [];
    const tails = new Tails();
    const joinable: Joinable[] = [];
    const joined = new Set<string>();
    let chars = 0;
    for (const segment of segments) {
      progress.pointer = segment.pointer;
      let found: readonly LocalFinding[] = [];
      if (segment.text.length >= SHORTEST_TEXT) {
        chars += segment.text.length;
        if (chars > room) {
          progress.gaps.push({ classifier: 'engine', cause: 'over-budget', pointer: segment.pointer });
          break;
        }
        const outcome = yield* this.#segment(segment, options, progress, pace);
        found = outcome.findings;
        for (const each of found) progress.findings.push(placed(each, segment.pointer, each.start, each.end));
        for (const signal of outcome.signals) progress.signals.push({ ...signal, pointer: segment.pointer });
        for (const gap of outcome.gaps) progress.gaps.push({ ...gap, pointer: segment.pointer });
      }
      if (segment.flow === CONVERSATION) {
        if (segment.text !== '') talk.push({ role: segment.role, chars: segment.text.length, findings: found });
      } else if (segment.flow > CONVERSATION) {
        const index = joinable.push({ segment, findings: found }) - 1;
        for (const join of tails.seams(segment, index)) yield* this.#join(join, joinable, joined, progress, pace);
        tails.add(segment, index);
      }
    }
    const inside = (pointer: string): string => pointer.slice(block.pointer.length);
    const outcome: BlockOutcome = {
      id: ++this.#shared.serial,
      chars,
      findings: progress.findings
        .slice(findingsFrom)
        .map((each) => ({ ...each, span: { ...each.span, segment: inside(each.span.segment) } })),
      signals: progress.signals.slice(signalsFrom).map((each) => ({ ...each, pointer: inside(each.pointer) })),
      gaps: progress.gaps.slice(gapsFrom).map((each) => ({ ...each, pointer: inside(each.pointer) })),
      talk,
    };
    const isWhole = chars <= room && gaps.length === 0 && !hasThrown(outcome);
    if (isWhole && isRemembered(block, options)) this.#blocks.set(this.#owner + block.key, outcome);
    return outcome;
  }

  /** The seams between what was said, from the first block on whose seams are not remembered for all that went before. */
  *#conversation(
    done: readonly ReadBlock[],
    options: ClassifyOptions,
    progress: Progress,
    pace: Pace,
  ): Generator<void, void> {
    const talking = done.filter(({ outcome }) => outcome.talk.length > 0);
    const joined = new Set<string>();
    let row: number | undefined = 0;
    let first = 0;
    for (; first < talking.length; first++) {
      const at = talking[first] as ReadBlock;
      const known: SeamOutcome | undefined = isRemembered(at.block, options)
        ? this.#seams.get(rowKey(row, at))
        : undefined;
      if (known === undefined) break;
      progress.gaps.push(...known.gaps);
      for (const finding of known.findings) {
        joined.add(nameOf(finding));
        progress.findings.push(finding);
      }
      row = known.id;
    }
    const tails = new Tails();
    const joinable: Joinable[] = [];
    const context = contextOf(talking, first);
    for (const [place, at] of [...context, ...talking.slice(first)].entries()) {
      const isNew = place >= context.length;
      const [findingsFrom, gapsFrom] = [progress.findings.length, progress.gaps.length];
      let ordinal = 0;
      for (const segment of at.block.read().segments) {
        if (segment.flow !== CONVERSATION || segment.text === '') continue;
        const talk = at.outcome.talk[ordinal++];
        // Past the room there is none.
        if (talk === undefined) break;
        const index = joinable.push({ segment, findings: talk.findings }) - 1;
        if (isNew)
          for (const join of tails.seams(segment, index)) yield* this.#join(join, joinable, joined, progress, pace);
        tails.add(segment, index);
      }
      if (pace.isDue(1024)) yield;
      if (!isNew) continue;
      if (row === undefined || !isRemembered(at.block, options)) row = undefined;
      else {
        const outcome: SeamOutcome = {
          id: ++this.#shared.serial,
          findings: progress.findings.slice(findingsFrom),
          gaps: progress.gaps.slice(gapsFrom),
        };
        this.#seams.set(rowKey(row, at), outcome);
        row = outcome.id;
      }
    }
  }

  *#segment(segment: Segment, options: ClassifyOptions, progress: Progress, pace: Pace): Generator<void, Outcome> {
    const { text, hint, role, form } = segment;
    const collects = options.nearMisses === 'collect';
    const opened = collects ? undefined : this.#reader.open(text, segment, 'all');
    const atOnce = opened && this.#reader.atOnce(segment, opened, this.#owner);
    if (atOnce) {
      progress.scannedChars += text.length;
      // Paced like any reading, or ten thousand such leaves would hold the loop.
      if (pace.isDue(text.length + QUIET_OVERHEAD)) yield;
      return atOnce;
    }
    const key = this.#texts.keyOf(text, `${this.#owner}${role} ${form} ${hint}`);
    const known = collects ? undefined : this.#texts.get(key);
    if (known) return known;
    progress.scannedChars += text.length;
    const { outcome, nearMisses } = yield* this.#reader.all(segment, options.nearMisses, pace, this.#owner, opened);
    for (const { start, end, ...miss } of nearMisses)
      progress.nearMisses.push({ ...miss, span: { segment: segment.pointer, start, end } });
    if (!hasThrown(outcome)) this.#texts.set(key, outcome);
    return outcome;
  }

  *#join(
    join: Join,
    segments: readonly Joinable[],
    joined: Set<string>,
    progress: Progress,
    pace: Pace,
  ): Generator<void, void> {
    const key = this.#texts.keyOf(join.text, `${this.#owner}join ${join.hint}`);
    let outcome = this.#texts.get(key);
    if (outcome === undefined) {
      progress.scannedChars += join.text.length;
      outcome = yield* this.#reader.structured(join.text, join.hint, pace);
      this.#texts.set(key, outcome);
    }
    const pointer = segments[join.pieces.at(-1)?.segment ?? 0]?.segment.pointer ?? '';
    // A blob is judged where it stands whole.
    for (const gap of outcome.gaps) if (gap.cause !== 'opaque-blob') progress.gaps.push({ ...gap, pointer });
    for (const found of outcome.findings) {
      if (found.rank === 0 || found.start >= join.seam || found.end <= join.seam) continue;
      const places = placesOf(join, found.start, found.end);
      // What one side shows alone is known; a neighbour glued to it makes nothing new.
      if (places.some((at) => (segments[at.segment]?.findings ?? []).some((known) => covers(known, found, at))))
        continue;
      const explanation = {
        ...found.finding.explanation,
        views: ['joined' as const, ...found.finding.explanation.views],
      };
      // Every part is a finding: masking must leave none of them.
      for (const { segment, start, end } of places) {
        const finding = placed(
          { ...found, finding: { ...found.finding, explanation } },
          segments[segment]?.segment.pointer ?? '',
          start,
          end,
        );
        // The same value shows at several seams when it is cut into many pieces.
        if (joined.has(nameOf(finding))) continue;
        joined.add(nameOf(finding));
        progress.findings.push(finding);
      }
    }
  }
}

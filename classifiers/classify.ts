/**
 * The Classifier: blocks and segments through memory and reader, seams between neighbours, verdict. Works in slices of a few
 * milliseconds and lets the event loop turn between them. Fails towards `unknown`: deadline, abort, budget and every throw become
 * gaps; classify never rejects, rescan throws when it could not read everything.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClassifyConfig } from '../config/schema.ts';
import { createAllowList } from './allow-list.ts';
import { assess } from './assess.ts';
import { wholeBlock } from './block.ts';
import type { Block } from './block.ts';
import type { Classification, Classifier, ClassifyOptions } from './classifier.ts';
import { DoorScan } from './door-scan.ts';
import type { Finding, NearMiss } from './finding.ts';
import { TAIL, Tails, placesOf } from './joins.ts';
import type { Join } from './joins.ts';
import { KeyedMemory } from './keyed-memory.ts';
import { createLabelRules } from './labels.ts';
import type { LabelRules } from './labels.ts';
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

/** What a request came to so far. */
interface Progress {
  readonly findings: Finding[];
  readonly signals: Signal[];
  readonly gaps: Gap[];
  readonly nearMisses: NearMiss[];
  scannedChars: number;
  /** Pointer of what is being read, for the gap of an interruption. */
  pointer: string;
}

/** A segment that reads on into others, and what is known of it alone. */
interface Joinable {
  readonly segment: Segment;
  readonly findings: readonly LocalFinding[];
}

/** What reading one block came to. Pointers begin where the block's own ends; no text. */
interface BlockOutcome {
  /** Counts the outcomes of this process: what is remembered about a row of blocks names them by it. */
  readonly id: number;
  readonly chars: number;
  readonly findings: readonly Finding[];
  readonly signals: readonly Signal[];
  readonly gaps: readonly Gap[];
  /** Its segments of the conversation, in order. */
  readonly talk: readonly {
    readonly role: Segment['role'];
    readonly chars: number;
    readonly findings: readonly LocalFinding[];
  }[];
}

/** What the seams of one block came to, given all talk before it. */
interface SeamOutcome {
  readonly id: number;
  readonly findings: readonly Finding[];
  readonly gaps: readonly Gap[];
}

interface ReadBlock {
  readonly block: Block;
  readonly outcome: BlockOutcome;
}

const CONVERSATION = 0;

class CachingClassifier implements Classifier {
  readonly #config: ClassifyConfig;
  readonly #rules: LabelRules;
  readonly #reader: Reader;
  readonly #taggerNames: ReadonlySet<string>;
  readonly #texts: KeyedMemory<Outcome>;
  readonly #blocks: KeyedMemory<BlockOutcome>;
  readonly #seams: KeyedMemory<SeamOutcome>;
  readonly #door: DoorScan;
  readonly #isAllowed: (value: string) => boolean;
  readonly #isIdle: (recognizer: Recognizer) => boolean;
  #serial = 0;

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
    const policy = JSON.stringify([config, labels, [...this.#reader.recognizers, ...taggers].map((part) => part.name)]);
    this.#texts = new KeyedMemory(config.cacheEntries, policy);
    this.#blocks = new KeyedMemory(config.cacheEntries, policy);
    this.#seams = new KeyedMemory(config.cacheEntries, policy);
    this.#door = new DoorScan((text, hint) => this.#readNow(text, hint), new KeyedMemory(config.cacheEntries, policy));
    this.#isAllowed = createAllowList(config.allow);
    const idle = new Set(
      recognizers.filter(({ entities, highestScore = 1 }) =>
        entities.every((entity) => this.#rules.ruleFor(entity).threshold > highestScore),
      ),
    );
    this.#isIdle = (recognizer) => idle.has(recognizer);
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
    return this.#door.scan(outgoing, this.#rules.ceiling(upTo));
  }

  *#steps(blocks: readonly Block[], options: ClassifyOptions, progress: Progress, pace: Pace): Generator<void, void> {
    let room = this.#config.maxChars;
    const done: ReadBlock[] = [];
    for (const block of blocks) {
      progress.pointer = block.pointer;
      const known = isRemembered(block, options) ? this.#blocks.get(block.key) : undefined;
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
      id: ++this.#serial,
      chars,
      findings: progress.findings
        .slice(findingsFrom)
        .map((each) => ({ ...each, span: { ...each.span, segment: inside(each.span.segment) } })),
      signals: progress.signals.slice(signalsFrom).map((each) => ({ ...each, pointer: inside(each.pointer) })),
      gaps: progress.gaps.slice(gapsFrom).map((each) => ({ ...each, pointer: inside(each.pointer) })),
      talk,
    };
    const isWhole = chars <= room && gaps.length === 0 && outcome.gaps.every(({ cause }) => cause !== 'threw');
    if (isWhole && isRemembered(block, options)) this.#blocks.set(block.key, outcome);
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
          id: ++this.#serial,
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
    const key = this.#texts.keyOf(text, `${role} ${form} ${hint}`);
    const known = collects ? undefined : this.#texts.get(key);
    if (known) return known;
    const reading = emptyReading();
    const allowed: Sighting[] = [];
    progress.scannedChars += text.length;
    const readOptions: ReadOptions = {
      ...this.#options(segment, 'all', collects ? 'collect' : 'omit'),
      onAllowed: (sighting) => void allowed.push(sighting),
    };
    yield* read(this.#reader, text, reading, readOptions, pace);
    const outcome = settle(reading, allowed, this.#rules, (name) => this.#taggerNames.has(name), 'all');
    if (collects) {
      for (const { start, end, ...miss } of nearMissesOf(reading, allowed, outcome, this.#rules)) {
        progress.nearMisses.push({ ...miss, span: { segment: segment.pointer, start, end } });
      }
    }
    this.#texts.set(key, outcome);
    return outcome;
  }

  /** Without taggers: names need running text, and a seam has none. */
  *#structured(text: string, hint: string, pace: Pace): Generator<void, Outcome> {
    const reading = emptyReading();
    const allowed: Sighting[] = [];
    const options: ReadOptions = {
      ...this.#options({ hint, role: 'meta', form: 'text' }, 'structured', 'omit'),
      onAllowed: (sighting) => void allowed.push(sighting),
    };
    yield* read(this.#reader, text, reading, options, pace);
    return settle(reading, allowed, this.#rules, () => false, 'structured');
  }

  #readNow(text: string, hint: string): Outcome {
    const steps = this.#structured(text, hint, UNPACED);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  #options(
    input: ReadOptions['input'],
    tiers: ReadOptions['tiers'],
    rejected: ReadOptions['rejected'],
  ): Omit<ReadOptions, 'onAllowed'> {
    return { input, tiers, rejected, isAllowed: this.#isAllowed, isIdle: this.#isIdle };
  }

  *#join(
    join: Join,
    segments: readonly Joinable[],
    joined: Set<string>,
    progress: Progress,
    pace: Pace,
  ): Generator<void, void> {
    const key = this.#texts.keyOf(join.text, `join ${join.hint}`);
    let outcome = this.#texts.get(key);
    if (outcome === undefined) {
      progress.scannedChars += join.text.length;
      outcome = yield* this.#structured(join.text, join.hint, pace);
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

/** Near misses are not kept, so what asks for them reads everything. */
const isRemembered = (block: Block, options: ClassifyOptions): boolean =>
  block.key !== '' && options.nearMisses === 'omit';

/** A row of blocks is known by its last block and the row before it: serial numbers, which hold no text and are never used twice. */
const rowKey = (before: number, { block, outcome }: ReadBlock): string => `${before} ${outcome.id} ${block.pointer}`;

const nameOf = ({ entity, span }: Finding): string => `${entity} ${span.start} ${span.end} ${span.segment}`;

/** The blocks before `first` whose ends a seam from there on may reach: per role, and in all, the last TAIL units. */
function contextOf(talking: readonly ReadBlock[], first: number): readonly ReadBlock[] {
  if (first >= talking.length) return [];
  const heard = new Map<string, number>();
  const needed: ReadBlock[] = [];
  for (let index = first - 1; index >= 0; index--) {
    const at = talking[index] as ReadBlock;
    const isNeeded = at.outcome.talk.some(({ role }) => (heard.get('') ?? 0) < TAIL || (heard.get(role) ?? 0) < TAIL);
    if (!isNeeded) continue;
    needed.unshift(at);
    for (const { role, chars } of at.outcome.talk)
      for (const tail of ['', role]) heard.set(tail, (heard.get(tail) ?? 0) + chars);
  }
  return needed;
}

/** Puts a remembered block where it stands in this request. */
function place(known: BlockOutcome, pointer: string, progress: Progress): void {
  for (const finding of known.findings)
    progress.findings.push({ ...finding, span: { ...finding.span, segment: pointer + finding.span.segment } });
  for (const signal of known.signals) progress.signals.push({ ...signal, pointer: pointer + signal.pointer });
  for (const gap of known.gaps) progress.gaps.push({ ...gap, pointer: pointer + gap.pointer });
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

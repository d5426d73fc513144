/**
 * Reads one text: detection copy, one pass, recognizers in their windows, then the same again in every decoded view. A
 * generator, so that whoever drives it decides when to let others run. Fails towards `unknown`: what throws, runs over its
 * budget or cannot be decoded is a gap.
 */
import type { View } from './finding.ts';
import { normalize, normalizeInSteps } from './normalize.ts';
import type { Candidate, Recognizer, Tagger, TaggerInput, Window } from './recognizer.ts';
import { TAGGER_WINDOW } from './recognizer.ts';
import { compilePlan } from './scan/plan.ts';
import type { ScanPlan } from './scan/plan.ts';
import { Scan } from './scan/scan.ts';
import type { Pace } from './pace.ts';
import { createSkim, isBytes } from './skim/skim.ts';
import type { Skim } from './skim/skim.ts';
import type { WordList } from './skim/word-list.ts';
import type { Gap, Signal } from './verdict.ts';
import { DECODING_VIEWS } from './views/all.ts';
import { buildRegions } from './views/decoding.ts';
import type { DecodingView } from './views/decoding.ts';
import { hasOpaqueBlob } from './views/opaque.ts';
import type { Rewritten } from './views/rewrite.ts';

/** Views inside views: base64 of percent-encoded text is read, a third wrapping is opaque. */
const DEEPEST_VIEW = 2;
/** Units per call of a recognizer; with 100 ns per unit at the very worst still well inside one slice. */
const WINDOW_CHUNK = 4096;
const SCAN_CHUNK = 8192;
/** A tagger works on every word; it weighs more than the pass. */
const TAGGER_COST = 4;
/** How much of a value its hint opens. */
const HINT_WINDOW = 4096;
/**
 * Work allowed per text, in units of window times relative cost, about 5 ns each. Ordinary files take 1 to 12 per unit,
 * pages full of personal data 25; hostile text is cut off before it takes 100 ms per MB.
 */
const BUDGET_BASE = 2_000_000;
const BUDGET_PER_UNIT = 8;
/** What a window costs however short it is. */
const WINDOW_OVERHEAD = 64;
/** All views of a text together may be so many times as long as it. */
const VIEWS_PER_UNIT = 2;
const VIEWS_BASE = 262_144;
/** More findings than this in one text are a flood; the gap says that there are more. */
const MOST_CANDIDATES = 10_000;

export interface Reader {
  readonly plan: ScanPlan;
  readonly recognizers: readonly Recognizer[];
  readonly taggers: readonly Tagger[];
  readonly views: readonly DecodingView[];
  /** Made when it is first asked for; undefined where the module cannot run or cannot read by this plan. */
  readonly skim: () => Skim | undefined;
}

/** A candidate with its place in the text that was given, and how it was seen. */
export interface Sighting {
  readonly candidate: Candidate;
  readonly recognizer: string;
  readonly start: number;
  readonly end: number;
  readonly views: readonly View[];
  /** The value was written so as not to be seen. */
  readonly hidden: boolean;
}

export interface Reading {
  readonly sightings: Sighting[];
  readonly signals: Omit<Signal, 'pointer'>[];
  readonly gaps: Omit<Gap, 'pointer'>[];
}

export interface ReadOptions {
  readonly input: Pick<TaggerInput, 'hint' | 'role' | 'form'>;
  readonly tiers: 'structured' | 'all';
  readonly rejected: 'collect' | 'omit';
  /** Says whether a value is on the allow list; the reader keeps no values. */
  readonly isAllowed: (value: string) => boolean;
  readonly onAllowed: (sighting: Sighting) => void;
  /** Says whether a recognizer can report nothing that would count; it then runs only when near misses are wanted. */
  readonly isIdle: (recognizer: Recognizer) => boolean;
}

/** createReader compiles recognizers and views into one plan. Rule ids: recognizers, then the opaque check, then views. */
export function createReader(recognizers: readonly Recognizer[], taggers: readonly Tagger[]): Reader {
  const views = DECODING_VIEWS;
  const plan = compilePlan([
    ...recognizers,
    { name: 'opaque', triggers: [{ kind: 'run', of: 'token', atLeast: 32 }], reach: { before: 0, after: 10 } },
    ...views.map((view) => ({ ...view, name: view.view })),
  ]);
  let skim: Skim | false | undefined;
  return {
    plan,
    recognizers,
    taggers,
    views,
    skim: () => (skim ??= (plan.skim && createSkim(plan.skim)) ?? false) || undefined,
  };
}

interface Layer {
  readonly view: View;
  readonly rewritten: Rewritten;
}

/** read is driven to its end, or abandoned; `reading` then holds what was found so far. */
export function* read(
  reader: Reader,
  text: string,
  reading: Reading,
  options: ReadOptions,
  pace: Pace,
): Generator<void, void> {
  const budget: Budget = {
    work: BUDGET_BASE + BUDGET_PER_UNIT * text.length,
    views: VIEWS_BASE + VIEWS_PER_UNIT * text.length,
  };
  const rewritten = reader.skim()?.isPlain(text) ? undefined : yield* normalizeInSteps(text, pace);
  const layers: readonly Layer[] = rewritten ? [{ view: 'normalized', rewritten }] : [];
  yield* readLayer(reader, rewritten?.text ?? text, layers, 0, budget, reading, options, pace);
}

interface Budget {
  work: number;
  views: number;
}

function* readLayer(
  reader: Reader,
  text: string,
  layers: readonly Layer[],
  depth: number,
  budget: Budget,
  reading: Reading,
  options: ReadOptions,
  pace: Pace,
): Generator<void, void> {
  const opaqueRule = reader.recognizers.length;
  const firstView = opaqueRule + 1;
  const { hint } = options.input;
  const skim = isBytes(text) ? reader.skim() : undefined;
  const scan = new Scan(reader.plan, text, depth < DEEPEST_VIEW ? Infinity : firstView, skim);
  const runsTaggers =
    options.tiers === 'all' &&
    reader.taggers.length > 0 &&
    (depth === 0 || layers.at(-1)?.view === 'base64' || layers.at(-1)?.view === 'hex');
  // What taggers see comes after what recognizers see, in whatever order they run.
  const tagged: Reading = { sightings: [], signals: [], gaps: [] };
  const tagging = runsTaggers
    ? new Tagging(reader.taggers, { ...options.input, text }, layers, depth, tagged, options)
    : undefined;
  for (let at = 0, before = 0, done = false; !done; before = scan.guardWork) {
    const to = tagging && skim ? cutAt(text, at + TAGGER_WINDOW) : at + SCAN_CHUNK;
    if (tagging && skim) {
      done = scan.readWords(skim, to);
      tagging.run({ start: at, end: to }, skim);
    } else done = scan.advance(to - at);
    const asked = scan.guardWork - before;
    budget.work -= asked;
    if (budget.work < 0) {
      addGap(reading, { classifier: 'scan', cause: 'over-budget' });
      return;
    }
    if (pace.isDue((to - at) * (tagging && skim ? TAGGER_COST : 1) + asked)) yield;
    at = to;
  }
  for (const rule of rulesOfHint(reader, hint)) scan.open(rule, 0, Math.min(text.length, HINT_WINDOW));

  for (const [rule, windows] of scan.windows()) {
    const recognizer = reader.recognizers[rule];
    if (recognizer) {
      if (options.rejected === 'omit' && options.isIdle(recognizer)) continue;
      yield* runRecognizer(recognizer, { text, hint }, windows, layers, depth, budget, reading, options, pace);
      continue;
    }
    if (rule === opaqueRule) {
      const undecoded = depth < DEEPEST_VIEW ? 'readable-is-clear' : 'readable-is-opaque';
      if (windows.some((window) => hasOpaqueBlob(text, window, undecoded)))
        addGap(reading, { classifier: 'opaque', cause: 'opaque-blob' });
      continue;
    }
    const view = reader.views[rule - firstView];
    if (!view) continue;
    for (const rewritten of buildRegions(view, text, windows)) {
      if (pace.isDue(4096)) yield;
      if (!rewritten) continue;
      budget.views -= rewritten.text.length;
      if (budget.views < 0) {
        addGap(reading, { classifier: 'views', cause: 'over-budget' });
        break;
      }
      yield* readLayer(
        reader,
        rewritten.text,
        [...layers, { view: view.view, rewritten }],
        depth + 1,
        budget,
        reading,
        options,
        pace,
      );
    }
  }
  if (tagging && !skim) {
    for (let start = 0; start < text.length;) {
      const end = cutAt(text, start + TAGGER_WINDOW);
      tagging.run({ start, end }, undefined);
      if (pace.isDue((end - start) * TAGGER_COST)) yield;
      start = end;
    }
  }
  reading.sightings.push(...tagged.sightings);
  reading.signals.push(...tagged.signals);
  for (const gap of tagged.gaps) addGap(reading, gap);
}

function* runRecognizer(
  recognizer: Recognizer,
  input: { readonly text: string; readonly hint: string },
  windows: readonly Window[],
  layers: readonly Layer[],
  depth: number,
  budget: Budget,
  reading: Reading,
  options: ReadOptions,
  pace: Pace,
): Generator<void, void> {
  const cost = recognizer.cost ?? 1;
  const report = (candidate: Candidate): void =>
    addSighting(recognizer.name, candidate, input.text, layers, depth, reading, options);
  for (const window of windows) {
    for (let start = window.start; start < window.end; start += WINDOW_CHUNK) {
      const end = Math.min(window.end, start + WINDOW_CHUNK);
      const work = (end - start + WINDOW_OVERHEAD) * cost;
      budget.work -= work;
      if (budget.work < 0 || reading.sightings.length >= MOST_CANDIDATES) {
        addGap(reading, { classifier: recognizer.name, cause: 'over-budget' });
        return;
      }
      try {
        recognizer.find(input, { start, end }, report);
      } catch {
        addGap(reading, { classifier: recognizer.name, cause: 'threw' });
        return;
      }
      if (pace.isDue(work)) yield;
    }
  }
}

/** Runs the taggers window by window; one that throws is not asked again about this text. */
class Tagging {
  readonly #taggers: Set<Tagger>;
  readonly #input: TaggerInput;
  readonly #reading: Reading;
  readonly #report: (tagger: Tagger, candidate: Candidate) => void;

  constructor(
    taggers: readonly Tagger[],
    input: TaggerInput,
    layers: readonly Layer[],
    depth: number,
    reading: Reading,
    options: ReadOptions,
  ) {
    this.#taggers = new Set(taggers);
    this.#input = input;
    this.#reading = reading;
    this.#report = ({ name }, candidate) => addSighting(name, candidate, input.text, layers, depth, reading, options);
  }

  run(window: Window, words: WordList | undefined): void {
    const input = words ? { ...this.#input, words } : this.#input;
    for (const tagger of this.#taggers) {
      try {
        tagger.tag(input, window, {
          candidate: (candidate) => this.#report(tagger, candidate),
          signal: (signal) => void this.#reading.signals.push(signal),
        });
      } catch {
        addGap(this.#reading, { classifier: tagger.name, cause: 'threw' });
        this.#taggers.delete(tagger);
      }
    }
  }
}

/** The last blank in the 200 units before `limit`, so that no word is cut where there are words. */
function cutAt(text: string, limit: number): number {
  if (limit >= text.length) return text.length;
  for (let at = limit; at > limit - 200; at--) if (text.charCodeAt(at - 1) <= 0x20) return at;
  return limit;
}

function addSighting(
  recognizer: string,
  candidate: Candidate,
  text: string,
  layers: readonly Layer[],
  depth: number,
  reading: Reading,
  options: ReadOptions,
): void {
  if (candidate.rejected !== undefined && options.rejected === 'omit') return;
  if (!(candidate.start >= 0 && candidate.start < candidate.end && candidate.end <= text.length)) {
    throw new RangeError('a candidate lies outside the text');
  }
  const innermost = layers.at(-1);
  // Away from edits the text is what the outer layer already showed. Right beside one it has an edge it had not before.
  const from = Math.max(0, candidate.start - 1);
  const to = Math.min(text.length, candidate.end + 1);
  if (depth > 0 && innermost?.rewritten.editIn(from, to) === 'none') return;
  let start = candidate.start;
  let end = candidate.end;
  let hidden = false;
  const views: View[] = [];
  for (let index = layers.length - 1; index >= 0; index--) {
    const layer = layers[index];
    if (!layer) continue;
    const edit = layer.rewritten.editIn(start, end);
    hidden ||= edit === 'hidden';
    if (edit !== 'none' || (depth > 0 && layer === innermost)) views.unshift(layer.view);
    [start, end] = layer.rewritten.toSource(start, end);
  }
  const sighting: Sighting = { candidate, recognizer, start, end, views, hidden };
  if (options.isAllowed(text.slice(candidate.start, candidate.end))) options.onAllowed(sighting);
  else reading.sightings.push(sighting);
}

function addGap(reading: Reading, gap: Omit<Gap, 'pointer'>): void {
  if (!reading.gaps.some((known) => known.classifier === gap.classifier && known.cause === gap.cause))
    reading.gaps.push(gap);
}

const hintRules = new WeakMap<Reader, Map<string, readonly number[]>>();
/** Keys repeat across requests; past so many the memory starts over. */
const MOST_HINTS = 4096;
const LONGEST_HINT = 128;

/** The recognizers a hint triggers by its words. */
function rulesOfHint(reader: Reader, hint: string): readonly number[] {
  if (hint === '') return [];
  const known = hintRules.get(reader) ?? new Map<string, readonly number[]>();
  hintRules.set(reader, known);
  const key = hint.slice(0, LONGEST_HINT);
  const found = known.get(key);
  if (found) return found;
  const scan = new Scan(reader.plan, normalize(key)?.text ?? key, reader.recognizers.length);
  scan.advance(Infinity);
  const rules = scan.triggered();
  if (known.size >= MOST_HINTS) known.clear();
  known.set(key, rules);
  return rules;
}

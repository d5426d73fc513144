/**
 * Reads one text: detection copy, one pass, recognizers in their windows, then the same again in every decoded view. A
 * generator, so that whoever drives it decides when to let others run. Fails towards `unknown`: what throws, runs over its
 * budget or cannot be decoded is a gap.
 */
import { normalize, normalizeInSteps } from './normalize.ts';
import type { Candidate, Recognizer, Tagger, Window } from './recognizer.ts';
import { TAGGER_WINDOW } from './recognizer.ts';
import { compilePlan } from './scan/plan.ts';
import type { ScanPlan } from './scan/plan.ts';
import { Scan } from './scan/scan.ts';
import type { Pace } from './pace.ts';
import { createSkim, isBytes, SKIM_CHUNK } from './skim/skim.ts';
import type { Skim } from './skim/skim.ts';
import { DECODING_VIEWS } from './views/all.ts';
import { buildRegions } from './views/decoding.ts';
import type { DecodingView } from './views/decoding.ts';
import { hasOpaqueBlob } from './views/opaque.ts';
import { addGap, addSighting, NO_LAYERS, Tagging } from './reading.ts';
import type { Layer, Reading, ReadOptions } from './reading.ts';

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

/** A text whose pass is done, and its taggers: what is left is to look into the windows. */
export interface Opening {
  readonly scan: Scan;
  readonly tagging: Tagging | undefined;
  readonly windows: readonly (readonly [number, readonly Window[]])[];
  /** There is nothing to look into, and no tagger said anything: the text holds nothing. */
  readonly isQuiet: boolean;
}

/**
 * open does all of a short plain text that can be done at once; most leaves of a request are quiet and need no more. Undefined
 * for any other text: read begins with it then.
 */
export function open(reader: Reader, text: string, options: ReadOptions): Opening | undefined {
  if (text.length > SKIM_CHUNK) return undefined;
  const skim = reader.skim();
  if (!skim?.isPlain(text)) return undefined;
  const scan = new Scan(reader.plan, text, Infinity, skim);
  const tagging = taggingOf(reader, text, NO_LAYERS, 0, options);
  if (tagging) {
    scan.readWords(skim, text.length);
    tagging.run({ start: 0, end: text.length }, skim);
  } else scan.advance(text.length);
  if (scan.guardWork > BUDGET_BASE) return undefined;
  const windows = [...windowsOf(reader, scan, options)];
  return { scan, tagging, windows, isQuiet: windows.length === 0 && (tagging === undefined || tagging.isSilent) };
}

/** read is driven to its end, or abandoned; `reading` then holds what was found so far. */
export function* read(
  reader: Reader,
  text: string,
  reading: Reading,
  options: ReadOptions,
  pace: Pace,
  opening?: Opening,
): Generator<void, void> {
  const budget: Budget = {
    work: BUDGET_BASE + BUDGET_PER_UNIT * text.length,
    views: VIEWS_BASE + VIEWS_PER_UNIT * text.length,
  };
  if (opening) {
    budget.work -= opening.scan.guardWork;
    yield* readWindows(reader, text, NO_LAYERS, 0, budget, reading, options, pace, opening);
    return;
  }
  const rewritten = reader.skim()?.isPlain(text) ? undefined : yield* normalizeInSteps(text, pace);
  const layers: readonly Layer[] = rewritten ? [{ view: 'normalized', rewritten }] : NO_LAYERS;
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
  const skim = isBytes(text) ? reader.skim() : undefined;
  const scan = new Scan(reader.plan, text, depth < DEEPEST_VIEW ? Infinity : firstViewOf(reader), skim);
  const tagging = taggingOf(reader, text, layers, depth, options);
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
  if (tagging && !skim) {
    for (let start = 0; start < text.length;) {
      const end = cutAt(text, start + TAGGER_WINDOW);
      tagging.run({ start, end }, undefined);
      if (pace.isDue((end - start) * TAGGER_COST)) yield;
      start = end;
    }
  }
  const windows = windowsOf(reader, scan, options);
  yield* readWindows(reader, text, layers, depth, budget, reading, options, pace, { tagging, windows });
}

/** Where recognizers and views look, those left out that could report nothing that counts. */
function* windowsOf(reader: Reader, scan: Scan, options: ReadOptions): Generator<readonly [number, readonly Window[]]> {
  for (const rule of rulesOfHint(reader, options.input.hint)) scan.open(rule, 0, Math.min(scan.length, HINT_WINDOW));
  for (const each of scan.windows()) {
    const recognizer = reader.recognizers[each[0]];
    if (recognizer === undefined || options.rejected === 'collect' || !options.isIdle(recognizer)) yield each;
  }
}

function taggingOf(
  reader: Reader,
  text: string,
  layers: readonly Layer[],
  depth: number,
  options: ReadOptions,
): Tagging | undefined {
  const isRead = depth === 0 || layers.at(-1)?.view === 'base64' || layers.at(-1)?.view === 'hex';
  return options.tiers === 'all' && reader.taggers.length > 0 && isRead
    ? new Tagging(reader.taggers, text, layers, depth, options)
    : undefined;
}

const firstViewOf = (reader: Reader): number => reader.recognizers.length + 1;

function* readWindows(
  reader: Reader,
  text: string,
  layers: readonly Layer[],
  depth: number,
  budget: Budget,
  reading: Reading,
  options: ReadOptions,
  pace: Pace,
  { tagging, windows: all }: Pick<Opening, 'tagging'> & { readonly windows: Iterable<Opening['windows'][number]> },
): Generator<void, void> {
  const opaqueRule = reader.recognizers.length;
  const firstView = firstViewOf(reader);
  const input = { text, hint: options.input.hint };
  for (const [rule, windows] of all) {
    const recognizer = reader.recognizers[rule];
    if (recognizer) {
      yield* runRecognizer(recognizer, input, windows, layers, depth, budget, reading, options, pace);
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
  // What taggers see comes after what recognizers see, in whatever order they ran.
  tagging?.settle(reading);
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

/** The last blank in the 200 units before `limit`, so that no word is cut where there are words. */
function cutAt(text: string, limit: number): number {
  if (limit >= text.length) return text.length;
  for (let at = limit; at > limit - 200; at--) if (text.charCodeAt(at - 1) <= 0x20) return at;
  return limit;
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
  const scan = new Scan(reader.plan, normalize(key)?.text ?? key, reader.recognizers.length, undefined, true);
  scan.advance(Infinity);
  const rules = scan.triggered();
  if (known.size >= MOST_HINTS) known.clear();
  known.set(key, rules);
  return rules;
}

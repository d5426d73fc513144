/**
 * What a text was seen to hold, while it is read: sightings with their place in the text that was given, whatever layers of
 * decoding lie between, and the taggers' part in it. A tagger that throws becomes a gap.
 */
import type { View } from './finding.ts';
import type { Candidate, Recognizer, Tagger, TaggerInput, TaggerSink, Window } from './recognizer.ts';
import type { WordList } from './skim/word-list.ts';
import type { Gap, Signal } from './verdict.ts';
import type { Rewritten } from './views/rewrite.ts';

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

export interface Layer {
  readonly view: View;
  readonly rewritten: Rewritten;
}

export const NO_LAYERS: readonly Layer[] = [];

/** Runs the taggers window by window; one that throws is not asked again about this text. */
export class Tagging implements TaggerSink {
  readonly #taggers: readonly Tagger[];
  readonly #input: { -readonly [Name in keyof TaggerInput]: TaggerInput[Name] };
  readonly #layers: readonly Layer[];
  readonly #depth: number;
  readonly #options: ReadOptions;
  readonly #seen: Reading = { sightings: [], signals: [], gaps: [] };
  #running = '';

  constructor(taggers: readonly Tagger[], text: string, layers: readonly Layer[], depth: number, options: ReadOptions) {
    const { hint, role, form } = options.input;
    this.#taggers = taggers;
    this.#input = { text, hint, role, form };
    this.#layers = layers;
    this.#depth = depth;
    this.#options = options;
  }

  run(window: Window, words: WordList | undefined): void {
    if (words) this.#input.words = words;
    for (const tagger of this.#taggers) {
      if (this.#seen.gaps.some(({ classifier }) => classifier === tagger.name)) continue;
      this.#running = tagger.name;
      try {
        tagger.tag(this.#input, window, this);
      } catch {
        addGap(this.#seen, { classifier: tagger.name, cause: 'threw' });
      }
    }
  }

  candidate(candidate: Candidate): void {
    addSighting(this.#running, candidate, this.#input.text, this.#layers, this.#depth, this.#seen, this.#options);
  }

  signal(signal: Omit<Signal, 'pointer'>): void {
    this.#seen.signals.push(signal);
  }

  /** Nothing was seen, and none threw. An allowed value counts as seen nowhere. */
  get isSilent(): boolean {
    const { sightings, signals, gaps } = this.#seen;
    return sightings.length === 0 && signals.length === 0 && gaps.length === 0;
  }

  settle(reading: Reading): void {
    reading.sightings.push(...this.#seen.sightings);
    reading.signals.push(...this.#seen.signals);
    for (const gap of this.#seen.gaps) addGap(reading, gap);
  }
}

export function addSighting(
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

export function addGap(reading: Reading, gap: Omit<Gap, 'pointer'>): void {
  if (!reading.gaps.some((known) => known.classifier === gap.classifier && known.cause === gap.cause))
    reading.gaps.push(gap);
}

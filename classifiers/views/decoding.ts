/**
 * A decoding view: one way in which a value may be written so that recognizers cannot read it. The one pass finds where it
 * may apply; the view says what to put there; regions of the text with the edits applied are then read like any text.
 */
import type { View } from '../finding.ts';
import type { Reach, Window } from '../recognizer.ts';
import type { ScanTrigger } from '../scan/plan.ts';
import { Rewrite } from './rewrite.ts';
import type { Edit, Rewritten } from './rewrite.ts';

export interface DecodingView {
  readonly view: View;
  /** `hidden`: nobody writes like this but to hide; a finding through it is an evasion. */
  readonly edit: Exclude<Edit, 'none'>;
  readonly triggers: readonly ScanTrigger[];
  readonly guard?: (text: string, start: number, end: number) => boolean;
  readonly reach?: Reach;
  /** Emits edits in the window, in order, without overlap. Bounded work per unit of window. */
  edits(text: string, window: Window, emit: (edit: ViewEdit) => void): void;
}

export interface ViewEdit {
  readonly from: number;
  readonly to: number;
  apply(rewrite: Rewrite): void;
}

/** Context kept on both sides of an edit, so that the words around a decoded value still count. */
export const REGION_CONTEXT = 96;

/** Units of a window given to a view at once, and source units of one region: bounds how long either takes. */
const CHUNK = 16_384;
const LONGEST_REGION = 32_768;
const SHARED = 2048;

/** buildRegions applies a view in its windows; edits close together share a region. Yields undefined for a chunk without one. */
export function* buildRegions(
  view: DecodingView,
  text: string,
  windows: readonly Window[],
): Generator<Rewritten | undefined> {
  let edits: ViewEdit[] = [];
  let end = -1;
  for (const window of windows) {
    for (let start = window.start; start < window.end; start += CHUNK) {
      const found: ViewEdit[] = [];
      view.edits(text, { start, end: Math.min(window.end, start + CHUNK) }, (edit) => {
        // Windows may see one edit twice; the first stands.
        if (edit.from < end) return;
        found.push(edit);
        end = edit.to;
      });
      for (const edit of found) {
        const first = edits[0];
        const last = edits.at(-1);
        if (first && last && (edit.from - last.to > 2 * REGION_CONTEXT || edit.to - first.from > LONGEST_REGION)) {
          yield region(text, edits);
          edits = edit.from - last.to > 2 * REGION_CONTEXT ? [] : tailOf(edits);
        }
        edits.push(edit);
      }
      yield undefined;
    }
  }
  if (edits.length > 0) yield region(text, edits);
}

/** The edits a region shares with the next one, so that a value across the cut is whole in one of them. */
function tailOf(edits: readonly ViewEdit[]): ViewEdit[] {
  const last = edits.at(-1);
  if (!last || edits.length < 2) return [];
  const near = edits.filter((edit) => last.to - edit.from <= SHARED);
  return near.length > 0 ? near : [last];
}

function region(text: string, edits: readonly ViewEdit[]): Rewritten {
  const rewrite = new Rewrite(text);
  let kept = Math.max(0, (edits[0]?.from ?? 0) - REGION_CONTEXT);
  for (const edit of edits) {
    rewrite.keep(kept, edit.from);
    edit.apply(rewrite);
    kept = edit.to;
  }
  rewrite.keep(kept, Math.min(text.length, kept + REGION_CONTEXT));
  return rewrite.build();
}

/** replacing makes an edit that puts one string in the place of a range. */
export function replacing(from: number, to: number, text: string, edit: Exclude<Edit, 'none'>): ViewEdit {
  return { from, to, apply: (rewrite) => rewrite.replace(from, to, text, edit) };
}

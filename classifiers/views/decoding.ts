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

/** buildRegions applies a view in its windows; edits close together share a region. */
export function buildRegions(view: DecodingView, text: string, windows: readonly Window[]): Rewritten[] {
  const regions: Rewritten[] = [];
  let edits: ViewEdit[] = [];
  const close = (): void => {
    const first = edits[0];
    const last = edits.at(-1);
    if (!first || !last) return;
    const rewrite = new Rewrite(text);
    let kept = Math.max(0, first.from - REGION_CONTEXT);
    for (const edit of edits) {
      rewrite.keep(kept, edit.from);
      edit.apply(rewrite);
      kept = edit.to;
    }
    rewrite.keep(kept, Math.min(text.length, last.to + REGION_CONTEXT));
    regions.push(rewrite.build());
    edits = [];
  };
  let end = -1;
  for (const window of windows) {
    view.edits(text, window, (edit) => {
      // Windows may see one edit twice; the first stands.
      if (edit.from < end) return;
      if (edits.length > 0 && edit.from - end > 2 * REGION_CONTEXT) close();
      edits.push(edit);
      end = edit.to;
    });
  }
  close();
  return regions;
}

/** replacing makes an edit that puts one string in the place of a range. */
export function replacing(from: number, to: number, text: string, edit: Exclude<Edit, 'none'>): ViewEdit {
  return { from, to, apply: (rewrite) => rewrite.replace(from, to, text, edit) };
}

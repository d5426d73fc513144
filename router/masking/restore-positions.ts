/** Positions in a text whose placeholders were put back: citations count characters of what the model wrote, and the client reads something longer or shorter. */
import type { NativeValue } from '../chat.ts';
import type { Restored } from './restore.ts';

/** countPoints counts characters as providers do: by code point. */
export function countPoints(text: string): number {
  let points = text.length;
  for (let index = 0; index < text.length - 1; index += 1)
    if ((text.charCodeAt(index) & 0xfc00) === 0xd800 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00) points -= 1;
  return points;
}

interface Shift {
  /** In code points, as the model wrote. */
  readonly start: number;
  readonly end: number;
  /** In code points, by which everything behind it moves. */
  readonly by: number;
}

/** What moved in one choice's text. `note` and `write` take the same text in the same order. */
export class Shifts {
  readonly #shifts: Shift[] = [];
  readonly #pending: Restored[] = [];
  #text = '';

  /** Called before the piece is written that completes the token, or by it. */
  note(restored: Restored): void {
    this.#pending.push(restored);
  }

  write(text: string): void {
    this.#text += text;
    for (const { at, token, value } of this.#pending) {
      const start = countPoints(this.#text.slice(0, at));
      this.#shifts.push({ start, end: start + countPoints(token), by: countPoints(value) - countPoints(token) });
    }
    this.#pending.length = 0;
  }

  /** The annotation with its positions moved; one inside a token goes to the value's beginning or end. */
  apply(annotation: NativeValue): NativeValue {
    if (this.#shifts.length === 0) return annotation;
    const moved: Record<string, unknown> = { ...annotation };
    for (const key of ['start_index', 'index', 'end_index']) {
      const value = annotation[key];
      if (typeof value === 'number') moved[key] = this.#move(value, key === 'end_index');
    }
    return moved;
  }

  #move(index: number, isEnd: boolean): number {
    let by = 0;
    for (const shift of this.#shifts) {
      if (shift.end <= index) by += shift.by;
      else if (shift.start < index) return isEnd ? shift.end + by + shift.by : shift.start + by;
      else break;
    }
    return index + by;
  }
}

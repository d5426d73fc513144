/**
 * Edits of a document's source: named ranges replaced, members dropped or set, arrays grown. Everything else stays the very
 * bytes the strict parser covered. Overlapping edits are a fault of the caller and throw.
 */
import type { JsonDocument, Member } from './document.ts';

export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** spliceText applies edits in any order; an edit that begins inside another throws. */
export function spliceText(source: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return source;
  const ordered = edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
  let out = '';
  let position = 0;
  for (const edit of ordered) {
    if (edit.start < position || edit.end < edit.start || edit.end > source.length)
      throw new RangeError('edits overlap');
    out += source.slice(position, edit.start) + edit.text;
    position = edit.end;
  }
  return out + source.slice(position);
}

/** toJsonText serialises what we add ourselves; halves of surrogate pairs (tool output cut anywhere) become U+FFFD, since the parser refuses them. */
export function toJsonText(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => (typeof each === 'string' ? each.toWellFormed() : each));
}

export interface RootChange {
  /** Members to set, as JSON text; replaced in place or put in front. */
  readonly set?: Readonly<Record<string, string>>;
  readonly drop?: readonly string[];
  /** Items to append to arrays that are members of the root, as JSON text. The member must be an array. */
  readonly append?: Readonly<Record<string, readonly string[]>>;
}

/** grow gives the source with items at the end of an array of the root, which is made where there is none. */
export function grow(document: JsonDocument, name: string, items: readonly string[]): string {
  if (items.length === 0) return document.source;
  return editRoot(
    document,
    document.arrays.has(name) ? { append: { [name]: items } } : { set: { [name]: `[${items.join(',')}]` } },
  );
}

/** editRoot gives the source with members of the root object changed. A name both dropped and set is set. */
export function editRoot(document: JsonDocument, change: RootChange): string {
  const { source } = document;
  const set = new Map(Object.entries(change.set ?? {}));
  const drop = new Set((change.drop ?? []).filter((name) => !set.has(name)));
  const edits: Edit[] = [];
  for (const [name, items] of Object.entries(change.append ?? {})) {
    if (items.length === 0 || set.has(name) || drop.has(name)) continue;
    const array = document.arrays.get(name);
    if (array === undefined) throw new RangeError('append needs an array');
    edits.push({ start: array.close, end: array.close, text: (array.length > 0 ? ',' : '') + items.join(',') });
  }

  const members: (readonly [string, Member])[] = [...document.members];
  let kept = 0;
  for (let index = 0; index < members.length; index++) {
    const [name, member] = members[index]!;
    if (!drop.has(name)) {
      kept++;
      const text = set.get(name);
      if (text !== undefined) edits.push({ start: member.valueStart, end: member.valueEnd, text });
      set.delete(name);
      continue;
    }
    // A run of dropped members goes with the comma after it, or with the one before it when nothing follows.
    let last = index;
    while (last + 1 < members.length && drop.has(members[last + 1]![0])) last++;
    const next = members[last + 1];
    const previous = members[index - 1];
    if (next !== undefined) edits.push({ start: member.keyStart, end: next[1].keyStart, text: '' });
    else
      edits.push({
        start: previous === undefined ? member.keyStart : previous[1].valueEnd,
        end: members[last]![1].valueEnd,
        text: '',
      });
    index = last;
  }
  if (set.size > 0) {
    const at = source.indexOf('{') + 1;
    const added = [...set].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',');
    edits.push({ start: at, end: at, text: kept > 0 ? `${added},` : added });
  }
  return spliceText(source, edits);
}

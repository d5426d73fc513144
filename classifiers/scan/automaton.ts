/**
 * Many literals in one pass: an Aho-Corasick automaton with every transition worked out beforehand, over classes of
 * characters (both cases of a letter are one class), so each UTF-16 unit costs two table look-ups however many
 * literals there are. Literals match anywhere and in any ASCII case; overlapping ones are all reported.
 */

export interface Automaton {
  readonly classCount: number;
  /** UTF-16 unit -> class; 0 is every character no literal has. */
  readonly classes: Uint16Array;
  /**
   * Next state by `state + class`; states are row offsets. A negative entry is the bitwise complement of a state in which
   * at least one literal ends.
   */
  readonly next: Int32Array;
  /** Ids of the literals that end in a state, by row offset. */
  readonly ends: ReadonlyMap<number, Int32Array>;
}

/** buildAutomaton takes distinct non-empty literals; their index is their id. */
export function buildAutomaton(literals: readonly string[]): Automaton {
  const classes = new Uint16Array(65_536);
  let classCount = 1;
  const folded = literals.map((literal) => literal.toLowerCase());
  for (const literal of folded) {
    if (literal === '') throw new TypeError('a keyword trigger is empty');
    for (let index = 0; index < literal.length; index++) {
      const unit = literal.charCodeAt(index);
      if (classes[unit] !== 0) continue;
      classes[unit] = classCount;
      const upper = String.fromCharCode(unit).toUpperCase();
      // The dotless i of Turkish has the capital of i: it must not take that away from it.
      if (upper.length === 1 && upper.toLowerCase() === literal[index]) classes[upper.charCodeAt(0)] = classCount;
      classCount++;
    }
  }

  // The trie, breadth first later: rows are appended, so memory is what the literals need.
  const rows: Int32Array[] = [new Int32Array(classCount)];
  const endsHere: number[][] = [[]];
  for (const [id, literal] of folded.entries()) {
    let state = 0;
    for (let index = 0; index < literal.length; index++) {
      const unitClass = classes[literal.charCodeAt(index)] ?? 0;
      const row = rows[state];
      let target = row?.[unitClass] ?? 0;
      if (target === 0) {
        target = rows.push(new Int32Array(classCount)) - 1;
        endsHere.push([]);
        if (row) row[unitClass] = target;
      }
      state = target;
    }
    endsHere[state]?.push(id);
  }

  const fail = new Int32Array(rows.length);
  const queue: number[] = [];
  for (const target of rows[0] ?? []) if (target !== 0) queue.push(target);
  for (let head = 0; head < queue.length; head++) {
    const state = queue[head] ?? 0;
    const row = rows[state];
    const fallback = fail[state] ?? 0;
    endsHere[state]?.push(...(endsHere[fallback] ?? []));
    for (let unitClass = 1; unitClass < classCount; unitClass++) {
      const target = row?.[unitClass] ?? 0;
      const other = rows[fallback]?.[unitClass] ?? 0;
      if (target === 0) {
        if (row) row[unitClass] = other;
      } else {
        fail[target] = other;
        queue.push(target);
      }
    }
  }

  // Breadth-first numbering keeps the states that ordinary text visits next to each other.
  const order = [0, ...queue];
  const offsetOf = new Int32Array(rows.length);
  for (const [index, state] of order.entries()) offsetOf[state] = index * classCount;
  const next = new Int32Array(rows.length * classCount);
  const ends = new Map<number, Int32Array>();
  for (const state of order) {
    const offset = offsetOf[state] ?? 0;
    const ending = endsHere[state] ?? [];
    if (ending.length > 0) ends.set(offset, Int32Array.from(ending));
    for (let unitClass = 0; unitClass < classCount; unitClass++) {
      const target = rows[state]?.[unitClass] ?? 0;
      const targetOffset = offsetOf[target] ?? 0;
      next[offset + unitClass] = (endsHere[target]?.length ?? 0) > 0 ? ~targetOffset : targetOffset;
    }
  }
  return { classCount, classes, next, ends };
}

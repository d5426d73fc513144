/**
 * oldestOf takes the oldest entry out of a Map at each call, and gives it; undefined when the Map is empty. One iterator goes along for good: a fresh one walks over
 * the holes that all former oldest ones left, 70 µs at 50,000 entries. Entries set anew while the Map is in use count as young, as in any Map.
 */
export function oldestOf<Key, Value>(map: Map<Key, Value>): () => readonly [Key, Value] | undefined {
  // Made at the first call: until then it would hold on to every table the Map has outgrown.
  let entries: MapIterator<[Key, Value]> | undefined;
  return () => {
    entries ??= map.entries();
    let next = entries.next();
    if (next.done === true) {
      // An iterator that came to an end stays there.
      entries = map.entries();
      next = entries.next();
      if (next.done === true) {
        entries = undefined;
        return undefined;
      }
    }
    map.delete(next.value[0]);
    return next.value;
  };
}

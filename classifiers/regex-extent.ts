/**
 * How far a regex can look: the longest text it can match, with what its look-aheads add. Lets a window be cut as
 * short as the pattern allows. What it does not understand counts as unbounded; never too short.
 */

/** regexExtent returns UTF-16 units; Infinity when a match has no bound. */
export function regexExtent(regex: RegExp): number {
  const reader: Reader = {
    source: regex.source,
    at: 0,
    unit: regex.unicode || regex.unicodeSets ? 2 : 1,
    sets: regex.unicodeSets,
  };
  const extent = alternatives(reader);
  return reader.at === reader.source.length ? extent.reach : Infinity;
}

interface Reader {
  readonly source: string;
  at: number;
  /** UTF-16 units one atom may take: two when the regex reads code points. */
  readonly unit: number;
  readonly sets: boolean;
}

/** `length`: longest match. `reach`: furthest unit looked at, from the start of the match. */
interface Extent {
  readonly length: number;
  readonly reach: number;
}

function alternatives(reader: Reader): Extent {
  let length = 0;
  let reach = 0;
  for (;;) {
    const sequence = sequenceExtent(reader);
    length = Math.max(length, sequence.length);
    reach = Math.max(reach, sequence.reach);
    if (reader.source[reader.at] !== '|') return { length, reach: Math.max(length, reach) };
    reader.at++;
  }
}

function sequenceExtent(reader: Reader): Extent {
  let length = 0;
  let reach = 0;
  while (reader.at < reader.source.length && reader.source[reader.at] !== '|' && reader.source[reader.at] !== ')') {
    const atom = atomExtent(reader);
    const times = quantifier(reader);
    const repeated = atom.length === 0 ? 0 : atom.length * times;
    reach = Math.max(
      reach,
      length + Math.max(repeated, times > 1 && atom.length > 0 ? repeated - atom.length + atom.reach : atom.reach),
    );
    length += repeated;
    if (length === Infinity) reach = Infinity;
  }
  return { length, reach: Math.max(length, reach) };
}

function atomExtent(reader: Reader): Extent {
  const { source, unit } = reader;
  const character = source[reader.at];
  const one = { length: unit, reach: unit };
  switch (character) {
    case '^':
    case '$':
      reader.at++;
      return { length: 0, reach: 1 };
    case '[':
      skipClass(reader);
      // A `v` class may hold strings.
      return reader.sets ? { length: Infinity, reach: Infinity } : one;
    case '(':
      return groupExtent(reader);
    case '\\':
      return escapeExtent(reader);
    default:
      reader.at++;
      // A surrogate pair of the source is one atom of at most two units either way.
      return one;
  }
}

function groupExtent(reader: Reader): Extent {
  const opening = /^\((?:\?(?:(?<behind><[=!])|(?<ahead>[=!])|<[^>]{1,64}>|[a-z]{0,6}(?:-[a-z]{1,6})?:))?/.exec(
    reader.source.slice(reader.at, reader.at + 80),
  );
  reader.at += opening?.[0].length ?? 1;
  const inner = alternatives(reader);
  if (reader.source[reader.at] !== ')') return { length: Infinity, reach: Infinity };
  reader.at++;
  if (opening?.groups?.['behind'] !== undefined) return { length: 0, reach: 0 };
  return opening?.groups?.['ahead'] !== undefined ? { length: 0, reach: inner.reach } : inner;
}

function escapeExtent(reader: Reader): Extent {
  const rest = reader.source.slice(reader.at, reader.at + 80);
  const one = { length: reader.unit, reach: reader.unit };
  if (/^\\[bB]/.test(rest)) {
    reader.at += 2;
    return { length: 0, reach: 1 };
  }
  // A back-reference repeats what may be anything.
  if (/^\\(?:[1-9]|k<)/.test(rest)) {
    reader.at += 2;
    return { length: Infinity, reach: Infinity };
  }
  const escape = /^\\(?:[pP]\{[^}]{1,64}\}|u\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|c[A-Za-z]|[^])/.exec(
    rest,
  );
  reader.at += escape?.[0].length ?? 2;
  return one;
}

function skipClass(reader: Reader): void {
  let depth = 0;
  for (; reader.at < reader.source.length; reader.at++) {
    const character = reader.source[reader.at];
    if (character === '\\') reader.at++;
    else if (character === '[' && (depth === 0 || reader.sets)) depth++;
    else if (character === ']' && --depth === 0) break;
  }
  reader.at++;
}

function quantifier(reader: Reader): number {
  const match = /^(?:[*+?]|\{(?<least>\d{1,9})(?<comma>,(?<most>\d{0,9}))?\})\??/.exec(
    reader.source.slice(reader.at, reader.at + 24),
  );
  if (!match) return 1;
  reader.at += match[0].length;
  if (match[0].startsWith('?')) return 1;
  if (match[0].startsWith('*') || match[0].startsWith('+')) return Infinity;
  const { least, comma, most } = match.groups ?? {};
  if (comma === undefined) return Number(least);
  return most ? Number(most) : Infinity;
}

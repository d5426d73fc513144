/** gazetteers packs the name lists into Bloom tables: pure, same lists, same bytes. */
import { createHash } from 'node:crypto';
import type { BloomData } from '../linear/bloom.ts';
import { BloomList } from '../linear/bloom.ts';
import { combine, SHAPE, Words } from '../linear/words.ts';
import { FUNCTION_WORDS } from './function-words.ts';
import { PUBLIC_FULL_NAMES, PUBLIC_SURNAMES } from './public-figures.ts';
import { AUTHORS, CITIES, COUNTRIES, DICTIONARY, FIRST_NAMES, LAST_NAMES } from './word-lists.ts';

const words = new Words(64);

function wordHashes(entries: readonly string[]): ReadonlySet<number> {
  const hashes = new Set<number>();
  for (const entry of entries) {
    words.scan(entry);
    for (let at = 0; at < words.count; at += 1) {
      // One letter is an initial, one ideograph half a name: neither is worth an entry.
      const long = (words.end[at] as number) - (words.start[at] as number) > 1;
      if (long && ((words.shape[at] as number) & (SHAPE.allDigit | SHAPE.ideograph)) === 0)
        hashes.add(words.hash[at] as number);
    }
  }
  return hashes;
}
function phraseHashes(entries: readonly string[]): ReadonlySet<number> {
  const hashes = new Set<number>();
  for (const entry of entries) {
    words.scan(entry);
    if (words.count < 2) continue;
    let hash = words.hash[0] as number;
    for (let at = 1; at < words.count; at += 1) hash = combine(hash, words.hash[at] as number);
    hashes.add(hash);
  }
  return hashes;
}
function pack(hashes: ReadonlySet<number>, perEntry = 10): BloomData {
  const bits = Math.max(10, Math.ceil(Math.log2(hashes.size * perEntry)));
  const bloom = new BloomList(bits, new Uint8Array(1 << (bits - 3)));
  for (const hash of hashes) bloom.add(hash);
  const buffer = Buffer.from(bloom.bytes);
  return { bits, sha256: createHash('sha256').update(buffer).digest('hex'), base64: buffer.toString('base64') };
}

/** Words that stand in place names and say nothing alone. */
const PLACE_NOISE = new Set(
  wordHashes([
    'of the and de la le les el los las di da do dos das du des in am an der die das saint san santa new old north south east west upper lower al ad see bad',
  ]),
);

export function gazetteers(): Readonly<Record<string, BloomData>> {
  const places = new Set([...wordHashes([...CITIES, ...COUNTRIES])].filter((hash) => !PLACE_NOISE.has(hash)));
  const functionWords = wordHashes(FUNCTION_WORDS);
  const names = (entries: readonly string[]): ReadonlySet<number> =>
    new Set([...wordHashes(entries)].filter((hash) => !functionWords.has(hash)));
  return {
    FIRST_NAMES: pack(names(FIRST_NAMES)),
    LAST_NAMES: pack(names(LAST_NAMES)),
    CITIES: pack(places),
    DICTIONARY: pack(new Set([...wordHashes(DICTIONARY), ...functionWords])),
    PUBLIC_NAMES: pack(phraseHashes([...PUBLIC_FULL_NAMES, ...AUTHORS]), 24),
    PUBLIC_WORDS: pack(wordHashes(PUBLIC_SURNAMES), 24),
  };
}

export function gazetteerModule(script: string): string {
  const tables = Object.entries(gazetteers()).map(
    ([name, { bits, sha256, base64 }]) =>
      `export const ${name}: BloomData = {\n  bits: ${bits},\n  sha256: '${sha256}',\n  base64:\n    '${base64}',\n};\n`,
  );
  return [
    `/** Written by ${script}; do not edit. Names and places from @faker-js/faker 10 (MIT, see docs/decisions), hashed. */`,
    "import type { BloomData } from '../linear/bloom.ts';",
    '',
    tables.join('\n'),
  ].join('\n');
}

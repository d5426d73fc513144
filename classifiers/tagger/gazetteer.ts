/** What the lists know about one word, as bits; read once per word of a text. */
import { BloomList } from '../linear/bloom.ts';
import { CITIES, DICTIONARY, FIRST_NAMES, LAST_NAMES, PUBLIC_NAMES, PUBLIC_WORDS } from './gazetteer-data.ts';

export const KNOWN = { first: 1, last: 2, place: 4, dictionary: 8 } as const;

const first = BloomList.decode(FIRST_NAMES);
const last = BloomList.decode(LAST_NAMES);
const place = BloomList.decode(CITIES);
const dictionary = BloomList.decode(DICTIONARY);
const publicNames = BloomList.decode(PUBLIC_NAMES);
const publicWords = BloomList.decode(PUBLIC_WORDS);

export function knownBits(hash: number): number {
  return (
    (first.has(hash) ? KNOWN.first : 0) |
    (last.has(hash) ? KNOWN.last : 0) |
    (place.has(hash) ? KNOWN.place : 0) |
    (dictionary.has(hash) ? KNOWN.dictionary : 0)
  );
}
/** isPublicName takes the hash of a whole name: its words folded together in order. */
export const isPublicName = (hash: number): boolean => publicNames.has(hash);
/** isPublicWord: a surname or mononym that means one well-known person. */
export const isPublicWord = (hash: number): boolean => publicWords.has(hash);

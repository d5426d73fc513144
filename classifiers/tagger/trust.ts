/**
 * trustLists tags as people what lists and titles say plainly, whatever the model made of it: a listed first name before
 * a capitalised word, a word after `Mrs.` or after `says`. The model has seen few of the sentences people write, the
 * lists nearly all first names.
 */
import { SHAPE } from '../linear/words.ts';
import { isCandidate } from './candidates.ts';
import { SPEECH, TITLES } from './cues.ts';
import { TAGS } from './features.ts';
import { KNOWN } from './gazetteer.ts';
import type { Tokens } from './tokens.ts';
import { GAP } from './tokens.ts';

const PERSON = TAGS.indexOf('PERSON');
const CERTAINTY = 0.6;
/** A model surer than this that it is a place or an organisation is believed. */
const SURE = 0.8;

export function trustLists(tokens: Tokens, tags: Uint8Array, certainty: Float32Array): void {
  const trust = (at: number): void => {
    if (tags[at] === PERSON || (tags[at] !== 0 && (certainty[at] as number) > SURE)) return;
    tags[at] = PERSON;
    certainty[at] = CERTAINTY;
  };
  const { names, nameCount } = tokens.words;
  for (let index = 0; index < nameCount; index += 1) {
    const at = names[index] as number;
    if ((tokens.shapeAt(at) & SHAPE.initialUpper) === 0 || !isNameShaped(tokens, at)) continue;
    const known = tokens.knownAt(at);
    const before = tokens.hashAt(at - 1);
    const gap = tokens.gapAt(at);
    const titled = TITLES.has(before) && (gap === GAP.space || gap === GAP.sentence);
    if (titled || (SPEECH.has(before) && gap === GAP.space && (known & (KNOWN.dictionary | KNOWN.place)) === 0))
      trust(at);
    if (tokens.gapAt(at + 1) !== GAP.space || !isNameShaped(tokens, at + 1)) continue;
    const last = tokens.knownAt(at + 1);
    const firstOnly = (known & (KNOWN.first | KNOWN.dictionary)) === KNOWN.first;
    if ((!firstOnly && !(titled && (known & KNOWN.first) !== 0)) || (last & KNOWN.dictionary) !== 0) continue;
    if (!titled && (last & (KNOWN.last | KNOWN.place)) === KNOWN.place) continue;
    trust(at);
    trust(at + 1);
  }
}

/** Keys whose values are names of people; plain `name` is as often a tool's or a file's. */
const NAME_KEY =
  /(?:^|[^a-z])(?:(?:first|last|full|given|family|middle|maiden|patient|customer|employee|contact|client|student|member|guest|tenant|holder)[\s_-]?name|surname|patient|vorname|nachname|pr[eé]nom|apellidos?)s?$/i;
/** Words of the longest value that is only a name. */
const LONGEST_NAME = 6;

const nameKeys = new Map<string, boolean>();
/** Keys repeat; past so many the memory starts over. */
const MOST_KEYS = 1024;

function isNameKey(hint: string): boolean {
  const key = hint.slice(-48);
  const known = nameKeys.get(key);
  if (known !== undefined) return known;
  const is = NAME_KEY.test(key.replaceAll(/([a-z])([A-Z])/g, '$1_$2'));
  if (nameKeys.size >= MOST_KEYS) nameKeys.clear();
  nameKeys.set(key, is);
  return is;
}

/** trustKey tags a short value under a key that says it is a person's name; true when it did. */
export function trustKey(tokens: Tokens, hint: string, tags: Uint8Array, certainty: Float32Array): boolean {
  if (hint === '' || tokens.count === 0 || tokens.count > LONGEST_NAME) return false;
  if (!isNameKey(hint)) return false;
  for (let at = 0; at < tokens.count; at += 1) {
    // Numbers and identifiers (a mask's placeholder is one) are no names, whatever the key says.
    if ((tokens.shapeAt(at) & (SHAPE.hasDigit | SHAPE.underscore)) !== 0) return false;
  }
  for (let at = 0; at < tokens.count; at += 1) {
    if (TITLES.has(tokens.hashAt(at))) continue;
    tags[at] = PERSON;
    certainty[at] = SURE;
  }
  return true;
}

const OTHER_SHAPE = SHAPE.allUpper | SHAPE.hasDigit | SHAPE.underscore;
const isNameShaped = (tokens: Tokens, at: number): boolean =>
  (tokens.shapeAt(at) & (SHAPE.initialUpper | OTHER_SHAPE)) === SHAPE.initialUpper &&
  tokens.lengthAt(at) > 2 &&
  isCandidate(tokens, at, 0);

/**
 * isCandidate is the gate: only these words cost a model evaluation. Everything else is no name. Lets through words
 * with a capital, words of the lists next to another name or after a cue, and words of scripts without case.
 */
import { SHAPE } from '../linear/words.ts';
import { INTRODUCTION, NAME_CUES, PARTICLES, TITLES, VERBS } from './cues.ts';
import { KNOWN } from './gazetteer.ts';
import type { Tokens } from './tokens.ts';
import { GAP } from './tokens.ts';

const NAMEY = KNOWN.first | KNOWN.last;
const PERSON = 1;
const NO_NAME = SHAPE.hasDigit | SHAPE.underscore | SHAPE.ideograph;

export function isCandidate(tokens: Tokens, at: number, previousTag: number): boolean {
  const shape = tokens.shapeAt(at);
  if ((shape & NO_NAME) !== 0) return false;
  if ((shape & SHAPE.initialUpper) === 0) return isSmallCandidate(tokens, at, previousTag);
  if (TITLES.has(tokens.hashAt(at)) && isTitleGap(tokens.gapAt(at + 1))) return false;
  if ((shape & SHAPE.allUpper) !== 0 && tokens.lengthAt(at) > 1)
    return previousTag !== 0 || (tokens.knownAt(at) & (NAMEY | KNOWN.place)) !== 0;
  return (shape & SHAPE.innerUpper) === 0 || isMixedName(tokens, at);
}

/**
 * `The`, `When`, `Please`: a word of the dictionary and of no list of names owes its capital to where it stands. Asked when
 * tagging only: training learns from these words what a name is not.
 */
export function isSentenceStart(tokens: Tokens, at: number): boolean {
  if ((tokens.knownAt(at) & (KNOWN.dictionary | NAMEY | KNOWN.place)) !== KNOWN.dictionary) return false;
  const gap = tokens.gapAt(at);
  if (!startsLine(tokens, at) && gap !== GAP.quote && gap !== GAP.colon && gap !== GAP.bracket) return false;
  // `Apple Inc`, `The Hague`; `Mr. Young` starts no sentence.
  const beforeName = (tokens.shapeAt(at + 1) & SHAPE.initialUpper) !== 0 && tokens.gapAt(at + 1) === GAP.space;
  return !beforeName && !TITLES.has(tokens.hashAt(at - 1));
}

/** Most words of most texts end here, so the cheap questions come first and the lists last. */
function isSmallCandidate(tokens: Tokens, at: number, previousTag: number): boolean {
  if (previousTag !== 0 && PARTICLES.has(tokens.hashAt(at))) return true;
  // Hebrew, Arabic, Indic, Thai, Hangul: no capitals to go by.
  if (tokens.text.charCodeAt(tokens.words.start[at] as number) >= 0x590) return (tokens.knownAt(at) & NAMEY) !== 0;
  const cue = cueBefore(tokens, at);
  if (!tokens.caseless && cue < 0 && previousTag === 0 && !startsLine(tokens, at)) return false;
  const known = tokens.knownAt(at);
  if ((known & KNOWN.dictionary) !== 0 || tokens.lengthAt(at) < 3 || TITLES.has(tokens.hashAt(at))) return false;
  if (cue === INTRODUCTION) return true;
  // The surname nobody listed, after a first name: `anna szczepkowska`.
  if (tokens.caseless && previousTag === PERSON && tokens.gapAt(at) === GAP.space) return true;
  if ((known & NAMEY) === 0) return false;
  if (previousTag !== 0 || cue >= 0 || stands(tokens, at)) return true;
  if (!tokens.caseless || (known & KNOWN.first) === 0 || tokens.gapAt(at + 1) !== GAP.space) return false;
  const initial = tokens.lengthAt(at + 1) === 1 ? 1 : 0;
  return (tokens.knownAt(at + 1 + initial) & KNOWN.dictionary) === 0 && tokens.lengthAt(at + 1 + initial) > 2;
}

function startsLine(tokens: Tokens, at: number): boolean {
  const gap = tokens.gapAt(at);
  return gap === GAP.start || gap === GAP.newline || gap === GAP.sentence;
}

/** Where a lone small name is plain: `anna, come`, `anna is late`, `ben, carla and dan`, `carla's brother`. */
function stands(tokens: Tokens, at: number): boolean {
  const [before, after] = [tokens.gapAt(at), tokens.gapAt(at + 1)];
  const starts = startsLine(tokens, at);
  if (starts && (after === GAP.comma || after === GAP.colon)) return true;
  if (!tokens.caseless || (tokens.knownAt(at) & KNOWN.first) === 0) return false;
  if (starts && VERBS.has(tokens.hashAt(at + 1))) return true;
  if (after === GAP.quote && tokens.lengthAt(at + 1) === 1) return true;
  return (after === GAP.comma && isFirstName(tokens, at + 1)) || (before === GAP.comma && isFirstName(tokens, at - 1));
}

const isFirstName = (tokens: Tokens, at: number): boolean =>
  (tokens.knownAt(at) & (KNOWN.first | KNOWN.dictionary)) === KNOWN.first;

const isTitleGap = (gap: number): boolean => gap === GAP.space || gap === GAP.sentence;

/** cueBefore is the group of the name cue right before a word, or -1. */
export function cueBefore(tokens: Tokens, at: number): number {
  const one = tokens.hashAt(at - 1);
  const pair = at >= 2 ? NAME_CUES.pair(tokens.hashAt(at - 2), one) : -1;
  return pair >= 0 ? pair : NAME_CUES.single(one);
}

/** `McDonald`, `O'Brien`, `DeVito`: one capital inside, soon after the first. `fooBar`, `GraphQL` are none. */
function isMixedName(tokens: Tokens, at: number): boolean {
  const start = tokens.words.start[at] as number;
  const word = tokens.text.slice(start, Math.min(tokens.words.end[at] as number, start + 24));
  return /^\p{Lu}(?:['’]|\p{Ll}{1,2}['’]?)\p{Lu}\p{Ll}{2,20}$/u.test(word);
}

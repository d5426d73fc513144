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
  if (TITLES.has(tokens.hashAt(at)) && isTitleGap(tokens.gapAt(at + 1))) return false;
  if ((shape & SHAPE.initialUpper) !== 0) {
    if ((shape & SHAPE.allUpper) !== 0 && tokens.lengthAt(at) > 1)
      return previousTag !== 0 || (tokens.knownAt(at) & (NAMEY | KNOWN.place)) !== 0;
    return (shape & SHAPE.innerUpper) === 0 || isMixedName(tokens, at);
  }
  if (previousTag !== 0 && PARTICLES.has(tokens.hashAt(at))) return true;
  const start = tokens.words.start[at] as number;
  const known = tokens.knownAt(at);
  // Hebrew, Arabic, Indic, Thai, Hangul: no capitals to go by.
  if (tokens.text.charCodeAt(start) >= 0x590) return (known & NAMEY) !== 0;
  if (introduced(tokens, at)) return (known & KNOWN.dictionary) === 0;
  if ((known & KNOWN.dictionary) !== 0) return false;
  // The surname nobody listed, after a first name: `anna szczepkowska`.
  if (previousTag === PERSON && tokens.gapAt(at) === GAP.space && tokens.lengthAt(at) > 2) return true;
  if ((known & NAMEY) === 0) return false;
  if (previousTag !== 0 || cueBefore(tokens, at) >= 0 || stands(tokens, at)) return true;
  if (!tokens.caseless || (known & KNOWN.first) === 0 || tokens.gapAt(at + 1) !== GAP.space) return false;
  const initial = tokens.lengthAt(at + 1) === 1 ? 1 : 0;
  return (tokens.knownAt(at + 1 + initial) & KNOWN.dictionary) === 0 && tokens.lengthAt(at + 1 + initial) > 2;
}

/** Where a lone small name is plain: `anna, come`, `anna is late`, `ben, carla and dan`, `carla's brother`. */
function stands(tokens: Tokens, at: number): boolean {
  const [before, after] = [tokens.gapAt(at), tokens.gapAt(at + 1)];
  const starts = before === GAP.start || before === GAP.newline || before === GAP.sentence;
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

function introduced(tokens: Tokens, at: number): boolean {
  return cueBefore(tokens, at) === INTRODUCTION && tokens.lengthAt(at) > 2;
}

/** `McDonald`, `O'Brien`, `DeVito`: one capital inside, soon after the first. `fooBar`, `GraphQL` are none. */
function isMixedName(tokens: Tokens, at: number): boolean {
  const start = tokens.words.start[at] as number;
  const word = tokens.text.slice(start, Math.min(tokens.words.end[at] as number, start + 24));
  return /^\p{Lu}(?:['’]|\p{Ll}{1,2}['’]?)\p{Lu}\p{Ll}{2,20}$/u.test(word);
}

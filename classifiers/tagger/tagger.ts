/**
 * NAME_TAGGER reports people, places and organisations in running text: a linear model over words, lists of names and
 * their surroundings, trained by classifiers/training/write-weights.ts. It can only add findings; what it misses, the
 * recognizers of identifiers still see.
 */
import { toScore } from '../finding.ts';
import type { ScoreStep } from '../finding.ts';
import type { Tagger } from '../recognizer.ts';
import { TAGGER_WINDOW } from '../recognizer.ts';
import { hintHash, TAGS } from './features.ts';
import { readFrame } from './frame.ts';
import type { Frame } from './frame.ts';
import { readMentions } from './mentions.ts';
import type { Mention } from './mentions.ts';
import { TagModel } from './model.ts';
import { isEponym, privacyOf } from './privacy.ts';
import { Tokens } from './tokens.ts';
import { TAGGER_WEIGHTS } from './weights.ts';

const MODEL = 'names-1';
const CALM: Frame = { exercise: 0, exam: 0, fiction: 0, code: 0, records: 0, publicLife: 0 };
const [, PERSON, LOCATION] = TAGS.keys();
/** From here on a name identifies by itself; below, it is evidence for combinations. */
const PRIVATE = 0.5;

const model = new TagModel(TAGGER_WEIGHTS);
const tokens = new Tokens(TAGGER_WINDOW);
const tags = new Uint8Array(TAGGER_WINDOW);
const certainty = new Float32Array(TAGGER_WINDOW);

export const NAME_TAGGER: Tagger = {
  name: 'names',
  entities: ['PERSON', 'PRIVATE_PERSON', 'LOCATION', 'ORGANIZATION'],
  tag(input, window, sink) {
    tokens.read(input.text, window.start, window.end);
    model.tagWords(tokens, hintHash(input.hint), tags, certainty);
    const mentions = readMentions(tokens, tags, certainty).filter(
      (mention) => mention.names > 0 && (mention.tag !== PERSON || !isEponym(tokens, mention)),
    );
    if (mentions.length === 0) return;
    const people = mentions.filter(({ tag, listed }) => tag === PERSON && listed >= 1).length;
    const places = mentions.filter(({ tag }) => tag === LOCATION).length;
    const frame = mentions.some(({ tag }) => tag === PERSON) ? readFrame(tokens) : CALM;
    for (const mention of mentions) {
      const start = tokens.words.start[mention.from] as number;
      const end = tokens.words.end[mention.to - 1] as number;
      if (mention.tag !== PERSON) {
        const steps: ScoreStep[] = [{ kind: 'model', model: MODEL, score: toScore(mention.certainty) }];
        sink.candidate({
          entity: TAGS[mention.tag] as string,
          start,
          end,
          score: mention.certainty,
          pattern: MODEL,
          steps,
        });
        continue;
      }
      sink.candidate(personOf(mention, frame, { people, places }, start, end));
    }
  },
};

function personOf(
  mention: Mention,
  frame: Frame,
  company: { readonly people: number; readonly places: number },
  start: number,
  end: number,
): Parameters<Parameters<Tagger['tag']>[2]['candidate']>[0] {
  const { score, raised, damped } = privacyOf(tokens, mention, frame, company);
  const steps: ScoreStep[] = [{ kind: 'model', model: MODEL, score: toScore(mention.certainty) }];
  for (const word of raised) steps.push({ kind: 'context', word, score: toScore(score) });
  for (const by of damped) steps.push({ kind: 'damped', by, score: toScore(score) });
  if (score >= PRIVATE) return { entity: 'PRIVATE_PERSON', start, end, score, pattern: MODEL, steps };
  // Damped below any use: an exercise's or a famous name must not complete a combination either.
  const doubted = mention.listed < 1 && mention.names + mention.initials < 2 && raised.length === 0;
  const evidence =
    damped.length > 0 ? Math.min(mention.certainty, score + 0.1) : mention.certainty * (doubted ? 0.6 : 1);
  return { entity: 'PERSON', start, end, score: evidence, pattern: MODEL, steps };
}

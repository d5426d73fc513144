/**
 * NAME_TAGGER reports people, places and organisations in running text: a linear model over words, lists of names and
 * their surroundings, trained by classifiers/training/write-weights.ts. It can only add findings; what it misses, the
 * recognizers of identifiers still see.
 */
import { toScore } from '../finding.ts';
import type { ScoreStep } from '../finding.ts';
import type { Tagger } from '../recognizer.ts';
import { TAGGER_WINDOW } from '../recognizer.ts';
import { AUTHORSHIP, isAuthorship } from '../recognizers/pii/authorship.ts';
import { hintHash, TAGS } from './features.ts';
import { readFrame } from './frame.ts';
import type { Frame } from './frame.ts';
import { readMentions } from './mentions.ts';
import type { Mention } from './mentions.ts';
import { TagModel } from './model.ts';
import { isEponym, privacyOf } from './privacy.ts';
import type { Weighing } from './privacy.ts';
import { Tokens } from './tokens.ts';
import { trustKey } from './trust.ts';
import { TAGGER_WEIGHTS } from './weights.ts';

const MODEL = 'names-1';
const CALM: Frame = { exercise: 0, exam: 0, fiction: 0, code: 0, records: 0, publicLife: 0 };
const [, PERSON, LOCATION] = TAGS.keys();
/** From here on a name identifies by itself; below, it is evidence for combinations. */
const PRIVATE = 0.5;
/** Evidence of one word nobody lists, with nothing around it that speaks of people. */
const DOUBTED = 0.45;

const model = new TagModel(TAGGER_WEIGHTS);
const tokens = new Tokens(TAGGER_WINDOW);
const tags = new Uint8Array(TAGGER_WINDOW);
const certainty = new Float32Array(TAGGER_WINDOW);

export const NAME_TAGGER: Tagger = {
  name: 'names',
  entities: ['PERSON', 'PRIVATE_PERSON', AUTHORSHIP, 'LOCATION', 'ORGANIZATION'],
  tag(input, window, sink) {
    tokens.read(input.text, window.start, window.end, input.words);
    const isTagged = model.tagWords(tokens, tokens.words.nameCount === 0 ? 0 : hintHash(input.hint), tags, certainty);
    const keyed = trustKey(tokens, input.hint, tags, certainty);
    if (!isTagged && !keyed) return;
    const mentions = readMentions(tokens, tags, certainty).filter(
      (mention) =>
        mention.names > 0 &&
        (mention.tag !== PERSON || !(isEponym(tokens, mention) || isInAddress(input.text, mention))),
    );
    if (mentions.length === 0) return;
    const people = mentions.filter(({ tag, listed }) => tag === PERSON && listed >= 1).length;
    const places = mentions.filter(({ tag }) => tag === LOCATION).length;
    const frame = mentions.some(({ tag }) => tag === PERSON) ? readFrame(tokens) : CALM;
    for (const mention of mentions) {
      const start = tokens.words.start[mention.from] as number;
      const end = withPeriod(input.text, mention);
      const modelled: ScoreStep = { kind: 'model', model: MODEL, score: toScore(mention.certainty) };
      if (mention.tag !== PERSON) {
        const entity = TAGS[mention.tag] as string;
        sink.candidate({ entity, start, end, score: mention.certainty, pattern: MODEL, steps: [modelled] });
        continue;
      }
      const weighing = privacyOf(tokens, mention, frame, { people, places, keyed });
      const { form, score, steps } = weighing;
      if (score >= PRIVATE && isAuthorship(input.text, start, input.hint)) {
        const damped: ScoreStep = { kind: 'damped', by: 'authorship', score: toScore(score) };
        sink.candidate({ entity: AUTHORSHIP, start, end, score, pattern: form, steps: [modelled, ...steps, damped] });
        continue;
      }
      if (score >= PRIVATE)
        sink.candidate({ entity: 'PRIVATE_PERSON', start, end, score, pattern: form, steps: [modelled, ...steps] });
      const evidence = evidenceOf(mention, weighing);
      const damped = steps.flatMap((step) => (step.kind === 'damped' ? [{ ...step, score: toScore(evidence) }] : []));
      if (damped.length === 0 && evidence < mention.certainty)
        damped.push({ kind: 'damped', by: 'unlisted-word', score: toScore(evidence) });
      // Both, so that a raised threshold of PRIVATE_PERSON still leaves a person for combinations.
      sink.candidate({ entity: 'PERSON', start, end, score: evidence, pattern: form, steps: [modelled, ...damped] });
    }
  },
};

/** Longest part of an address that is walked over. */
const LONGEST_PART = 64;
const ADDRESS_UNIT = /[\p{L}\p{N}._+-]/u;

/** `karin@holmberg-tools.se`: both sides of an `@` without a blank are the e-mail recognizer's. */
function isInAddress(text: string, mention: Mention): boolean {
  let before = tokens.words.start[mention.from] as number;
  let after = tokens.words.end[mention.to - 1] as number;
  const [first, last] = [before, after];
  while (first - before < LONGEST_PART && ADDRESS_UNIT.test(text[before - 1] ?? '')) before -= 1;
  if (text[before - 1] === '@' && ADDRESS_UNIT.test(text[before - 2] ?? '')) return true;
  while (after - last < LONGEST_PART && ADDRESS_UNIT.test(text[after] ?? '')) after += 1;
  return text[after] === '@' && ADDRESS_UNIT.test(text[after + 1] ?? '');
}

/** `Robert L.`: the period belongs to the initial. */
function withPeriod(text: string, mention: Mention): number {
  const last = mention.to - 1;
  const end = tokens.words.end[last] as number;
  const isInitial = mention.to - mention.from > 1 && tokens.lengthAt(last) === 1;
  return isInitial && text.charCodeAt(end) === 0x2e ? end + 1 : end;
}

/** A damped name must not complete a combination either: a patient called in an exam question is no patient. */
function evidenceOf(mention: Mention, weighing: Weighing): number {
  if (weighing.isDamped) return Math.min(mention.certainty, weighing.score + 0.1);
  return weighing.form === 'lone-name' && mention.listed < 1 && !weighing.isRaised
    ? Math.min(mention.certainty, DOUBTED)
    : mention.certainty;
}

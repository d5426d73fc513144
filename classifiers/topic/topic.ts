/**
 * topicSignals says which confidential subjects a text is about, and whether it asks to be kept inside. Weak signals:
 * they join with entities in the policy's combinations and never decide alone, because a question about an illness
 * reads like a note about a patient. Reads whole words only; missing a subject loses a combination, never a finding.
 */
import { TAGGER_WINDOW } from '../recognizer.ts';
import type { Tagger } from '../recognizer.ts';
import type { Signal } from '../verdict.ts';
import { DescribedWords } from '../skim/described-words.ts';
import type { WordList } from '../skim/word-list.ts';
import { TOPIC_CUES, TOPICS } from './cues.ts';
import type { Topic } from './cues.ts';
import { localityScore } from './locality.ts';
import { possessions } from './possession.ts';

/** Words of one window; TAGGER_WINDOW units hold fewer, unless they are ideographs. */
const own = new DescribedWords(TAGGER_WINDOW);
const WEAK = 0.4;
const STRONG = 1;
/** Signals below are not worth carrying; combinations ask for 0.5. */
const REPORTED = 0.3;
/** A text of this many words needs no discount; in longer ones single words of a subject turn up by chance. */
const SHORT = 120;

const NONE: readonly Omit<Signal, 'pointer'>[] = [];
const seen = new Set<number>();
const evidence = new Float64Array(TOPICS.length);

export function topicSignals(text: string, pointer: string, from = 0, to = text.length): readonly Signal[] {
  own.read(text, from, to);
  return signalsOf(own).map((signal) => ({ ...signal, pointer }));
}

function signalsOf(words: WordList): readonly Omit<Signal, 'pointer'>[] {
  if (words.cueCount === 0) return NONE;
  seen.clear();
  evidence.fill(0);
  for (let index = 0; index < words.cueCount; index += 1) {
    const at = words.cues[index] as number;
    const hash = words.hash[at] as number;
    const single = TOPIC_CUES.single(hash);
    if (single >= 0) count(single, hash);
    if (at + 1 < words.count) {
      const next = words.hash[at + 1] as number;
      const pair = TOPIC_CUES.pair(hash, next);
      if (pair >= 0) count(pair, hash ^ (next << 1));
    }
  }
  const { code, document, records } = possessions(words);
  raise('internal-code', code);
  raise('strategy', document);
  raise('personal-data', records);
  const signals: Omit<Signal, 'pointer'>[] = [];
  const discount = Math.min(1, Math.sqrt(SHORT / Math.max(1, words.count)));
  for (const [at, topic] of TOPICS.entries()) {
    const score = 1 - Math.exp(-0.7 * (evidence[at] as number) * discount);
    if (score >= REPORTED) signals.push({ kind: 'topic', name: `topic:${topic}`, score });
  }
  const locality = localityScore(words);
  if (locality > 0) signals.push({ kind: 'locality', name: 'locality', score: locality });
  return signals;
}

function raise(topic: Topic, weight: number): void {
  const at = TOPICS.indexOf(topic);
  evidence[at] = (evidence[at] as number) + weight;
}

/** Each cue counts once: repeating a word makes no subject. */
function count(group: number, key: number): void {
  if (seen.has(key)) return;
  seen.add(key);
  const topic = group >> 1;
  evidence[topic] = (evidence[topic] as number) + ((group & 1) === 1 ? STRONG : WEAK);
}

export const TOPIC_TAGGER: Tagger = {
  name: 'topic',
  entities: [],
  tag(input, window, sink) {
    if (input.words === undefined) own.read(input.text, window.start, window.end);
    for (const signal of signalsOf(input.words ?? own)) sink.signal(signal);
  },
};

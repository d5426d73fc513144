/** complexityCorpus makes labelled prompts from the templates of this folder: 1 needs a strong model, 0 does not. */
import { EASY_SLOTS, EASY_TEMPLATES } from './easy-prompts.ts';
import { HARD_EXTRA, HARD_SLOTS, HARD_TEMPLATES } from './hard-prompts.ts';
import { fill, Random } from './random.ts';

export interface LabelledPrompt {
  readonly text: string;
  readonly hard: 0 | 1;
}

/** `rounds` fillings of every template, shuffled. Casing and politeness vary, so that neither carries the label. */
export function complexityCorpus(seed: number, rounds: number): readonly LabelledPrompt[] {
  const random = new Random(seed);
  const hardSlots = { ...HARD_SLOTS, ...HARD_EXTRA };
  const prompts: LabelledPrompt[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const template of HARD_TEMPLATES)
      prompts.push({ text: vary(fill(template, hardSlots, random), random), hard: 1 });
    for (const template of EASY_TEMPLATES)
      prompts.push({ text: vary(fill(template, EASY_SLOTS, random), random), hard: 0 });
  }
  return random.shuffle(prompts);
}

const OPENERS = [
  'Please ',
  'Hi, ',
  'Can you help? ',
  'Hello! ',
  'I have a question. ',
  'Quick one: ',
  'For work: ',
] as const;
const CLOSERS = [' Thanks!', ' Thank you.', '\n\nThanks in advance', ' please', ' Answer in English.'] as const;

function vary(text: string, random: Random): string {
  let varied = text;
  if (random.chance(0.12)) varied = random.pick(OPENERS) + varied;
  if (random.chance(0.1)) varied += random.pick(CLOSERS);
  return random.chance(0.15) ? varied.toLowerCase() : varied;
}

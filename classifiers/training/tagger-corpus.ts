/** taggerCorpus makes labelled texts: our templates filled with names of many locales, noised as people and exports write. */
import { ORDINARY_TEMPLATES } from './ordinary-templates.ts';
import { OTHER_TEMPLATES } from './other-templates.ts';
import { PERSON_TEMPLATES } from './person-templates.ts';
import { RECORD_TEMPLATES } from './record-templates.ts';
import { Random } from './random.ts';
import { EASY_SLOTS, EASY_TEMPLATES } from './easy-prompts.ts';
import { EXERCISE_TEMPLATES } from './exercise-templates.ts';
import { HARD_EXTRA, HARD_SLOTS, HARD_TEMPLATES } from './hard-prompts.ts';
import { PUBLIC_FULL_NAMES } from './public-figures.ts';
import {
  AUTHORS,
  CITIES,
  COUNTRIES,
  HOSPITAL_SUFFIXES,
  NAME_LOCALES,
  ORGANISATIONS,
  ORGANISATION_SUFFIXES,
  OTHER_SLOTS,
} from './word-lists.ts';
import type { NameLocale } from './word-lists.ts';

/** Half-open; `tag` is an index of TAGS. */
export interface LabelledSpan {
  readonly start: number;
  readonly end: number;
  readonly tag: number;
}
export interface LabelledText {
  readonly text: string;
  readonly spans: readonly LabelledSpan[];
}

const PERSON = 1;
const LOCATION = 2;
const ORGANIZATION = 3;
const CAPITALS = 'ABCDEFGHIJKLMNOPRSTVW';
const LATIN = NAME_LOCALES.filter(({ first }) => /^[\p{Script=Latin}\s'’.-]+$/u.test(first.slice(0, 20).join('')));
const OTHERS = NAME_LOCALES.filter((locale) => !LATIN.includes(locale));
const ENGLISH = LATIN.filter(({ code }) => /^(en|de|fr|es|it|nl|sv|da|pl|pt)/.test(code));

export class TextMaker {
  readonly #random: Random;
  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  make(template: string, slots: Readonly<Record<string, readonly string[]>> = OTHER_SLOTS): LabelledText {
    const random = this.#random;
    const group = random.next();
    const locale = random.pick(group < 0.45 ? ENGLISH : group < 0.9 ? LATIN : OTHERS);
    const spans: LabelledSpan[] = [];
    let text = '';
    let from = 0;
    for (const slot of template.matchAll(/\{([a-zA-Z0-9]{1,20})\}/g)) {
      text += template.slice(from, slot.index);
      from = slot.index + slot[0].length;
      const { value, tag } = this.#fillSlot(slot[1] as string, locale, slots);
      if (tag > 0) spans.push({ start: text.length, end: text.length + value.length, tag });
      text += value;
    }
    return this.#noise({ text: text + template.slice(from), spans });
  }

  #fillSlot(
    slot: string,
    locale: NameLocale,
    slots: Readonly<Record<string, readonly string[]>>,
  ): { readonly value: string; readonly tag: number } {
    const random = this.#random;
    switch (slot) {
      case 'first':
        return { value: random.pick(locale.first), tag: PERSON };
      case 'last':
        return {
          value: random.chance(0.06)
            ? `${random.pick(locale.last)}-${random.pick(locale.last)}`
            : random.pick(locale.last),
          tag: PERSON,
        };
      case 'full':
        return { value: this.#fullName(locale), tag: PERSON };
      case 'abbr':
        return {
          value: random.chance(0.6) ? `${random.pick(locale.first)} ${initial(random)}.` : this.#fullName(locale),
          tag: PERSON,
        };
      case 'li':
        return { value: `${initial(random)}.`, tag: PERSON };
      case 'famous':
        return { value: random.pick(random.chance(0.7) ? PUBLIC_FULL_NAMES : AUTHORS), tag: PERSON };
      case 'city':
        return { value: random.pick(random.chance(0.85) ? CITIES : COUNTRIES), tag: LOCATION };
      case 'country':
        return { value: random.pick(COUNTRIES), tag: LOCATION };
      case 'hospital': {
        const head = random.chance(0.6)
          ? random.pick(CITIES)
          : random.chance(0.5)
            ? `St. ${random.pick(locale.first)}`
            : random.pick(locale.last);
        return { value: `${head} ${random.pick(HOSPITAL_SUFFIXES)}`, tag: ORGANIZATION };
      }
      case 'org':
        return { value: this.#organisation(locale), tag: ORGANIZATION };
      default: {
        const values = slots[slot] ?? OTHER_SLOTS[slot];
        if (values === undefined || values.length === 0) throw new Error(`training: no values for slot ${slot}`);
        return { value: random.pick(values), tag: 0 };
      }
    }
  }

  #fullName(locale: NameLocale): string {
    const random = this.#random;
    const [first, last] = [random.pick(locale.first), random.pick(locale.last)];
    const kind = random.next();
    if (kind < 0.66) return `${first} ${last}`;
    if (kind < 0.76) return `${first} ${initial(random)}. ${last}`;
    if (kind < 0.8) return `${first} ${initial(random)} ${last}`;
    if (kind < 0.84) return `${initial(random)}. ${last}`;
    if (kind < 0.9) return `${first} ${random.pick(locale.first)} ${last}`;
    if (kind < 0.94) return `${first} ${last}-${random.pick(locale.last)}`;
    if (kind < 0.97)
      return `${first} ${random.pick(['van', 'de', 'von', 'van der', 'di', 'al', 'dos', 'bin'])} ${last}`;
    return `${first} ${last} ${random.pick(locale.last)}`;
  }

  #organisation(locale: NameLocale): string {
    const random = this.#random;
    const kind = random.next();
    if (kind < 0.5) return random.pick(ORGANISATIONS);
    if (kind < 0.8) return `${random.pick(locale.last)} ${random.pick(ORGANISATION_SUFFIXES)}`;
    if (kind < 0.88) return `${random.pick(locale.last)}, ${random.pick(locale.last)} and ${random.pick(locale.last)}`;
    if (kind < 0.94) return `${random.pick(locale.last)}-${random.pick(locale.last)}`;
    return `${random.pick(CITIES)} ${random.pick(ORGANISATION_SUFFIXES)}`;
  }

  #noise(labelled: LabelledText): LabelledText {
    const random = this.#random;
    const kind = random.next();
    const same = (text: string): LabelledText =>
      text.length === labelled.text.length ? { ...labelled, text } : labelled;
    if (kind < 0.1) return same(labelled.text.toLowerCase());
    if (kind < 0.13) return same(labelled.text.toUpperCase());
    if (kind < 0.19) return same(upperCased(labelled));
    if (kind < 0.25) return same(labelled.text.normalize('NFD').replace(/\p{Mn}/gu, ''));
    // Separate punctuation, as tokenised social text has it.
    return labelled;
  }

  /** Some texts one after another, so that sentences, lines and paragraphs meet. */
  joined(texts: readonly LabelledText[]): LabelledText {
    let text = '';
    const spans: LabelledSpan[] = [];
    for (const part of texts) {
      if (text !== '') text += this.#random.pick([' ', ' ', '\n', '\n\n']);
      for (const span of part.spans)
        spans.push({ start: span.start + text.length, end: span.end + text.length, tag: span.tag });
      text += part.text;
    }
    return { text, spans };
  }
}

const initial = (random: Random): string => CAPITALS.charAt(random.below(CAPITALS.length));

function upperCased({ text, spans }: LabelledText): string {
  let changed = text;
  for (const { start, end } of spans)
    changed = changed.slice(0, start) + changed.slice(start, end).toUpperCase() + changed.slice(end);
  return changed;
}

const PROMPT_SLOTS = { ...HARD_SLOTS, ...HARD_EXTRA };

export function taggerCorpus(seed: number, rounds: number): readonly LabelledText[] {
  const random = new Random(seed);
  const maker = new TextMaker(seed + 1);
  const texts: LabelledText[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const template of [...PERSON_TEMPLATES, ...RECORD_TEMPLATES]) texts.push(maker.make(template));
    for (const template of EXERCISE_TEMPLATES) texts.push(maker.make(template));
    for (const template of [...OTHER_TEMPLATES, ...ORDINARY_TEMPLATES]) texts.push(maker.make(template));
    if (round % 3 === 0) {
      for (const template of HARD_TEMPLATES) texts.push(maker.make(flat(template, PROMPT_SLOTS, random), PROMPT_SLOTS));
      for (const template of EASY_TEMPLATES) texts.push(maker.make(flat(template, EASY_SLOTS, random), EASY_SLOTS));
    }
  }
  random.shuffle(texts);
  const corpus: LabelledText[] = [];
  for (let at = 0; at < texts.length;) {
    const size = random.chance(0.45) ? 1 : 1 + random.below(4);
    corpus.push(maker.joined(texts.slice(at, at + size)));
    at += size;
  }
  return corpus;
}

/** Prompt slots hold slots themselves; person slots never occur there, `{person}` is "my boss". */
function flat(template: string, slots: Readonly<Record<string, readonly string[]>>, random: Random): string {
  let text = template;
  for (let depth = 0; depth < 3; depth += 1)
    text = text.replace(/\{([a-zA-Z0-9]{1,20})\}/g, (whole, name: string) =>
      slots[name] === undefined ? whole : random.pick(slots[name]),
    );
  return text.replaceAll(/[{}]/g, ' ');
}

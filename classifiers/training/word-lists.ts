/** Names, places and ordinary words from faker's locale data (MIT), and organisations made up here. Training only. */
import { allLocales } from '@faker-js/faker';
import { COMMON_FIRST, COMMON_LAST } from './common-names.ts';
import { EASY_SLOTS, EASY_TEMPLATES } from './easy-prompts.ts';
import { EXERCISE_TEMPLATES } from './exercise-templates.ts';
import { HARD_EXTRA, HARD_SLOTS, HARD_TEMPLATES } from './hard-prompts.ts';
import { BRANDS, COMMON_WORDS, DRUGS, EPONYM_HEADS, EPONYMS, LAWS, PAST_VERBS, SCIENCE } from './lexicon.ts';
import { ORDINARY_TEMPLATES } from './ordinary-templates.ts';
import { OTHER_TEMPLATES } from './other-templates.ts';
import { PERSON_TEMPLATES } from './person-templates.ts';
import { RECORD_TEMPLATES } from './record-templates.ts';
import { TECHNICAL_TERMS } from './technical-terms.ts';

type Nested = { readonly [key: string]: unknown };

function strings(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(strings);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(strings);
  return [];
}
function at(value: unknown, ...path: readonly string[]): readonly string[] {
  let current = value;
  for (const key of path) current = (current as Nested | undefined)?.[key];
  return strings(current).filter((text) => !text.includes('{{') && !text.includes('#'));
}

/** First and last names of one locale, so that a full name is one a person could have. */
export interface NameLocale {
  readonly code: string;
  readonly first: readonly string[];
  readonly last: readonly string[];
}
export const NAME_LOCALES: readonly NameLocale[] = Object.entries(allLocales)
  .map(([code, locale]) => ({
    code,
    first: at(locale, 'person', 'first_name'),
    last: at(locale, 'person', 'last_name'),
  }))
  .filter(({ first, last }) => first.length > 20 && last.length > 20)
  .concat(
    { code: 'en_common', first: COMMON_FIRST, last: COMMON_LAST },
    { code: 'en_common_2', first: COMMON_FIRST, last: COMMON_LAST },
  );

const everywhere = (...path: readonly string[]): readonly string[] =>
  [...new Set(Object.values(allLocales).flatMap((locale) => at(locale, ...path)))].sort();

export const FIRST_NAMES = [...everywhere('person', 'first_name'), ...COMMON_FIRST];
export const LAST_NAMES = [...everywhere('person', 'last_name'), ...COMMON_LAST];
export const CITIES = everywhere('location', 'city_name');
export const COUNTRIES = [
  ...everywhere('location', 'country'),
  ...everywhere('location', 'state'),
  ...everywhere('location', 'county'),
];

const en = allLocales.en;
export const NOUNS = at(en, 'word', 'noun');
export const VERBS = at(en, 'word', 'verb');
export const ADJECTIVES = at(en, 'word', 'adjective');
/** Words that are no names by themselves: several languages' dictionaries, as far as faker has them. */
export const DICTIONARY: readonly string[] = [
  ...templateWords(),
  ...COMMON_WORDS,
  ...everywhere('word').filter((word) => !/\s/.test(word)),
  ...everywhere('company', 'noun'),
  ...at(en, 'hacker').flatMap((phrase) => phrase.split(/\s+/)),
  ...at(en, 'food').flatMap((phrase) => phrase.split(/\s+/)),
  ...at(en, 'commerce', 'product_name').flatMap((phrase) => phrase.split(/\s+/)),
];

/** Small words of every template and term here: in a text of ours they were no names. */
function templateWords(): readonly string[] {
  const texts = [
    ...PERSON_TEMPLATES,
    ...RECORD_TEMPLATES,
    ...OTHER_TEMPLATES,
    ...ORDINARY_TEMPLATES,
    ...HARD_TEMPLATES,
    ...EASY_TEMPLATES,
    ...EXERCISE_TEMPLATES,
    ...TECHNICAL_TERMS,
    ...SCIENCE,
  ];
  const slots = Object.values({ ...HARD_SLOTS, ...HARD_EXTRA, ...EASY_SLOTS }).flat();
  const words = [...texts, ...slots].flatMap(
    (text) => text.replaceAll(/\{[^}]{0,24}\}/g, ' ').match(/\p{L}{3,}/gu) ?? [],
  );
  return words.filter((word) => word === word.toLowerCase());
}

export const OTHER_SLOTS: Readonly<Record<string, readonly string[]>> = {
  noun: NOUNS,
  verb: VERBS,
  adj: ADJECTIVES,
  Noun: NOUNS.map(capitalised),
  Verb: VERBS.map(capitalised),
  Adj: ADJECTIVES.map(capitalised),
  product: at(en, 'commerce', 'product_name', 'adjective').flatMap((adjective) =>
    at(en, 'commerce', 'product_name', 'product').map((product) => `${adjective} ${product}`),
  ),
  song: at(en, 'music', 'song_name'),
  album: at(en, 'music', 'album'),
  book: at(en, 'book', 'title'),
  animal: ['bird', 'cat', 'dog', 'snake', 'horse', 'cow', 'fish'].flatMap((kind) => at(en, 'animal', kind)),
  element: at(en, 'science', 'chemical_element').filter((text) => text.length > 2),
  plane: at(en, 'airline', 'airplane').filter((text) => text.length > 3),
  car: at(en, 'vehicle', 'manufacturer').flatMap((maker) =>
    at(en, 'vehicle', 'model').map((model) => `${maker} ${model}`),
  ),
  spice: at(en, 'food', 'spice'),
  food: at(en, 'food', 'ingredient'),
  dish: at(en, 'food', 'dish'),
  genre: at(en, 'music', 'genre'),
  drug: DRUGS,
  eponym: EPONYMS,
  head: EPONYM_HEADS,
  science: SCIENCE,
  brand: BRANDS,
  acronym: LAWS,
  did: PAST_VERBS,
  term: TECHNICAL_TERMS,
  Term: TECHNICAL_TERMS.map(titled),
  currency: at(en, 'finance', 'currency').filter((text) => text.length > 4),
  app: at(en, 'app', 'name'),
  job: at(en, 'person', 'job_area').flatMap((area) => at(en, 'person', 'job_type').map((type) => `${area} ${type}`)),
  day: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'],
  month: [
    'January',
    'February',
    'March',
    'April',
    'May',
    'June',
    'July',
    'August',
    'September',
    'October',
    'November',
    'December',
  ],
  num: ['7', '12', '35', '140', '2048', '55120', '7781203', '19.99'],
  date: ['March 4, 2021', '12/07/1984', '2023-05-14', '3 June 1990', 'Jan 9th, 2024', '14.02.1975', 'April 2022'],
};

const ORGANISATION_HEADS =
  'Global|United|First|Northern|Pacific|Summit|Blue|Golden|Silver|Apex|Delta|Omega|Nova|Vertex|Prime|Crown|Metro|Royal|Union|Liberty|Harbor|Granite|Evergreen|Redwood|Falcon|Orion|Atlas|Zenith'.split(
    '|',
  );
const ORGANISATION_TAILS =
  'Bank|Airlines|Insurance|Foods|Motors|Energy|Systems|Software|Logistics|Capital|Partners|Holdings|Group|Industries|Pharma|Media|Records|Telecom|Consulting|Labs|Technologies|Stores|University|College|School|Institute|Foundation|Times|Post|Weekly|Studios|Steel|Brewing|Hotels'.split(
    '|',
  );
const ORGANISATION_FORMS = 'Inc|Inc.|LLC|Ltd|Ltd.|GmbH|AG|S.A.|Corp|Corp.|PLC|and Sons|& Co|BV|AB|Oy|SpA'.split('|');
const KNOWN_ORGANISATIONS =
  'Google|Microsoft|Apple|Amazon|Facebook|Meta|Netflix|Tesla|IBM|Oracle|Intel|Samsung|Sony|Toyota|Honda|Ford|Siemens|Bosch|Volkswagen|Nestle|Pfizer|Bayer|Walmart|Target|Starbucks|Nike|Adidas|Twitter|YouTube|Reddit|Spotify|Uber|Airbnb|PayPal|Visa|Mastercard|Deloitte|Accenture|McKinsey|Goldman Sachs|JPMorgan|Barclays|HSBC|Deutsche Bank|Allianz|Shell|BP|Boeing|Airbus|Lufthansa|NASA|FBI|CIA|UNESCO|NATO|Red Cross|Greenpeace|Harvard|Stanford|Oxford University|BBC|CNN|Reuters|New York Times|Arsenal|Chelsea|Liverpool|Lakers|Yankees|Real Madrid|Barcelona'.split(
    '|',
  );
const HOSPITAL_TAILS =
  "General Hospital|Medical Center|Clinic|Hospital|Children's Hospital|Memorial Hospital|Health|University Hospital|Regional Medical Center|General|Health Center|Presbyterian".split(
    '|',
  );

const cross = (heads: readonly string[], tails: readonly string[]): readonly string[] =>
  heads.flatMap((head) => tails.map((tail) => `${head} ${tail}`));

/** Organisations named after nobody; those named after people are made with each text. */
export const ORGANISATIONS: readonly string[] = [
  ...cross(ORGANISATION_HEADS, ORGANISATION_TAILS),
  ...KNOWN_ORGANISATIONS.flatMap((name) => [name, name, name, name]),
];
export const ORGANISATION_SUFFIXES: readonly string[] = [...ORGANISATION_FORMS, ...ORGANISATION_TAILS];
export const HOSPITAL_SUFFIXES: readonly string[] = HOSPITAL_TAILS;
export const AUTHORS = [...at(en, 'book', 'author'), ...at(en, 'music', 'artist')];

function titled(text: string): string {
  return text.split(' ').map(capitalised).join(' ');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

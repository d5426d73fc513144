/**
 * DATE_OF_BIRTH: a full date next to a word of birth, for somebody who may be alive. DATE_TIME and AGE are quasi-identifiers:
 * full dates and ages, evidence for combinations only.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around } from '../../define-pattern.ts';
import { digits, keywords } from '../../recognizer.ts';

const MONTH =
  '(?:jan(?:uary|uar|vier|uari)?|ene(?:ro)?|gen(?:naio)?|janeiro|feb(?:ruary|ruar|brero|braio|ruari)?|févr?(?:ier)?|fevereiro|mar(?:ch|zo|s|ço|et)?|märz|maart|mrt|apr(?:il|ile)?|avr(?:il)?|abr(?:il)?|may|mai|mayo|maggio|maio|mei|june?|juni|juin|junio|giugno|junho|july?|juli|juil(?:let)?|julio|luglio|julho|aug(?:ust|ustus)?|août|ago(?:sto)?|sept?(?:ember|embre|iembre)?|set(?:tembre|embro)?|o[ck]t(?:ober|obre|ubre)?|ott(?:obre)?|out(?:ubro)?|nov(?:ember|embre|iembre|embro)?|de[cz](?:ember|embre|iembre|embro)?|déc(?:embre)?|dic(?:embre|iembre)?)';
const DAY = String.raw`(?:0?[1-9]|[12]\d|3[01])`;
const MONTH_NUMBER = '(?:0?[1-9]|1[0-2])';
const YEAR = String.raw`(?:(?:19|20)\d{2}|['’]?\d{2})`;
const FULL_YEAR = String.raw`(?:1[89]|20)\d{2}`;

const DATE = [
  String.raw`${FULL_YEAR}(?<s1>[-/.])${MONTH_NUMBER}\k<s1>${DAY}`,
  String.raw`${DAY}(?<s2>[-/.])${DAY}\k<s2>${YEAR}`,
  String.raw`${DAY}\. ?(?:${MONTH_NUMBER}\. ?|${MONTH}\.? )${YEAR}`,
  String.raw`${MONTH}\.? ${DAY}(?:st|nd|rd|th)?,? {0,2}${YEAR}`,
  String.raw`${DAY}(?:st|nd|rd|th|er|º)?[ -](?:of |de )?${MONTH}\.?,?[ -](?:de |del )?${YEAR}`,
  String.raw`${FULL_YEAR} ?[年년] ?${MONTH_NUMBER} ?[月월] ?${DAY} ?[日일]`,
  String.raw`(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])`,
].join('|');
const EDGE_BEFORE = String.raw`(?<![\p{Lu}\p{Ll}\p{N}]|\d[.,/-])`;
const EDGE_AFTER = String.raw`(?![\p{Lu}\p{Ll}\p{N}]|[./-]\d)`;
/** A digit, or a letter some month begins with. */
const FULL_DATE = new RegExp(`(?=[0-9JFMASONDEG])${EDGE_BEFORE}(?:${DATE})${EDGE_AFTER}`, 'iu');

const BIRTH_LABEL = String.raw`(?:d\.?o\.?b\.?|date of birth|birth[\s_-]?dat(?:e|um)|birth[\s_-]?day|b[\s_-]?day|born|bday|geb(?:oren)?\.?|geburts(?:datum|tag)|date de naissance|née? le|née?|fecha de nacimiento|nacid[oa](?: el)?|naci(?: el)?|cumpleaños|data di nascita|nat[oa](?: il)?|data de nascimento|nascid[oa](?: em)?|geboortedatum|født|födelsedatum|född|data urodzenia|urodzon[ya]|дата рождения|родил(?:ся|ась)|出生日期|出生年月|生日|出生|生年月日|誕生日|생년월일|doğum tarihi|תאריך לידה|تاريخ الميلاد)`;
const BIRTH = new RegExp(
  String.raw`(?<![\p{Lu}\p{Ll}])${BIRTH_LABEL}(?:[\s:=."'*_|(,\-：]{0,4}(?:is|was|on|the|in|am|den|le|el|il|em|ist|est|es)?(?![\p{Lu}\p{Ll}\p{N}])){0,3}[\s:=."'*_|(,：\-]{0,3}(?<value>(?:${DATE}))${EDGE_AFTER}`,
  'iu',
);
const BIRTH_BEHIND = new RegExp(
  String.raw`${EDGE_BEFORE}(?<value>${DATE})[\s"'*(\-–,]{0,4}(?:date of birth|\(?dob\)?|is (?:my|his|her|their) (?:birthday|date of birth)|geboren)(?![\p{Lu}\p{Ll}])`,
  'iu',
);

/** Nobody born before 1906 is alive, and their birth dates are history, not personal data. */
const OLDEST_LIVING_YEAR = 1906;

function isHistory(value: string): boolean {
  const year = /(?:1[89]|20)\d{2}/.exec(value)?.[0];
  return year !== undefined && Number(year) < OLDEST_LIVING_YEAR;
}

/** `… (14 March 1879 – 18 April 1955)` and `born …, died …`: a life's dates, in an encyclopaedia. */
function isLifeSpan({ text, end }: Around): boolean {
  return /^\s?[–—-]\s?(?:\d|[A-Z][a-z]{2})|^[^.]{0,30}\bdied\b/.test(text.slice(end, end + 40));
}

export const dateOfBirth = definePattern({
  name: 'date-of-birth',
  entity: 'DATE_OF_BIRTH',
  triggers: [
    keywords(
      'dob',
      'd.o.b',
      'birth',
      'born',
      'bday',
      'geb',
      'naiss',
      'née',
      'né le',
      'nacimiento',
      'nacid',
      'naci',
      'cumplea',
      'nascita',
      'nato',
      'nata',
      'nasc',
      'geboorte',
      'født',
      'föd',
      'urodz',
      'рожд',
      'родил',
      '出生',
      '生日',
      '生年月日',
      '誕生日',
      '생년월일',
      'doğum',
      'לידה',
      'الميلاد',
    ),
  ],
  reach: { before: 40, after: 40 },
  patterns: [
    { name: 'labelled', regex: BIRTH, score: 0.75 },
    { name: 'labelled-behind', regex: BIRTH_BEHIND, score: 0.75 },
    {
      name: 'keyed',
      regex: new RegExp(String.raw`^\s{0,4}(?<value>${DATE})(?:T[\d:.Z+-]{2,20})?\s{0,4}$`, 'iu'),
      score: 0.2,
    },
  ],
  context: [
    'dob',
    'date of birth',
    'birth date',
    'birthday',
    'born',
    'geburtsdatum',
    'date de naissance',
    'fecha de nacimiento',
    'data di nascita',
    'data de nascimento',
    'geboortedatum',
    '出生日期',
    '生年月日',
    '생년월일',
  ],
  contextReach: { before: 0, after: 0 },
  invalidate: (value, around) => isHistory(value) || isLifeSpan(around),
});

export const dateTime = definePattern({
  name: 'date-time',
  entity: 'DATE_TIME',
  triggers: [
    digits(
      3,
      '8',
      ...['-', '/', '.'].flatMap((mark) => [`4${mark}1..2`, `1..2${mark}1..2`]),
      // Years behind a month, days behind one, and the signs of East Asia.
      'A?4',
      'A 1..2',
      'A.1..2',
      '4~A',
      '4 A',
    ),
  ],
  reach: { before: 24, after: 20 },
  patterns: [{ name: 'date', regex: FULL_DATE, score: 0.6 }],
});

export const age = definePattern({
  name: 'age',
  entity: 'AGE',
  triggers: [
    keywords(
      'year',
      'yo',
      'y/o',
      'y.o',
      'yr',
      'aged',
      'age',
      'jährig',
      'jahre alt',
      'ans',
      'años',
      'anni',
      'anos',
      '岁',
      '歳',
      '세',
    ),
  ],
  reach: { before: 16, after: 24 },
  patterns: [
    {
      name: 'years-old',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}.,])(?<value>1[01]\d|[1-9]?\d)(?:[ -]?(?:years?|yrs?)[ -]?(?:old|of age)|[ -]?y(?:\/o|\.o\.|o)|[ -]?jährige?r?| jahre alt| ans| años| anni| anos|岁|歳|세)(?![\p{Lu}\p{Ll}])/iu,
      score: 0.6,
    },
    {
      name: 'aged',
      regex:
        /(?<![\p{Lu}\p{Ll}])(?:aged?|age(?: is|:| of)?)[ :]{1,2}(?<value>1[01]\d|[1-9]\d)(?![\p{Lu}\p{Ll}\p{N}]|[.,%]\d)/iu,
      score: 0.5,
    },
  ],
});

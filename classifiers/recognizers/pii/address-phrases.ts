/**
 * STREET_ADDRESS without a street's own word: post boxes, flats, military mail, corners, what a verb or label says is an
 * address, and the orders of China, Japan and Korea.
 */
import { definePattern } from '../../define-pattern.ts';
import { keywords } from '../../recognizer.ts';
import type { Window } from '../../recognizer.ts';
import { ADDRESS_CONTEXT, isLicenceHead } from './street-address.ts';

const NAME = String.raw`(?:\p{Lu}[\p{L}'’.-]{0,24}|\p{Lo}{2,20}|(?:de|del|della|di|da|do|dos|du|des|la|le|el|los|van|von|der|the)(?=[ \t]))`;
const NAMES = String.raw`(?:${NAME}[ \t]){0,4}${NAME}`;
const BEFORE = String.raw`(?<![\p{Lu}\p{Ll}\p{N}])`;
const AFTER = String.raw`(?![\p{Lu}\p{Ll}\p{N}])`;
const PREPOSITION = '(?!(?:of|in|and|or|for|to|at|with|by|per|million|years|people)[ \\t])';
/** Capital words that a number follows without being a street: `stop at Gate 5`. */
const NO_STREET =
  '(?!(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|January|February|March|April|May|June|July|August|September|October|November|December|Room|Gate|Page|Exit|Chapter|Level|Route|Highway|Table|Figure|Line|Step|Pier|Terminal|Platform|Floor|Version|Number|No|Day|Week|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Windows|Python|Area|Section|Building|Door|Suite|Box|Zone|District|Grade|Class|Season|Episode|Part|Phase|Round|World|Studio|Channel|Port|Interstate)[ \\t])';

export const postBox = definePattern({
  name: 'post-box',
  entity: 'STREET_ADDRESS',
  triggers: [
    keywords(
      'box',
      'postfach',
      'postbus',
      'apartado',
      'boîte postale',
      'casella',
      'caixa postal',
      'skr. ',
      'fpo',
      'apo ',
      'dpo ',
    ),
  ],
  reach: { before: 24, after: 24 },
  requires: { digits: 1 },
  patterns: [
    {
      name: 'post-box',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}])(?:p\.? ?o\.? ?box|post ?box|postfach|postbus|postboks|apartado(?: de correos)?|boîte postale|casella postale|caixa postal|skr\. pocztowa|gpo box)[ \t]{1,2}#?[ \t]?\d{1,6}(?![\p{Lu}\p{Ll}\p{N}])/iu,
      score: 0.6,
    },
    {
      name: 'military',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}])(?:(?:PSC|CMR|Unit)[ \t]\d{1,5},?[ \t](?:Box[ \t]\d{1,5},?\s{1,2})?)?(?:FPO|APO|DPO),?[ \t](?:AA|AE|AP)[ \t]\d{5}(?![\p{Lu}\p{Ll}\p{N}])/iu,
      score: 0.7,
    },
  ],
  context: ADDRESS_CONTEXT,
  contextReach: { before: 60, after: 24 },
});

export const addressUnit = definePattern({
  name: 'address-unit',
  entity: 'STREET_ADDRESS',
  triggers: [keywords('apt', 'apartment', 'suite', 'ste ', 'ste.', 'whg', 'appt', 'flat ', 'flat.')],
  reach: { before: 72, after: 24 },
  requires: { digits: 2 },
  patterns: [
    {
      name: 'unit',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}])(?:apt|apartment|suite|ste|whg|appt|flat)\.?[ \t]#?[ \t]?\d{2,5}[A-Z]?(?![\p{Lu}\p{Ll}\p{N}]|[.,]\d)/iu,
      score: 0.5,
    },
    {
      // The line of a street, with the line of its flat below.
      name: 'envelope',
      regex:
        /(?=\d)(?<![\p{Lu}\p{Ll}\p{N}.,$€£])\d{1,6}[A-Za-z]?[ \t]{1,2}(?:[\p{L}\d][\p{L}\d.'’-]{0,24}[ \t]{1,2}){0,4}[\p{L}\d][\p{L}\d.'’-]{0,24},?\s{1,6}(?:[>?*|]{1,3}\s{0,2})?(?:apt|suite|ste|flat)\.?[ \t]#?\d{1,5}(?![\p{Lu}\p{Ll}\p{N}])/iu,
      score: 0.6,
    },
  ],
  context: ADDRESS_CONTEXT,
  contextReach: { before: 60, after: 24 },
  invalidate: isLicenceHead,
});

export const addressCorner = definePattern({
  name: 'address-corner',
  entity: 'STREET_ADDRESS',
  triggers: [keywords('corner of')],
  reach: { before: 4, after: 4 },
  patterns: [
    {
      name: 'corner',
      regex: new RegExp(
        String.raw`${BEFORE}corner of[ \t](?:\d{1,5}[ \t])?${NAMES}[ \t](?:\d{1,5}\.?[ \t])?(?:[Ss]tr?\.?[ \t])?(?:and|&)[ \t]${NAMES}`,
        'u',
      ),
      score: 0.5,
    },
    {
      name: 'numbered-corner',
      regex: new RegExp(
        String.raw`${BEFORE}corner of[ \t](?:\d{1,5}[ \t])?(?:\p{L}[\p{L}.'’-]{1,24}[ \t]){1,3}\d{1,5}\.?[ \t](?:str?\.?[ \t])?(?:and|&)[ \t]\p{L}[\p{L}.'’-]{1,24}`,
        'iu',
      ),
      score: 0.55,
    },
  ],
  context: ADDRESS_CONTEXT,
  contextReach: { before: 60, after: 24 },
});

/** With a word and a number of a house or a postcode in it; the sentence after it is not part of it. */
function upToSentenceEnd(text: string, start: number, end: number): readonly Window[] {
  const value = text.slice(start, end);
  const stop = /[.!?。](?=\s{1,3}\p{Lu}\p{Ll}{2,}\s|\s{0,3}$)/u.exec(value);
  const address = stop ? value.slice(0, stop.index) : value;
  const isOne =
    /\p{L}{2}/u.test(address) && /(?<![\d.])\d{1,6}(?![\d.])/.test(address) && !/\d\.\d|https?|www\./i.test(address);
  return isOne ? [{ start, end: start + address.trimEnd().length }] : [];
}

export const addressPhrase = definePattern({
  name: 'address-phrase',
  entity: 'STREET_ADDRESS',
  triggers: [
    keywords(
      'address',
      'anschrift',
      'wohnhaft',
      'domicil',
      'dirección',
      'indirizzo',
      'endereço',
      'adres',
      'адрес',
      '주소',
      '住所',
      '地址',
      'lives at',
      'live at',
      'lives on',
      'living at',
      'living on',
      'reside',
      'residing',
      'located',
      'situated',
      ' is at',
      ' is on',
      'are at',
      'stop at',
      'off at',
      'meet',
      'up at',
      'side of',
      'enter on',
      'deliver',
      'sent to',
      'return to',
      'returned to',
      'moved to',
      'move to',
      'ship to',
      'shipped to',
      'ship it to',
    ),
  ],
  reach: { before: 24, after: 80 },
  requires: { digits: 1 },
  patterns: [
    {
      name: 'labelled',
      regex: new RegExp(
        String.raw`${BEFORE}(?:(?:my|his|her|their|your|our|the|home|new|billing|shipping|mailing|postal|delivery|street|permanent|current) address(?:[ \t](?:is|was|with|to|as|at))?|address(?=:)|lives? at|living at|resid(?:es?|ing|ent) (?:at|of)|located at|ship(?:ped|ping)?(?: it)? to|deliver(?:ed|y)? (?:it )?to|sent to|anschrift|wohnhaft|domicilié(?:e)? (?:au|à)|dirección(?: es)?|domicilio|indirizzo(?: è)?|endereço(?: é)?|adres|адрес)[:\s]{1,4}(?<value>\d{1,6}[A-Za-z]?,?[ \t]{1,2}(?:${PREPOSITION}\p{L}[\p{L}.'’-]{0,24}[ ,\t]{1,3}){1,5}\d{1,6}|\d{1,6}[A-Za-z]?,?[ \t](?:\d{1,5}[ \t])?(?:${PREPOSITION}\p{L}[\p{L}.'’-]{1,24}[ \t]){0,3}\p{L}[\p{L}.'’-]{1,24},?[ \t](?:\d{1,4},[ \t])?\p{L}[\p{L}.'’-]{1,24})${AFTER}`,
        'iu',
      ),
      score: 0.6,
    },
    {
      // A label and a colon say it is one, whatever the words and their order. `IP-Adresse:` and `address: 0x…` are not such labels.
      name: 'label-and-colon',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}_-])(?:adresse?|adress|anschrift|indirizzo|dirección|direccion|endereço|domicilio|адрес|주소|住所|地址)[ ]?[:：][ \t]{0,3}(?<value>[\p{L}\p{N}][^\n:;@|={}<>]{5,110})/iu,
      score: 0.6,
      narrow: upToSentenceEnd,
    },
    {
      // No word for street at all (`Nieuwe Baan 473`): the verb must say that it is a place.
      name: 'place-verb',
      regex: new RegExp(
        String.raw`${BEFORE}(?:lives?|living|reside[sd]?|residing|located|situated|(?:station|restaurant|office|offices|house|store|shop|clinic|school|hotel|party|building|home|address) (?:is|are)|stop|drops? (?:me|you|us|him|her|them) off|meet(?:ing)?(?: (?:me|us|him|her|them|you))?(?: \p{L}{3,12}day)?|pick (?:me|us|him|her|them) up|side|enter|delivered?|sent|return(?:ed)?|moved?|shipped) (?:at|on|to|of)[ \t](?<value>(?:\d{1,6}[ \t]){0,2}${NO_STREET}(?:\p{Lu}[\p{L}'’.-]{1,24}[ \t]){1,4}(?:and[ \t]\p{Lu}[\p{L}'’.-]{1,24}[ \t])?\d{2,4}[a-z]?\.?)(?![\p{Lu}\p{Ll}\p{N}%]|[.,:]\d|[ ](?:AD|BC|am|pm|AM|PM|million))`,
        'u',
      ),
      score: 0.5,
    },
  ],
  context: ADDRESS_CONTEXT,
  contextReach: { before: 60, after: 24 },
});

/** Most characters a province, city, district and street take together. */
const PLACE_CHARACTERS = 28;

function withPlaceBefore(text: string, start: number, end: number): readonly Window[] {
  let from = start;
  while (from > 0 && start - from < PLACE_CHARACTERS && /\p{Script=Han}/u.test(text[from - 1] ?? '')) from -= 1;
  // The words that lead up to an address are Han too: it begins behind the last of them.
  const lead = /.*(?:住在|地址是|地址为|位于|在|于|到|至|是)/u.exec(text.slice(from, start));
  const first = from + (lead?.[0].length ?? 0);
  return start - first < 1 ? [] : [{ start: first, end }];
}

export const eastAsianAddress = definePattern({
  name: 'east-asian-address',
  entity: 'STREET_ADDRESS',
  triggers: [keywords('号', '號', '丁目', '番', '県', '都', '府', '北海道', '로 ', '길 ', '대로')],
  reach: { before: 40, after: 32 },
  patterns: [
    {
      // From the word for street to the number; the province, city and district before it are joined on.
      name: 'chinese',
      regex:
        /[路街道巷弄同][ \t]?\d{1,5}[ \t]?[号號](?:[ \t]?\d{1,4}[ \t]?[栋幢楼座樓])?(?:[ \t]?\d{1,3}[ \t]?单元)?(?:[ \t]?\d{1,5}[ \t]?[室号樓楼])?/,
      score: 0.7,
      narrow: withPlaceBefore,
    },
    {
      name: 'japanese',
      regex:
        /(?:〒?\d{3}-\d{4}\s{0,2})?(?:東京都|北海道|(?:京都|大阪)府|\p{Script=Han}{2,3}県)\p{L}{1,12}[市区町村郡]\p{L}{0,16}?\d{1,4}(?:丁目|番地?|-|の)\d{1,4}(?:[番号地]{1,2}|(?:-\d{1,5}))?/u,
      score: 0.7,
    },
    {
      name: 'korean',
      regex:
        /(?:[가-힣]{2,8}(?:시|도)[ \t])?(?:[가-힣]{1,6}(?:시|군|구)[ \t]){1,2}[가-힣0-9]{1,12}(?:로|길)[ \t]?\d{1,4}(?:-\d{1,4})?(?:번길[ \t]?\d{1,4})?(?![가-힣\d])/u,
      score: 0.7,
    },
  ],
  context: ADDRESS_CONTEXT,
});

/** Arabic, Persian, Urdu and Hebrew: the word for street, its name, and a number within a few words. */
export const rightToLeftAddress = definePattern({
  name: 'right-to-left-address',
  entity: 'STREET_ADDRESS',
  triggers: [
    keywords('شارع', 'طريق', 'خیابان', 'کوچه', 'بلوار', 'میدان', 'رصيف', 'سڑک', 'רחוב', "רח'", 'שדרות', "שד'", 'סמטת'),
  ],
  reach: { before: 24, after: 64 },
  requires: { digits: 1 },
  patterns: [
    {
      name: 'street-and-number',
      regex:
        /(?:\d{1,5}[ \t])?(?:شارع|طريق|خیابان|کوچه|بلوار|میدان|رصيف|سڑک|רחוב|רח'|שדרות|שד'|סמטת)[ \t](?:[\p{Lo}\p{M}'"-]{1,20}[ \t،,]{1,2}){1,4}(?:(?:رقم|پلاک|مبنى|بناية|מספר)[ \t])?\d{1,5}(?!\d)/u,
      score: 0.6,
    },
    {
      name: 'number-and-street',
      regex: /(?=\d)(?<!\d)\d{1,5}[ \t](?:شارع|طريق|رصيف)[ \t][\p{Lo}\p{M}]{2,20}/u,
      score: 0.6,
    },
  ],
  context: ADDRESS_CONTEXT,
});

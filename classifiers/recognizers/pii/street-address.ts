/**
 * STREET_ADDRESS around a house number, in the orders and words of the main countries. Everything starts from a number:
 * the words behind it are read forwards (`12 Main Street`, `12, rue de la Paix`), those before it backwards
 * (`Hauptstraße 5`, `Via Roma 12`), so prose without a street costs one look at the neighbouring word.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around, Pattern } from '../../define-pattern.ts';
import { digits } from '../../recognizer.ts';
import type { Window } from '../../recognizer.ts';
import { shapeGuard } from './shape-guard.ts';

const E = String.raw`(?![\p{Lu}\p{Ll}\p{N}])`;
const UNIT = String.raw`(?:,?[ \t\n]{1,4}(?:apt|apartment|suite|ste|unit|flat|floor|fl|room|rm|bldg|building|whg|wohnung|appt|app|bât|piso|puerta|interno|int|scala|no)\.?[ \t]?#?[ \t]?[\p{L}\d-]{1,6}|,?[ \t]{0,2}#[ \t]?\d{1,5}[A-Z]?)?`;
/** City, region, code: taken into the value when they follow, so that masking hides them too. */
const TAIL = String.raw`(?:,?\s{1,3}\p{Lu}[\p{L}.'’-]{1,24}(?:[ \t]\p{Lu}[\p{L}.'’-]{1,24}){0,2})?(?:,?\s{1,3}(?:[A-Z]{2,3}|\p{Lu}\p{Ll}{3,13})?,?\s{1,3}(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|\d{4})${E})?`;

const ENGLISH_TYPE =
  '(?:street|st|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|terrace|ter|parkway|pkwy|circle|cir|highway|hwy|close|crescent|cres|gardens|gdns|grove|mews|row|walk|trail|trl|alley|loop|plaza|turnpike|tpke|expressway|way|hill|rise|view|ridge|run|path|pass|point|pointe|quay|wharf|broadway|embankment|esplanade|parade|green|heights|hollow|junction|landing|manor|meadow|oval|park|springs|crossing|freeway|causeway|bend|cove|creek|vale|vista|fork|forks|knoll|knolls|glen|field|fields|estate|estates|mall|ramp|track|wynd)';
/** Words of prose between a number and a street: `120 for unauthorized road maintenance`. */
const NOT_A_NAME =
  'for|of|in|on|the|to|and|by|per|from|with|miles?|feet|km|cars?|people|more|other|different|long|way|hours?|minutes?|days?|years?';

/** Words keep a space behind them, abbreviations need none. */
const STREET_WORDS = new Set(
  (
    'rue avenue boulevard allée allées chemin impasse place quai cours route square passage sentier faubourg rond-point calle avenida avda av paseo plaza camino carretera ctra ronda travesía callejón carrer passeig plaça rambla carrera diagonal transversal ' +
    'calzada colonia privada via viale piazza piazzale corso largo vicolo strada contrada lungotevere salita località rua travessa praça alameda estrada rodovia beco vila ulica ulice aleja plac osiedle náměstí trg bulevar calea aleea улица проспект пр-т ' +
    'переулок бульвар площадь шоссе вулиця οδός πλατεία λεωφόρος jalan jln lorong straße strasse platz allee weg ring damm ufer c/ av. avda. bd bd. blvd. pº pza. ctra. cra. v.le p.za c.so ul. al. pl. os. nám. bul. str. ул. пр. пер. пл. вул. αγ. λ. jl jl. ' +
    'stretto urbanización аллея voie drève subida vía rotonda borgo vico calz. carr. eje jln. dk. gg. pr. πλ. đường тупик набережная наб. ш. пров. узвіз мкр. xiyoboni ' +
    'alte neue große kleine obere untere am'
  ).split(' '),
);
const ROMANCE = String.raw`(?:${[...STREET_WORDS].filter((word) => /^\p{L}{3,}$|-/u.test(word)).join('|')}|av|jl)[ \t]{1,2}|(?:c\/|av\.|avda\.|bd\.?|pza\.|ctra\.|cra\.|v\.le|p\.za|c\.so|ul\.|al\.|pl\.|os\.|nám\.|bul\.|str\.|ул\.|пр\.|пер\.|пл\.|вул\.)[ \t]{0,2}`;
const PARTICLE_WORDS = new Set(
  'de del della dei degli delle di da do dos das du des la le las les el los l y e et of the nad na am an der den dem im in zum zur unter auf van von św. gen. im. ks. imam al'.split(
    ' ',
  ),
);
const PARTICLE = String.raw`(?:(?:de|del|della|dei|degli|delle|di|da|do|dos|das|du|des|la|le|les|el|los|las|y|e|et|nad|na|św\.|gen\.|im\.|ks\.)[ \t]|[dl]['’])`;
const PROPER = String.raw`(?:\p{Lu}[\p{L}'’.-]{0,24}|\p{Lo}{2,20})`;
const ROMANCE_NAME = String.raw`(?:${PARTICLE}{0,2}${PROPER}[ \t]){0,4}${PARTICLE}{0,2}${PROPER}`;

/** `Lindenweg`, `Keizersgracht`, `Storgatan`: the kind of street is the end of its name. */
const SUFFIX =
  /(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|gäßli|damm|ufer|chaussee|straat|laan|gracht|vej|vænget|allé|stræde|gatan|vägen|gränd|torget|veien|gaten|bakken|katu|kuja|polku|raitti|tänav|stígur|hólar|vollen|steig|dijk|singel|steeg|stigen)$/iu;
/** Ends of English words too (`Spring 2024`, `Brigade 5`): a word about an address is needed. */
const WEAK_SUFFIX =
  /(?:ring|plein|kade|hof|markt|gade|veg|gata|tie|braut|vegur|bygget|stien|str|gate|rinne|kaari|penger)$/u;

/** The kind of street stands behind the name as its own word: Hungarian, Turkish, Nordic, Baltic. */
const BEHIND =
  /^(?:straße|strasse|str\.?|platz|allee|weg|ring|damm|ufer|gate|vei|väg|plads|utca|út|útja|u\.|tér|tere|körút|krt\.|rakpart|katu|tie|sokak|caddesi|cad\.|sok\.|mahallesi|mah\.|g\.|gatvė|iela|tn|st\.?|str)$/iu;

const FORWARD: readonly { readonly name: string; readonly score: number; readonly rest: RegExp }[] = [
  {
    name: 'english',
    score: 0.6,
    rest: new RegExp(
      String.raw`(?:[-–/]\d{1,5})?[A-Za-z]?,?[ \t]{1,2}(?:(?:[NSEW]|[NS][EW]|North|South|East|West)\.?[ \t])?(?:(?:\p{Lu}[\p{L}'’.-]{0,24}|\d{1,3}(?:st|nd|rd|th)|of|the|de|la)[ \t]{1,2}){1,4}(?:(?=\p{Lu})(?i:${ENGLISH_TYPE}))${E}\.?(?:[ \t](?:[NSEW]|[NS][EW])${E}\.?)?(?i:${UNIT})${TAIL}`,
      'uy',
    ),
  },
  {
    name: 'english-lower-case',
    score: 0.5,
    rest: new RegExp(
      String.raw`[a-z]?[ \t](?:(?!(?:${NOT_A_NAME})[ \t])(?:[a-z'’.]{2,20}|\d{1,3}(?:st|nd|rd|th))[ \t]){1,3}(?:street|avenue|road|boulevard|terrace|blvd|ave|rd|(?<=\d{3}[^\d]{3,40})(?:drive|lane|court))${E}\.?(?i:${UNIT})`,
      'uy',
    ),
  },
  {
    // The rest of the Postal Service's list: common nouns too, so a word about an address is needed.
    name: 'english-rare',
    score: 0.3,
    rest: new RegExp(
      String.raw`,?[ \t](?:\p{Lu}[\p{L}'’.-]{0,24}[ \t]){1,3}(?=\p{Lu})(?i:annex|arcade|bayou|beach|bluffs?|branch|bridge|brooks?|bypass|camp|canyon|cape|center|centre|circuit|cliffs?|club|common|corners?|course|curve|dale|dam|divide|extensions?|falls?|ferry|flats?|fords?|forest|forge|fort|garden|gateway|glens|harbors?|harbours|haven|hills|islands?|isle|keys?|knolls|lakes?|land|light|link|locks?|lodge|manors|meadows|mills?|mission|motorway|mount|mountains?|neck|orchard|overpass|paddock|passage|pike|pines?|plains?|ports?|prairie|ranch|rapids?|ridges|river|roads|shoals?|shores?|side|skyway|spring|spur|squares|station|streams?|streets|summit|throughway|trace|tunnel|underpass|union|valleys?|viaduct|views|villages?|walks|wells?)${E}(?i:${UNIT})${TAIL}`,
      'uy',
    ),
  },
  {
    name: 'broadway',
    score: 0.6,
    rest: new RegExp(
      String.raw`[ \t](?:West |East |W\.? |E\.? |N\.? |S\.? )?(?:Broadway|Embarcadero|Whitehall|Piccadilly|Strand)${E}(?i:${UNIT})${TAIL}`,
      'uy',
    ),
  },
  {
    name: 'romance-number-first',
    score: 0.6,
    rest: new RegExp(
      String.raw`(?:[ \t]?(?:bis|ter|quater|[A-D]))?,?[ \t]{1,2}(?i:${ROMANCE})${ROMANCE_NAME}(?:,?[ \t]\d{1,4}${E})?(?:,?\s{1,2}(?:[A-Z]{1,2}-)?\d{5}[ \t]\p{Lu}[\p{L}'’-]{1,24})?`,
      'uy',
    ),
  },
];

const INSIDE = /[\p{Lu}\p{Ll}\p{N}$€£_/.-]/u;

/** The whole digit group at `start`, when a house number can be there: not inside a word, an amount, a fraction, a list mark. */
function isHouseNumber(text: string, start: number): boolean {
  return start === 0 || !INSIDE.test(text[start - 1] ?? '');
}

/** The longest reading of the shapes of one score. */
function forwards(score: number): NonNullable<Pattern['narrow']> {
  const shapes = FORWARD.filter((shape) => shape.score === score).map(({ rest }) => rest);
  return (text, start, end) => {
    if (!isHouseNumber(text, start)) return [];
    let stop = end;
    for (const rest of shapes) {
      rest.lastIndex = end;
      stop = Math.max(stop, end + (rest.exec(text)?.[0].length ?? 0));
    }
    return stop > end ? [{ start, end: stop }] : [];
  };
}

/** How many words before a number may belong to a street's name. */
const NAME_WORDS = 7;

/** Letters of any script, and what stands inside names: `d'Alésia`, `rond-point`, `C/`, `nº`, `#`. */
function isWordUnit(unit: number): boolean {
  const lower = unit | 32;
  return (lower >= 97 && lower <= 122) || unit >= 0xaa || unit === 39 || (unit >= 45 && unit <= 47) || unit === 35;
}

/** Words right before `end`, nearest first, as far as only spaces (and one comma before the number) part them. */
function wordsBefore(text: string, end: number, most: number = NAME_WORDS): readonly Window[] {
  const found: Window[] = [];
  let stop = end;
  while (found.length < most) {
    let at = stop;
    while (at > 0 && stop - at < 3) {
      const unit = text.charCodeAt(at - 1);
      if (unit !== 32 && unit !== 9 && (unit !== 44 || found.length > 0)) break;
      at -= 1;
    }
    if (at === stop && found.length > 0) break;
    let start = at;
    while (start > 0 && at - start < 32 && isWordUnit(text.charCodeAt(start - 1))) start -= 1;
    if (start === at) break;
    found.push({ start, end: at });
    stop = start;
  }
  return found;
}

const isProper = (word: string): boolean => /^(?:\p{Lu}|\p{Lo}{2})/u.test(word);

const NUMBER_MARK = /^(?:n[º°.]?|nr\.?|no\.?|д\.?|km\.?|#)$/i;

/** The word beside the number is a name, a kind of street or `no.`; anything else is prose. */
function mayEndAStreet(word: string): boolean {
  return isProper(word) || BEHIND.test(word) || NUMBER_MARK.test(word) || glued(word);
}

function backwards(text: string, start: number, end: number): readonly Window[] {
  const before = text[start - 1];
  if (before !== ' ' && before !== ',' && before !== '.' && before !== '\t') return [];
  const [beside] = wordsBefore(text, start, 1);
  if (!beside || !mayEndAStreet(text.slice(beside.start, beside.end))) return [];
  // A unit or a percent sign behind makes it a count; the letter of a house number belongs to it.
  const behind = /^(?:[ \t]?[a-zA-Zа-я](?![\p{L}\d]))?(?:[/-]\d{1,4}[a-z]?)?\.?(?![\p{Lu}\p{Ll}\p{N}%]|[.,:]\d)/u.exec(
    text.slice(end, end + 12),
  );
  if (!behind || end - start > 5) return [];
  const words = wordsBefore(text, start).map((at) => ({ ...at, word: text.slice(at.start, at.end) }));
  const nearest = words[0];
  if (!nearest) return [];
  const value = (from: number): readonly Window[] => [{ start: from, end: end + behind[0].length }];
  const number = NUMBER_MARK.test(nearest.word) ? 1 : 0;
  const last = words[number];
  if (!last) return [];
  const name = last.word.replace(/,$/, '');
  if (/[\p{N}_$@&]/u.test(text[last.start - 1] ?? '')) return [];
  if (isProper(name) && name.length > 4 && SUFFIX.test(name)) return value(last.start);
  if (BEHIND.test(name)) {
    const first = words.slice(number + 1, number + 3).findLast(({ word }) => isProper(word));
    if (first) return value(first.start);
  }
  if (!isProper(name)) return [];
  // Back through the name to the word that says street; a capital word before that makes it English (`Rowan Avenue School 600`).
  for (let index = number + 1; index < words.length; index += 1) {
    const { word, start: from } = words[index] ?? last;
    if (STREET_WORDS.has(word.toLowerCase())) {
      const english =
        isProper(words[index + 1]?.word ?? '') && !/[.]$/.test(words[index + 1]?.word ?? '') && isProper(word);
      return english || (index === number + 1 && /^(?:am|place|square|route|ring)$/i.test(word)) ? [] : value(from);
    }
    if (!isProper(word) && !PARTICLE_WORDS.has(word.toLowerCase())) return glued(word) ? value(from) : [];
  }
  return [];
}

function weakSuffix(text: string, start: number, end: number): readonly Window[] {
  const [nearest] = wordsBefore(text, start, 1);
  if (!nearest || end - start > 3 || /[\p{N}_$@&]/u.test(text[nearest.start - 1] ?? '')) return [];
  const word = text.slice(nearest.start, nearest.end).replace(/,$/, '');
  return /^\p{Lu}\p{Ll}{4,}$/u.test(word) && WEAK_SUFFIX.test(word) ? [{ start: nearest.start, end }] : [];
}

/** `ul.Słowicza`, `C/Mayor`. */
function glued(word: string): boolean {
  return /^(?:c\/|ul\.|ул\.|al\.|av\.|str\.|jl\.)\p{L}/iu.test(word);
}

/** `Allika 46 street`, `Nieuwe Baan 473 St.` */
function streetBehind(text: string, start: number, end: number): readonly Window[] {
  const behind = /^\.?,?[ \t](?:st\.|str?\.?|street)(?![\p{Lu}\p{Ll}])/iu.exec(text.slice(end, end + 12));
  if (!behind || end - start < 2) return [];
  const [nearest, second] = wordsBefore(text, start, 2);
  if (!nearest || nearest.end - nearest.start < 3) return [];
  const name = second && isProper(text.slice(second.start, second.end)) ? second : nearest;
  return /^(?:has|have|had|with|of|and|the|are|were|is|by|for|on|at|in|to|about|over)$/i.test(
    text.slice(nearest.start, nearest.end),
  )
    ? []
    : [{ start: name.start, end: end + behind[0].length }];
}

/**
 * House numbers with what must stand beside them, so the numbers of logs and tables are passed over inside the regex: a
 * name behind, or a word before.
 */
const NUMBER = String.raw`(?=\d)(?<![\dA-Za-z$€£_/.-])\d{1,6}(?!\d)`;
const BESIDE_NAME = new RegExp(
  String.raw`${NUMBER}(?=(?:[A-Za-z]|-\d{1,5})?,?[ \t]{1,2}[A-Za-z\u00c0-\uffff1-9])|(?=\d)(?<=[A-Za-z\u00aa-\uffff.#][,. \t]{0,2}[ \t.,])\d{1,5}(?!\d)`,
);
const BESIDE_SMALL = new RegExp(
  String.raw`${NUMBER}(?=[a-z]?[ \t][a-z1-9])|(?=\d)(?<!\d)\d{2,5}(?=\.?,?[ \t](?:[Ss][Tt]\.|[Ss]tr?(?![a-z])|[Ss]treet|STREET))`,
);
const BESIDE_RARE = new RegExp(
  String.raw`${NUMBER}(?=,?[ \t][A-Z\u00c0-\uffff])|(?=\d)(?<=(?:ring|plein|kade|hof|markt|gade|veg|gata|tie|braut|vegur|bygget|stien|str|gate|rinne|kaari|penger),? )\d{1,3}(?!\d)`,
);

function either(...readings: readonly NonNullable<Pattern['narrow']>[]): NonNullable<Pattern['narrow']> {
  return (text, start, end) =>
    readings.flatMap((reading) => reading(text, start, end)).map((found) => withTown(found, text));
}

/** A town, with a code before it, that ends a phrase: `, 12045 Berlin.` */
const TOWN =
  /,?[ \t]{1,2}(?:(?:[A-Z]{1,2}-)?\d{4,6}[ \t])?\p{Lu}[\p{L}'’-]{1,24}(?:[ \t](?:am|an|der|den|de|del|upon|on|sur|u)(?=[ \t]\p{Lu})|[ \t]\p{Lu}[\p{L}'’.-]{0,24}){0,4}(?=[.,;:!?)"\n]|$)/uy;
/** Lines under a street, as letters have them; marks of quoted mail in front. */
const MOST_LINES = 4;
const NEXT_LINE = /[ \t]{0,3},?[ \t]{0,3}\r?\n{1,2}[ \t>?|]{0,8}/y;
const UNIT_LINE =
  /(?:apt|apartment|suite|ste|unit|flat|floor|room|bldg|building|p\.?o\.? box)\.?[ \t]#?[\p{L}\d-]{1,8}(?=[ \t]{0,3},?\r?(?:\n|$))/iuy;
const CODE_LINE =
  /(?:[\p{L}][\p{L}.'’()-]{0,24}[ \t,]{1,3}){0,5}(?:\d{4,6}(?:-\d{3,4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)(?![\p{L}\p{N}-]|[ \t./-]?[(+\d])(?:[ \t]{1,2}\p{Lu}[\p{L}'’-]{1,24}(?=[ \t]{0,3}\r?(?:\n|$)))?/uy;
const TOWN_LINE = /,?[ \t]?[\p{L}][\p{L}.'’(), -]{1,40}(?=\r?\n)/uy;

function match(regex: RegExp, text: string, at: number): number {
  regex.lastIndex = at;
  return regex.exec(text)?.[0].length ?? 0;
}

/** The town behind a street, and the lines of unit, town and code under it: a code at the end says that they are its address. */
function withTown({ start, end }: Window, text: string): Window {
  let stop = end + match(TOWN, text, end);
  let at = stop;
  for (let line = 0; line < MOST_LINES; line += 1) {
    const next = at + match(NEXT_LINE, text, at);
    if (next === at) break;
    const unit = match(UNIT_LINE, text, next);
    const code = unit > 0 ? 0 : match(CODE_LINE, text, next);
    if (code > 0) return { start, end: next + code };
    if (unit > 0 && stop === at) stop = next + unit;
    const town = unit > 0 ? unit : match(TOWN_LINE, text, next);
    if (town === 0) break;
    at = next + town;
  }
  return { start, end: stop };
}

/** Some number of the group has a word beside it. */
const BESIDE_A_WORD =
  /(?<![\dA-Za-z$€£_/.-])\d{1,6}(?:[A-Za-z]|-\d{1,5})?\.?,?[ \t]{1,2}(?:[A-Za-z\u00c0-\uffff](?!\d)|\d{1,3}(?:st|nd|rd|th))|(?<!\d)[A-Za-z\u00aa-\uffff.#][,. \t]{0,2}[ \t.,]\d{1,5}(?!\d|[.:,]\d)/;

const isBesideWord = shapeGuard(BESIDE_A_WORD, { before: 6, after: 10 });

/** Letters and digits right behind, no blank before: hex, identifiers. Said before any regex runs. */
function isInsideWord(text: string, start: number, end: number): boolean {
  if (!/[A-Za-z]/.test(text[end] ?? '') || !/[0-9A-Za-z]/.test(text[end + 1] ?? '')) return false;
  const before = text[start - 1];
  return before !== undefined && !' \t.,'.includes(before) && !' \t'.includes(text[end - 2] ?? '');
}

export const ADDRESS_CONTEXT: readonly string[] = [
  'address',
  'lives',
  'lives at',
  'living at',
  'reside',
  'residence',
  'located',
  'location',
  'street',
  'billing',
  'shipping',
  'mailing',
  'deliver',
  'delivery',
  'moved',
  'home',
  'office',
  'zip',
  'postcode',
  'adresse',
  'anschrift',
  'wohnt',
  'wohnhaft',
  'domicile',
  'habite',
  'dirección',
  'domicilio',
  'vive',
  'indirizzo',
  'abita',
  'residente',
  'endereço',
  'mora',
  'adres',
  'woont',
  'adress',
  'bor',
  'osoite',
  'адрес',
  '地址',
  '住址',
  '住所',
  '주소',
];

/** The head of every GPL file. */
export function isLicenceHead(_value: string, { text, start }: Around): boolean {
  return /Free\W{1,12}Software\W{1,12}Foundation/.test(text.slice(Math.max(0, start - 90), start));
}

export const streetAddress = definePattern({
  name: 'street-address',
  entity: 'STREET_ADDRESS',
  triggers: [digits(1, ...[' ', ',', '.', '\t'].flatMap((mark) => [`1..6${mark}A`, `A${mark}1..5`]), '1..6~A')],
  guard: (text, start, end) => !isInsideWord(text, start, end) && isBesideWord(text, start, end),
  reach: { before: 4, after: 8 },
  patterns: [
    { name: 'street', regex: BESIDE_NAME, score: 0.6, narrow: either(forwards(0.6), backwards) },
    { name: 'street-lower-case', regex: BESIDE_SMALL, score: 0.5, narrow: either(forwards(0.5), streetBehind) },
    { name: 'street-rare', regex: BESIDE_RARE, score: 0.3, narrow: either(forwards(0.3), weakSuffix) },
  ],
  context: ADDRESS_CONTEXT,
  contextReach: { before: 60, after: 24 },
  invalidate: isLicenceHead,
});

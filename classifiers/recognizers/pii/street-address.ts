/**
 * STREET_ADDRESS: a street with its house number in the orders and words of the main countries, post boxes, units, military mail.
 * POSTAL_CODE is a quasi-identifier: codes whose shape is their own (Britain, Canada, the Netherlands), others next to a
 * word or after a place.
 */
import { definePattern } from '../../define-pattern.ts';
import { digits } from '../../recognizer.ts';

/** Not inside a word or number, nor an amount, a fraction or a list mark. */
const B = String.raw`(?<![\p{Lu}\p{Ll}\p{N}$€£_/.-])`;
const E = String.raw`(?![\p{Lu}\p{Ll}\p{N}])`;
const UNIT = String.raw`(?:,?\s{1,4}(?:apt|apartment|suite|ste|unit|flat|floor|fl|room|rm|bldg|building|whg|wohnung|appt|app|bât|piso|puerta|interno|int|scala|no)\.?\s?#?\s?[\p{L}\d-]{1,6}|,?\s{0,2}#\s?\d{1,5}[A-Z]?)?`;
/** City, region, code: taken into the value when they follow, so that masking hides them too. */
const TAIL_EN = String.raw`(?:,?\s{1,3}\p{Lu}[\p{L}.'’-]{1,24}(?:\s\p{Lu}[\p{L}.'’-]{1,24}){0,2})?(?:,?\s{1,3}(?:[A-Z]{2,3}|\p{Lu}\p{Ll}{3,13})?,?\s{1,3}(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|\d{4})${E})?`;

const ENGLISH_TYPE =
  '(?:street|st|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|terrace|ter|parkway|pkwy|circle|cir|highway|hwy|close|crescent|cres|gardens|gdns|grove|mews|row|walk|trail|trl|alley|loop|plaza|turnpike|tpke|expressway|way|hill|rise|view|ridge|run|path|pass|point|pointe|quay|wharf|broadway|embankment|esplanade|parade|green|heights|hollow|junction|landing|manor|meadow|oval|park|springs|crossing|freeway|causeway|bend|cove|creek|vale|vista|fork|forks|knoll|knolls|glen|field|fields|estate|estates|mall|ramp|track|wynd)';
const GERMANIC_SUFFIX =
  '(?:stra(?:ß|ss)e|str\\.|str|weg|platz|allee|gasse|gäßli|damm|ufer|ring|chaussee|steig|straat|laan|plein|gracht|kade|singel|dijk|hof|markt|vej|vænget|gade|allé|stræde|gatan|vägen|gränd|torget|veien|veg|gata|gaten|bakken|tie|katu|kuja|polku|raitti|tänav|braut|gata|vegur|stígur|hólar|bygget|stien|vollen)';
/** Words keep a space behind them, abbreviations need none. */
const ROMANCE_WORD =
  'rue|avenue|boulevard|allée|allées|chemin|impasse|place|quai|cours|route|square|passage|sentier|faubourg|rond-point|calle|avenida|avda|av|paseo|plaza|camino|carretera|ctra|ronda|travesía|callejón|carrer|passeig|plaça|rambla|carrera|diagonal|transversal|calzada|colonia|privada|via|viale|piazza|piazzale|corso|largo|vicolo|strada|contrada|lungotevere|salita|località|rua|travessa|praça|alameda|estrada|rodovia|beco|vila|ulica|ulice|aleja|plac|osiedle|náměstí|trg|bulevar|calea|aleea|улица|проспект|пр-т|переулок|бульвар|площадь|шоссе|вулиця|οδός|πλατεία|λεωφόρος|jalan|jln|lorong';
const ROMANCE_ABBREVIATION = String.raw`c\/|av\.|avda\.|bd\.?|blvd\.|pº|pza\.|ctra\.|cra\.|v\.le|p\.za|c\.so|ul\.|al\.|pl\.|os\.|nám\.|bul\.|str\.|ул\.|пр\.|пер\.|пл\.|вул\.|αγ\.|λ\.|jl\.?`;
const ROMANCE = String.raw`(?:(?i:${ROMANCE_WORD})[ \t]{1,2}|(?i:${ROMANCE_ABBREVIATION})[ \t]{0,2})`;
const PARTICLE = String.raw`(?:(?:de|del|della|dei|degli|delle|di|da|do|dos|das|du|des|la|le|les|el|los|las|y|e|et|of|the|nad|na|św\.|gen\.|im\.|ks\.)[ \t]|[dl]['’])`;
const PROPER = String.raw`(?:\p{Lu}[\p{L}'’.-]{0,24}|\d{1,2}(?= de )|\p{Lo}{2,20})`;
const ROMANCE_NAME = String.raw`(?:${PARTICLE}{0,2}${PROPER}[ \t]){0,4}${PARTICLE}{0,2}${PROPER}`;

export const streetAddress = definePattern({
  name: 'street-address',
  entity: 'STREET_ADDRESS',
  triggers: [digits(1)],
  reach: { before: 72, after: 72 },
  patterns: [
    {
      name: 'english',
      regex: new RegExp(
        String.raw`${B}\d{1,6}(?:[-–/]\d{1,5})?[A-Za-z]?,?[ \t]{1,2}(?:(?:[NSEW]|[NS][EW]|North|South|East|West)\.?[ \t])?(?:(?:\p{Lu}[\p{L}'’.-]{0,24}|\d{1,3}(?:st|nd|rd|th)|of|the|de|la)[ \t]{1,2}){1,4}(?:(?=\p{Lu})(?i:${ENGLISH_TYPE}))${E}\.?(?:\s(?:[NSEW]|[NS][EW])${E}\.?)?(?i:${UNIT})${TAIL_EN}`,
        'u',
      ),
      score: 0.6,
    },
    {
      name: 'english-lower-case',
      regex: new RegExp(
        String.raw`${B}\d{1,6}[a-z]?[ \t](?:(?!for|of|in|on|the|to|and|by|per|from|with|miles?|feet|km|cars?|people|more|other|different|long|way)(?:[a-z'’.]{2,20}|\d{1,3}(?:st|nd|rd|th))[ \t]){1,3}(?:street|avenue|road|boulevard|terrace|blvd|ave|rd|(?<=\d{3}[^\d]{3,40})(?:drive|lane|court))${E}\.?(?i:${UNIT})`,
        'u',
      ),
      score: 0.5,
    },
    {
      name: 'broadway',
      regex: new RegExp(
        String.raw`${B}\d{1,5}\s(?:West |East |W\.? |E\.? |N\.? |S\.? )?(?:Broadway|Embarcadero|Whitehall|Piccadilly|Strand)${E}(?i:${UNIT})${TAIL_EN}`,
        'u',
      ),
      score: 0.6,
    },
    {
      name: 'germanic',
      regex: new RegExp(
        String.raw`${B}(?:\d{1,5}\s)?(?:\p{Lu}[\p{L}.-]{1,24}[\s-]){0,3}(?:\p{Lu}[\p{L}-]{1,30}(?i:${GERMANIC_SUFFIX})|(?:Alte|Neue|Große|Kleine|Obere|Untere|Am|An der|Auf der|Auf dem|Im|In der|Zum|Zur|Unter den)\s(?:\p{Lu}[\p{L}-]{2,24})(?:\s(?i:${GERMANIC_SUFFIX}))?|\p{Lu}[\p{L}-]{2,24}\s(?:Straße|Strasse|Str\.|Platz|Allee|Weg|Ring|Damm|Ufer|gate|vei|väg|plads|utca|út|útja|u\.|tér|tere|körút|krt\.|katu|tie|sokak|caddesi|cad\.|sok\.|mahallesi|mah\.))${'(?:\\s|,\\s?|\\sNo:?\\s?)'}\d{1,4}(?:\s?[a-zA-Z](?![\p{Lu}\p{Ll}]))?\.?(?:[-/]\d{1,4}[a-z]?)?${E}(?:,?\s{1,2}(?:[A-Z]{1,2}-)?\d{4,5}(?:\s[A-Z]{2})?\s\p{Lu}[\p{L}-]{1,24})?`,
        'u',
      ),
      score: 0.6,
    },
    {
      name: 'romance-number-first',
      regex: new RegExp(
        String.raw`${B}\d{1,5}(?:[ \t]?(?:bis|ter|quater|[A-D]))?,?[ \t]{1,2}${ROMANCE}${ROMANCE_NAME}(?:,?[ \t]\d{1,5}${E})?(?:,?\s{1,2}(?:[A-Z]{1,2}-)?\d{5}[ \t]\p{Lu}[\p{L}'’-]{1,24})?`,
        'u',
      ),
      score: 0.6,
    },
    {
      // A capital word before makes it English: `Rowan Avenue School, 600`.
      name: 'romance-number-last',
      regex: new RegExp(
        String.raw`${B}(?<!\p{Lu}[\p{L}.]{1,20}[ \t])${ROMANCE}${ROMANCE_NAME}(?:,[ \t]?|[ \t])(?:n[º°.]{0,2}[ \t]?|nr\.?[ \t]?|no\.?[ \t]?|д\.?[ \t]?|km\.?[ \t]?|#[ \t]?)?\d{1,5}(?:[ \t]?[a-zA-Zа-я](?![\p{Lu}\p{Ll}]))?(?:\/\d{1,4})?(?:-\d{1,4})?${E}(?:,?\s{1,2}(?:[A-Z]{1,2}-)?\d{2}-?\d{3}[ \t]\p{Lu}[\p{L}'’-]{1,24})?`,
        'u',
      ),
      score: 0.6,
    },
    {
      name: 'post-box',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}])(?:p\.? ?o\.? ?box|post ?box|postfach|postbus|postboks|apartado(?: de correos)?|boîte postale|casella postale|caixa postal|skr\. pocztowa|п\/я|gpo box)\s{1,2}#?\s?\d{1,6}(?![\p{Lu}\p{Ll}\p{N}])/iu,
      score: 0.6,
    },
    {
      name: 'unit',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}])(?:apt|apartment|suite|ste|whg|appt|flat)\.?\s#?\s?\d{2,5}[A-Z]?(?![\p{Lu}\p{Ll}\p{N}]|[.,]\d)/iu,
      score: 0.5,
    },
    {
      name: 'military',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}])(?:(?:PSC|CMR|Unit)\s\d{1,5},?\s(?:Box\s\d{1,5},?\s{1,2})?)?(?:FPO|APO|DPO),?\s(?:AA|AE|AP)\s\d{5}(?![\p{Lu}\p{Ll}\p{N}])/iu,
      score: 0.7,
    },
    {
      name: 'corner',
      regex: new RegExp(
        String.raw`${B}corner of[ \t](?:\d{1,5}[ \t])?${ROMANCE_NAME}[ \t](?:\d{1,5}\.?[ \t])?(?:str?\.?[ \t])?(?:and|&)[ \t]${ROMANCE_NAME}`,
        'u',
      ),
      score: 0.5,
    },
    {
      name: 'numbered-corner',
      regex:
        /(?<![\p{Lu}\p{Ll}])corner of[ \t](?:\d{1,5}[ \t])?(?:\p{L}[\p{L}.'’-]{1,24}[ \t]){1,3}\d{1,5}\.?[ \t](?:str?\.?[ \t])?(?:and|&)[ \t]\p{L}[\p{L}.'’-]{1,24}/iu,
      score: 0.55,
    },
    {
      name: 'name-number-street',
      regex: new RegExp(
        String.raw`${B}(?:\d{1,6}[ \t])?(?:\p{L}[\p{L}'’.-]{1,24}[ \t]){1,3}\d{2,4}\.?,?[ \t](?:st\.|str\.?|street)${'(?![\\p{L}])'}`,
        'iu',
      ),
      score: 0.5,
    },
    {
      name: 'chinese',
      regex:
        /(?:\p{Script=Han}{2,8}(?:省|市|自治区))?(?:\p{Script=Han}{1,8}[市区县區縣])?(?:\p{Script=Han}{1,10}[镇乡街道鎮])?\p{Script=Han}{1,12}(?:路|街|道|巷|弄|大道|胡同)\s?\d{1,5}\s?[号號](?:\s?\d{1,4}\s?[栋幢楼座樓])?(?:\s?\d{1,3}\s?单元)?(?:\s?\d{1,5}\s?[室号樓楼])?/u,
      score: 0.7,
    },
    {
      name: 'japanese',
      regex:
        /(?:〒?\d{3}-\d{4}\s{0,2})?(?:東京都|北海道|(?:京都|大阪)府|\p{Script=Han}{2,3}県)\p{L}{1,12}[市区町村郡]\p{L}{0,16}?\d{1,4}(?:丁目|番地?|-|－|の)\d{1,4}(?:[番号地]{0,2}|(?:-\d{1,5}))/u,
      score: 0.7,
    },
    {
      name: 'korean',
      regex:
        /(?:[가-힣]{2,8}(?:시|도)\s)?(?:[가-힣]{1,6}(?:시|군|구)\s){0,2}[가-힣0-9]{1,12}(?:로|길)\s?\d{1,4}(?:-\d{1,4})?(?:번길\s?\d{1,4})?(?![가-힣\d])/u,
      score: 0.45,
    },
    {
      name: 'labelled',
      regex:
        /(?<![\p{Lu}\p{Ll}])(?:(?:my|his|her|their|your|our|the|home|new|billing|shipping|mailing|postal|delivery|street|permanent|current) address(?:[ \t](?:is|was|with|to|as|at))?|address(?=:)|lives? at|living at|resid(?:es?|ing|ent) (?:at|of)|located at|ship(?:ping)?(?: it)? to|deliver(?:ed|y)? (?:it )?to|anschrift|wohnhaft|domicilié(?:e)? (?:au|à)|dirección(?: es)?|domicilio|indirizzo(?: è)?|endereço(?: é)?|adres|адрес)[:\s]{1,4}(?<value>\d{1,6}[A-Za-z]?,?[ \t]{1,2}(?:(?!of|in|and|or|for|to|at|with|by|per)\p{L}[\p{L}.'’-]{0,24}[ ,\t]{1,3}){1,5}\d{1,6}|\d{1,6}[A-Za-z]?,?[ \t](?:(?!of|in|and|or|for|to|at|with|by|per|million|years|people)\p{L}[\p{L}.'’-]{1,24}[ \t]){0,3}\p{L}[\p{L}.'’-]{1,24},[ \t]\p{L}[\p{L}.'’-]{1,24})(?![\p{Lu}\p{Ll}\p{N}])/iu,
      score: 0.6,
    },
    {
      // No word for street at all (`Nieuwe Baan 473`): the verb must say that it is a place.
      name: 'place-verb',
      regex:
        /(?<![\p{Lu}\p{Ll}])(?:lives?|living|reside[sd]?|residing|located|situated|(?:station|restaurant|office|offices|house|store|shop|clinic|school|hotel|party|building|home|address) (?:is|are)|stop|drops? (?:me|you|us|him|her|them) off|meet(?:ing)?(?: (?:me|us|him|her|them|you))?(?: \p{L}{3,12}day)?|pick (?:me|us|him|her|them) up|side|enter|delivered?|sent|return(?:ed)?|moved?|shipped) (?:at|on|to|of)[ \t](?<value>(?:\d{1,6}[ \t])?(?!(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|January|February|March|April|May|June|July|August|September|October|November|December|Room|Gate|Page|Exit|Chapter|Level|Route|Highway|Table|Figure|Line|Step|Pier|Terminal|Platform|Floor|Version|Number|No|Day|Week|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Windows|Python|Area|Section|Building|Door|Suite|Box|Zone|District|Grade|Class|Season|Episode|Part|Phase|Round|World|Studio|Channel|Port|Interstate)[ \t])(?:\p{Lu}[\p{L}'’.-]{1,24}[ \t]){1,4}\d{1,4}[a-z]?\.?)(?![\p{Lu}\p{Ll}\p{N}%]|[.,:]\d|[ ](?:AD|BC|am|pm|AM|PM|million))/u,
      score: 0.5,
    },
    {
      // The line of a street, with the line of its flat below.
      name: 'envelope',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}.,$€£])\d{1,6}[A-Za-z]?[ \t]{1,2}(?:[\p{L}\d][\p{L}\d.'’-]{0,24}[ \t]{1,2}){0,4}[\p{L}\d][\p{L}\d.'’-]{0,24},?\s{1,6}(?:[>?*|]{1,3}\s{0,2})?(?:apt|suite|ste|flat)\.?[ \t]#?\d{1,5}(?![\p{Lu}\p{Ll}\p{N}])/iu,
      score: 0.6,
    },
    {
      name: 'number-name-number',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}.,])\d{1,6}\s\p{Lu}[\p{L}.'’-]{2,24}(?:\s\p{Lu}[\p{L}.'’-]{1,24}){0,3}\s\d{1,4}[,\n]\s{0,4}\p{Lu}[\p{L}-]{1,24}/u,
      score: 0.45,
    },
  ],
  context: [
    'address',
    'addresses',
    'lives',
    'lives at',
    'living at',
    'reside',
    'resides',
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
    'offices',
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
  ],
  contextReach: { before: 60, after: 24 },
});

export const postalCode = definePattern({
  name: 'postal-code',
  entity: 'POSTAL_CODE',
  triggers: [digits(2)],
  reach: { before: 40, after: 24 },
  patterns: [
    {
      name: 'british',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}-])(?:GIR ?0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d|[A-HK-Y]\d\d|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRV-Y]) \d[ABD-HJLNP-UW-Z]{2})(?![\p{Lu}\p{Ll}\p{N}-])/u,
      score: 0.6,
    },
    {
      name: 'canadian',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}-])[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]\d[ABCEGHJ-NPRSTV-Z]\d(?![\p{Lu}\p{Ll}\p{N}-])/u,
      score: 0.6,
    },
    {
      name: 'dutch',
      regex: /(?<![\p{Lu}\p{Ll}\p{N}-])[1-9]\d{3} ?(?!SA|SD|SS)[A-Z]{2}(?![\p{Lu}\p{Ll}\p{N}-])(?=,?\s\p{Lu}\p{L})/u,
      score: 0.5,
    },
    {
      name: 'american',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}.,-])(?:(?<=\b[A-Z]{2},? )\d{5}(?:-\d{4})?|\d{5}-\d{4})(?![\p{Lu}\p{Ll}\p{N}-]|[.,]\d)/u,
      score: 0.55,
    },
    {
      name: 'five-digits',
      regex: /(?<![\p{Lu}\p{Ll}\p{N}.,$€£#/:+-])(?:[A-Z]{1,2}-)?\d{4,6}(?:-\d{4})?(?![\p{Lu}\p{Ll}\p{N}%/:-]|[.,]\d)/u,
      score: 0.15,
    },
    {
      name: 'before-town',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}.,$€£#/:+-])(?:[A-Z]{1,2}-)?(?:\d{5}|\d{2}-\d{3}|\d{3} \d{2})(?=\s\p{Lu}\p{Ll}{2,20}(?![\p{Ll}]))(?!\s(?:Days|People|Years|Dollars|Users|Euro))/u,
      score: 0.3,
    },
    { name: 'japanese', regex: /〒\s?\d{3}-?\d{4}(?!\d)/u, score: 0.8 },
  ],
  context: [
    'zip',
    'zip code',
    'zipcode',
    'postcode',
    'post code',
    'postal code',
    'postal',
    'plz',
    'postleitzahl',
    'code postal',
    'código postal',
    'cap',
    'cep',
    'postnummer',
    'postinumero',
    'pin code',
    'pincode',
    'kod pocztowy',
    'индекс',
    '邮编',
    '邮政编码',
    '郵便番号',
    '우편번호',
  ],
  contextReach: { before: 30, after: 16 },
});

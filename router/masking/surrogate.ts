/**
 * Realistic values in the place of placeholders, for models that stumble over brackets: an address at a reserved domain, a number nobody has, a card of a test range that passes its check digit, a made-up
 * name. Made from the placeholder alone, whose letters are a keyed digest, so nothing of the value is in it and the same value has the same one after a restart. Kinds without a form here
 * stay placeholders.
 */
import { hash } from 'node:crypto';

/** Letters, digits and what stands in addresses and numbers: it can break no JSON and no escape, however deep it is nested. clear() checks. */
export const SURROGATE_FORM = /^[A-Za-z0-9 @.+-]{4,64}$/;

/** surrogateFor gives one for a placeholder; `attempt` gives others where the first is taken. `undefined` where the kind has no form. */
export function surrogateFor(token: string, attempt: number): string | undefined {
  const type = /^\[\[([A-Z0-9_]+)_[a-z]+\]\]$/.exec(token)?.[1] ?? '';
  const make = Object.hasOwn(FORMS, type) ? FORMS[type] : undefined;
  if (make === undefined) return undefined;
  const digest = hash('sha256', `surrogate\n${attempt}\n${token}`, 'buffer');
  let at = 0;
  // Two bytes a choice: no list here is longer than 10,000.
  return make((below) => digest.readUInt16BE((at = (at + 2) % 30)) % below);
}

type Pick = (below: number) => number;

const digits = (pick: Pick, count: number): string => Array.from({ length: count }, () => pick(10)).join('');
const one = (pick: Pick, list: readonly string[]): string => list[pick(list.length)] ?? '';

const FIRST =
  'Adrian Alma Amos Anneke Ansel Arlo Astrid Avery Basil Bea Birgit Bram Carys Casper Celia Corin Dagny Delia Dorian Edda Elias Elke Emeric Enid Esme Fabian Faye Fenna Fergus Greta Gwen Hanne Hollis Ida Imre Ines Ivo Jarek Jorun Kaia Kester Lasse Leda Linus Lowri Mabel Maren Milo Nadja Niall Odile Orla Oskar Petra Quill Rafe Roswitha Rune Saskia Signe Sorrel Tamsin Tobias Ulla Viggo Willa Xander Yorick Zelda'.split(
    ' ',
  );
const LAST =
  'Abernathy Ackerly Alderton Ashdown Bellwood Birkett Blackmoor Brandvold Calloway Carrick Corbin Cranmore Dalgaard Danforth Dunmore Eastgate Ellerby Fairbourn Farrow Fenwick Garrick Glenmore Greystone Halvorsen Hartwell Hazeldine Holloway Inglewood Ironside Jessop Kettering Kingsley Lachlan Langford Larkspur Lindqvist Marchmont Marlowe Merriweather Northcott Oakhurst Ormsby Pemberly Penhallow Quillfeather Ravensworth Redgrave Rookwood Sandringham Selwyn Stavely Sternwood Tamworth Thornbury Underhill Vanterpool Wakefield Westerby Winterbourne Wrexley Yarrow'.split(
    ' ',
  );
/** RFC 2606. */
const DOMAINS = ['example.com', 'example.net', 'example.org'];
/** Area codes in use; 555-0100 to 555-0199 is set aside for fiction in each. */
const AREAS =
  '202 206 212 213 214 215 216 217 301 303 305 312 313 314 315 401 402 404 406 410 412 414 415 502 503 504 505 512 513 515 602 603 605 608 612 614 615 617 701 702 703 704 713 716 718 801 802 803 804 805 808 812 813 814 816 901 904 907 912 913 915 916 917 918 919'.split(
    ' ',
  );
/** RFC 5737. */
const NETWORKS = ['192.0.2', '198.51.100', '203.0.113'];

const name = (pick: Pick): string => `${one(pick, FIRST)} ${one(pick, LAST)}`;

const FORMS: Readonly<Record<string, (pick: Pick) => string>> = {
  EMAIL_ADDRESS: (pick) =>
    `${one(pick, FIRST)}.${one(pick, LAST)}${digits(pick, 2)}@${one(pick, DOMAINS)}`.toLowerCase(),
  PHONE_NUMBER: (pick) => `+1 ${one(pick, AREAS)} 555 01${digits(pick, 2)}`,
  CREDIT_CARD: (pick) => withCheckDigit(`400000${digits(pick, 9)}`).replace(/(\d{4})(?=\d)/g, '$1 '),
  PERSON: name,
  PRIVATE_PERSON: name,
  IP_ADDRESS: (pick) => `${one(pick, NETWORKS)}.${1 + pick(254)}`,
};

/** Luhn (ISO/IEC 7812-1). */
function withCheckDigit(body: string): string {
  const sum = [...body].toReversed().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return body + ((10 - (sum % 10)) % 10);
}

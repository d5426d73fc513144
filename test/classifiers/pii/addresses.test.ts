import { describe, expect, it } from 'vitest';
import {
  addressCorner,
  addressPhrase,
  addressUnit,
  eastAsianAddress,
  postBox,
  rightToLeftAddress,
} from '../../../classifiers/recognizers/pii/address-phrases.ts';
import { letteredPostalCode, namedPostalCode, postalCode } from '../../../classifiers/recognizers/pii/postal-code.ts';
import { streetAddress } from '../../../classifiers/recognizers/pii/street-address.ts';
import { foundIn } from './found-in.ts';

const addresses = [
  streetAddress,
  postBox,
  addressUnit,
  addressCorner,
  addressPhrase,
  eastAsianAddress,
  rightToLeftAddress,
];
const codes = [postalCode, letteredPostalCode, namedPostalCode];

describe('street addresses', () => {
  it.each([
    ['American', 'He lives at 742 Evergreen Terrace, Springfield', '742 Evergreen Terrace, Springfield'],
    [
      'American with city and ZIP',
      'to 600 S Rowan Ave, Los Angeles, CA 90023 now',
      '600 S Rowan Ave, Los Angeles, CA 90023',
    ],
    ['numbered street', 'at 717 6th St NW today', '717 6th St NW'],
    ['lower case', 'send it to 15 oak hill road please', '15 oak hill road'],
    ['British', '221B Baker Street, London', '221B Baker Street, London'],
    ['rare street word with context', 'his address: 52900 Cole Cliff', '52900 Cole Cliff'],
    ['German', 'Ich wohne Hauptstraße 5', 'Hauptstraße 5'],
    ['German, abbreviated, letter', 'Lindenstr. 12a in Köln', 'Lindenstr. 12a'],
    ['Swiss', 'Bahnhofstrasse 21', 'Bahnhofstrasse 21'],
    ['Dutch', 'Keizersgracht 123', 'Keizersgracht 123'],
    ['Swedish', 'Storgatan 14', 'Storgatan 14'],
    ['Hungarian', 'az Árpád fejedelem útja 3.', 'fejedelem útja 3.'],
    ['Turkish', 'Atatürk Caddesi 45', 'Atatürk Caddesi 45'],
    ['French', "au 12 bis rue de l'Église", "12 bis rue de l'Église"],
    ['French with code', '5, avenue Victor Hugo 75016 Paris', '5, avenue Victor Hugo 75016 Paris'],
    ['Spanish', 'en Calle Mayor, 15', 'Calle Mayor, 15'],
    ['Spanish, abbreviated', 'C/ Alcalá 20', 'C/ Alcalá 20'],
    ['Italian', 'abita in Via Roma 12', 'Via Roma 12'],
    ['Portuguese', 'Rua das Flores 34', 'Rua das Flores 34'],
    ['Polish', 'ul. Długa 7', 'ul. Długa 7'],
    ['Russian', 'ул. Ленина 10', 'ул. Ленина 10'],
    ['German with town', 'wohnhaft Hauptstraße 5, 10115 Berlin, seit', 'Hauptstraße 5, 10115 Berlin'],
    [
      'a letter head',
      'Jan Mol\nDorpsweg 12\nApt. 9\nHuizen\nOman 04763\nDear Jan',
      'Dorpsweg 12\nApt. 9\nHuizen\nOman 04763',
    ],
    ['the same, quoted', '> Dorpsweg 12\n> HUIZEN\n> Oman 04763', 'Dorpsweg 12\n> HUIZEN\n> Oman 04763'],
    ['under it a telephone', 'Lindenstr. 12\nHuizen\n0543 224 118', 'Lindenstr. 12'],
    ['under it no code', 'Lindenstr. 12\nWe met there\nin March', 'Lindenstr. 12'],
    ['under it no town', 'Lindenstr. 12\n{\n12345', 'Lindenstr. 12'],
    ['post box', 'P.O. Box 1234', 'P.O. Box 1234'],
    ['Postfach', 'Postfach 10 ', 'Postfach 10'],
    ['flat', 'come to Apt. 784', 'Apt. 784'],
    ['military mail', 'PSC 123 Box 456, APO AE 09204', 'PSC 123 Box 456, APO AE 09204'],
    ['no street word, a verb says it', 'she lives at Nieuwe Baan 473', 'Nieuwe Baan 473'],
    ['Chinese', '我住在北京市朝阳区建国路88号', '北京市朝阳区建国路88号'],
    ['Japanese', '東京都渋谷区神宮前1-2-3', '東京都渋谷区神宮前1-2-3'],
    ['Korean', '서울시 강남구 테헤란로 152', '서울시 강남구 테헤란로 152'],
    ['Arabic', 'شارع الملك فهد 12', 'شارع الملك فهد 12'],
    ['Hebrew', 'רחוב הרצל 15', 'רחוב הרצל 15'],
  ])('finds %s', (_name, text, value) => {
    const found = foundIn(addresses, text).map((entry) => entry.replace('STREET_ADDRESS:', ''));
    expect(found.some((entry) => entry.endsWith(value) || value.endsWith(entry))).toBe(true);
  });

  it.each([
    ['count and verb', 'Wendy wants to place 20 more than double'],
    ['multiple choice', 'M = 1\nC. The Espionage Act of 1917\nD. Protocol 14'],
    ['season', 'Spring 2024 and Engineering 101 with Brigade 5'],
    ['constant', '#define V_ASN1_BIT_STRING 3'],
    ['drive', 'a 7 hour drive, fined $120 for unauthorized road maintenance'],
    ['storage', 'M.2 Internal Solid State Hard Drive'],
    ['gate and room', 'meet at Gate 5, stop at Room 101, sent to Page 12'],
    ['month', 'we meet on Feb 15 and moved to March 12'],
    ['product', 'located in Windows 11 and Office 365'],
    ['licence head', 'Free Software Foundation, Inc., 59 Temple Place, Suite 330, Boston, MA 02111'],
    ['address as a verb', 'We address this problem by generating 100 candidates'],
    ['time', 'at 11:02 AM December 15'],
    ['prose', 'In 1997 to 2004 she served 3 terms and won 12 awards for 40 days'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn(addresses, text)).toEqual([]);
  });

  it.each([
    ['British', 'at SW1A 1AA', 'SW1A 1AA'],
    ['Canadian', 'K1A 0B6', 'K1A 0B6'],
    ['American behind a state', 'Los Angeles, CA 90023', '90023'],
    ['ZIP+4', '90023-1234', '90023-1234'],
    ['German with a word', 'PLZ 50667', '50667'],
    ['Japanese', '〒150-0001', '〒150-0001'],
  ])('finds the %s postal code', (_name, text, value) => {
    expect(foundIn(codes, text)).toEqual([`POSTAL_CODE:${value}`]);
  });

  it('leaves numbers that are no postal codes', () => {
    expect(foundIn(codes, 'port 50667, id A1B2C3, 12345 rows, 90023.5')).toEqual([]);
  });

  it('ends on numbers and capitals', () => {
    // A pattern that is not runs into the time limit of the test; the sizes are chosen for a slow machine.
    for (const text of ['Am Den Von Der 12 '.repeat(5_000), '12 A B C D E F G '.repeat(5_000), '1 '.repeat(50_000)])
      for (const recognizer of addresses)
        recognizer.find({ text, hint: '' }, { start: 0, end: text.length }, ({ start, end }) =>
          expect(end).toBeGreaterThan(start),
        );
  });
});

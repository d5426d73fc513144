import { faker } from '@faker-js/faker';
import { describe, expect, it } from 'vitest';
import {
  phoneInternational,
  phoneNamed,
  phoneNational,
  phoneNorthAmerican,
} from '../../../classifiers/recognizers/pii/phone.ts';
import { foundIn } from './found-in.ts';

const phones = [phoneInternational, phoneNorthAmerican, phoneNational, phoneNamed];
const values = (text: string, hint = ''): readonly string[] =>
  foundIn(phones, text, hint).map((found) => found.replace('PHONE_NUMBER:', ''));

describe('phone numbers', () => {
  it.each([
    ['E.164', 'it is +12128096490', '+12128096490'],
    ['E.164 with spaces', 'it is +44 20 7946 0958 ok', '+44 20 7946 0958'],
    ['trunk zero in brackets', 'at +41 (0)44 668 18 00.', '+41 (0)44 668 18 00'],
    ['a year behind', '+1 212 809 6490 2024', '+1 212 809 6490'],
    ['dialled with 00 and context', 'call 0049 30 901820', '0049 30 901820'],
    ['dialled with 00 and valid', '0033 1 42 34 56 78', '0033 1 42 34 56 78'],
    ['North American', 'it is 212-809-6490', '212-809-6490'],
    ['area code in brackets', '(212) 809-6490', '(212) 809-6490'],
    ['dots', '212.809.6490', '212.809.6490'],
    ['underscores', '+1_212_809_6490', '+1_212_809_6490'],
    ['part of an identifier', 'x_+1_212-809-6490', '+1_212-809-6490'],
    ['extension', '(311)905-4466x8827', '(311)905-4466x8827'],
    ['with country', '1-212-809-6490', '1-212-809-6490'],
    ['ten digits with context', 'my cell is 2128096490', '2128096490'],
    ['German', 'Tel. 030/901820', '030/901820'],
    ['French', 'appelez le 01 42 34 56 78', '01 42 34 56 78'],
    ['Dutch', '06-65334860', '06-65334860'],
    ['Spanish with context', 'mi teléfono es 612 345 678', '612 345 678'],
    ['Danish with context', 'ring mig: 51 16 34 25', '51 16 34 25'],
    ['Chinese mobile with context', '我的手机号是13812345678', '13812345678'],
    ['Japanese', '電話 03-1234-5678', '03-1234-5678'],
    ['Indian mobile with context', 'WhatsApp 98765 43210', '98765 43210'],
    ['signature', 'T: 7946 0958', '7946 0958'],
    ['label behind', '92 34 70-Office', '92 34 70'],
  ])('finds %s', (_name, text, number) => {
    expect(values(text)).toContain(number);
  });

  it('takes a JSON key as context', () => {
    expect(values('2128096490', 'phoneNumber')).toEqual(['2128096490']);
    expect(values('2128096490', 'total')).toEqual([]);
  });

  it.each([
    ['order number', 'order 2128096490 shipped'],
    ['order number though a call is mentioned', 'call us about order #212-809-6490'],
    ['unix time', '1700000000'],
    ['ISO date', 'call on 2024-01-15 please'],
    ['date range', '2019-2020 2021-2022'],
    ['European date', '15.01.2024'],
    ['version', 'version 10.0.19045.3803'],
    ['IPv4', 'host 212.80.96.49'],
    ['sum', '1234567 * 7654321'],
    ['amount', 'the call cost $1234567'],
    ['thousands', '1.234.567.890'],
    ['ISBN', 'ISBN 978-3-16-148410-0'],
    ['DOI', 'doi 10.1000/182'],
    ['sequence', '0 1 1 2 3 5 8 13 21 34'],
    ['sum with plus', 'x = 12+34567890'],
    ['hash', 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3'],
    ['UUID', '123e4567-e89b-12d3-a456-426614174000'],
    ['year list', 'in 2019 2020 2021'],
    ['placeholder', 'call 000-000-0000'],
  ])('leaves %s', (_name, text) => {
    expect(values(text)).toEqual([]);
  });

  it('finds nearly all international numbers of a generator that is not ours', () => {
    faker.seed(3);
    let found = 0;
    for (let index = 0; index < 400; index += 1) {
      const number = faker.phone.number({ style: 'international' });
      if (values(`Reach me at ${number}.`).includes(number)) found += 1;
    }
    expect(found).toBeGreaterThanOrEqual(396);
  });

  it('ends on digits and separators', () => {
    // A pattern that is not runs into the time limit of the test; the sizes are chosen for a slow machine.
    for (const text of ['+1 (2) '.repeat(20_000), '12 - 3 '.repeat(20_000)])
      for (const recognizer of phones)
        recognizer.find({ text, hint: '' }, { start: 0, end: text.length }, ({ start, end }) =>
          expect(end).toBeGreaterThan(start),
        );
  });
});

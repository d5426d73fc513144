import { faker } from '@faker-js/faker';
import { describe, expect, it } from 'vitest';
import { iban } from '../../../classifiers/recognizers/pii/iban.ts';
import { candidatesIn, foundIn } from './found-in.ts';

describe('iban', () => {
  it.each([
    ['compact', 'IBAN DE89370400440532013000 please', 'DE89370400440532013000'],
    ['in fours', 'pay to DE89 3704 0044 0532 0130 00 by Friday', 'DE89 3704 0044 0532 0130 00'],
    ['lower case', 'gb42nawi04454264788619', 'gb42nawi04454264788619'],
    ['dashes', 'NL91-ABNA-0417-1643-00', 'NL91-ABNA-0417-1643-00'],
    ['a word right behind', 'BE68 5390 0754 7034 BIC KREDBEBB', 'BE68 5390 0754 7034'],
    ['shortest', 'NO9386011117947', 'NO9386011117947'],
    ['longest but one', 'MT84MALT011000012345MTLCAST001S', 'MT84MALT011000012345MTLCAST001S'],
    ['a full stop behind', 'It is FR1420041010050500013M02606.', 'FR1420041010050500013M02606'],
  ])('finds %s', (_name, text, value) => {
    expect(foundIn([iban], text)).toEqual([`IBAN_CODE:${value}`]);
  });

  it.each([
    ['bad check digits', 'DE88370400440532013000'],
    ['length of another country', 'DE8937040044053201300'],
    ['unknown country', 'ZZ89370400440532013000'],
    ['part of a longer token', 'DE89370400440532013000AB12'],
    ['words', 'is 12 apples and pears for everybody'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn([iban], text)).toEqual([]);
  });

  it('a failed check is a near miss', () => {
    expect(candidatesIn([iban], 'DE88370400440532013000').map(({ rejected }) => rejected)).toEqual(['checksum']);
  });

  it('finds every country of a generator that is not ours, written both ways, and none with one digit changed', () => {
    faker.seed(11);
    for (let index = 0; index < 300; index += 1) {
      const formatted = index % 2 === 0;
      const value = faker.finance.iban({ formatted });
      expect(foundIn([iban], `Transfer to IBAN ${value} today`)).toEqual([`IBAN_CODE:${value}`]);
      const changed = value.slice(0, 2) + String((Number(value[2]) + 1) % 10) + value.slice(3);
      expect([changed, ...foundIn([iban], `Transfer to IBAN ${changed} today`)]).toEqual([changed]);
    }
  });
});

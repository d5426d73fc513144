import { describe, expect, it } from 'vitest';
import {
  usSocialSecurity,
  usSocialSecurityNamed,
  usTaxpayer,
  usTaxpayerNamed,
} from '../../../classifiers/recognizers/pii/us-social-security.ts';
import { foundIn } from './found-in.ts';

const both = [usSocialSecurity, usSocialSecurityNamed, usTaxpayer, usTaxpayerNamed];

describe('usSocialSecurity', () => {
  it.each([
    ['dashes alone', 'it is 311-19-1486 ok', 'US_SSN:311-19-1486'],
    ['spaces with context', 'SSN 311 19 1486', 'US_SSN:311 19 1486'],
    ['dots with context', 'social security: 311.19.1486', 'US_SSN:311.19.1486'],
    ['no separators with context', 'my social security number is 311191486', 'US_SSN:311191486'],
    ['context behind', '311191486 is my SSN', 'US_SSN:311191486'],
    ['never issued area with context', 'SSN: 987-65-4321', 'US_SSN:987-65-4321'],
    ['advertisement number with context', 'ssn 078051120', 'US_SSN:078051120'],
    ['placeholder people use', 'SSN 123-45-6789', 'US_SSN:123-45-6789'],
    ['Spanish context', 'mi número de seguro social es 311191486', 'US_SSN:311191486'],
    ['part of an identifier', 'x_311-19-1486', 'US_SSN:311-19-1486'],
    ['identifier context', '{"user_ssn": "311191486"}', 'US_SSN:311191486'],
  ])('finds %s', (_name, text, found) => {
    expect(foundIn(both, text)).toContain(found);
  });

  it('takes a JSON key as context', () => {
    expect(foundIn(both, '311191486', 'ssn')).toEqual(['US_SSN:311191486']);
    expect(foundIn(both, '311191486', 'count')).toEqual([]);
  });

  it.each([
    ['area 000', '000-12-3456'],
    ['area 666', '666-12-3456'],
    ['group 00', '311-00-1486'],
    ['serial 0000', '311-19-0000'],
    ['wrong grouping', '850-122-024'],
    ['a date', '11-19-1486'],
    ['nine digits without context', 'population 311191486'],
    ['longer number', '1311-19-14869'],
    ['part of a part number', 'X311-19-1486'],
    ['masked', 'SSN ***-**-1486'],
    ['one digit repeated', 'SSN 111-11-1111'],
    ['substring of a word is no context', 'classname 311191486'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn(both, text)).toEqual([]);
  });

  it.each([
    ['ITIN', 'ITIN 912-70-1234', 'US_ITIN:912-70-1234'],
    ['ITIN without separators', 'his ITIN is 912701234', 'US_ITIN:912701234'],
  ])('finds %s', (_name, text, found) => {
    expect(foundIn(both, text)).toContain(found);
  });
});

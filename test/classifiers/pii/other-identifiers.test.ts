import { describe, expect, it } from 'vitest';
import { cryptoAddress } from '../../../classifiers/recognizers/pii/crypto-address.ts';
import { age, dateOfBirth, dateTime } from '../../../classifiers/recognizers/pii/dates.ts';
import { geoPosition } from '../../../classifiers/recognizers/pii/geo-position.ts';
import { valueAddedTax } from '../../../classifiers/recognizers/pii/value-added-tax.ts';
import { deviceNumber, vehicleNumber, vehiclePlate } from '../../../classifiers/recognizers/pii/vehicle.ts';
import { personalLink, webAddress } from '../../../classifiers/recognizers/pii/web-address.ts';
import { foundIn } from './found-in.ts';

describe('dates and ages', () => {
  it.each([
    ['label', 'DOB: 04/12/1985', '04/12/1985'],
    ['sentence', 'she was born on March 3rd, 1990 in Leeds', 'March 3rd, 1990'],
    ['ISO', 'date of birth is 1985-12-04', '1985-12-04'],
    ['German', 'geboren am 12. Mai 1979', '12. Mai 1979'],
    ['French', 'née le 5 février 1988', '5 février 1988'],
    ['Spanish', 'fecha de nacimiento: 05/02/1988', '05/02/1988'],
    ['Chinese', '出生日期：1990年5月1日', '1990年5月1日'],
    ['behind', '12.05.1979 (DOB)', '12.05.1979'],
  ])('finds a date of birth: %s', (_name, text, value) => {
    expect(foundIn([dateOfBirth], text)).toEqual([`DATE_OF_BIRTH:${value}`]);
  });

  it('takes a JSON key as label', () => {
    expect(foundIn([dateOfBirth], '1985-12-04', 'dateOfBirth')).toEqual(['DATE_OF_BIRTH:1985-12-04']);
    expect(foundIn([dateOfBirth], '1985-12-04', 'createdAt')).toEqual([]);
  });

  it.each([
    ['another date', 'released on 04/12/1985'],
    ['history', 'Einstein was born on March 14, 1879'],
    ['life span', 'born 8 January 1935 – 16 August 1977'],
    ['year alone', 'born in 1990'],
    ['child birth', 'the birth rate in 2020'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn([dateOfBirth], text)).toEqual([]);
  });

  it.each([
    ['ISO', '2024-01-15', 'DATE_TIME:2024-01-15'],
    ['English', 'on March 3rd, 2024', 'DATE_TIME:March 3rd, 2024'],
    ['ordinal first', '12th April 2022', 'DATE_TIME:12th April 2022'],
  ])('finds a date: %s', (_name, text, found) => {
    expect(foundIn([dateTime], text)).toEqual([found]);
  });

  it('finds ages and leaves other numbers', () => {
    expect(foundIn([age], 'a 65-year-old man, 58yo woman, aged 40, 34 ans')).toEqual(
      ['AGE:65', 'AGE:58', 'AGE:40', 'AGE:34'].toSorted((a, b) => foundInOrder.indexOf(a) - foundInOrder.indexOf(b)),
    );
    expect(foundIn([age], '65 years of data, 12 yards, age 3.5')).toEqual([]);
  });
  const foundInOrder = ['AGE:65', 'AGE:58', 'AGE:34', 'AGE:40'];
});

describe('vehicles and devices', () => {
  it.each([
    ['VIN with check digit', '1M8GDM9AXKP042788', 'VEHICLE_VIN:1M8GDM9AXKP042788'],
    ['European VIN with context', 'Fahrgestellnummer WVWZZZ1JZXW000001', 'VEHICLE_VIN:WVWZZZ1JZXW000001'],
    ['German plate', 'Kennzeichen B-MW 1234', 'VEHICLE_PLATE:B-MW 1234'],
    ['British plate', 'number plate AB12 CDE', 'VEHICLE_PLATE:AB12 CDE'],
    ['Spanish plate', 'matrícula 1234 BCD', 'VEHICLE_PLATE:1234 BCD'],
    ['Chinese plate', '车牌京A12345', 'VEHICLE_PLATE:京A12345'],
    ['IMEI', 'IMEI 490154203237518', 'IMEI:490154203237518'],
  ])('finds %s', (_name, text, found) => {
    expect(foundIn([vehicleNumber, vehiclePlate, deviceNumber], text)).toContain(found);
  });

  it.each([
    ['VIN with a wrong check digit and no context', '1M8GDM9A1KP042788'],
    ['plate without context', 'the B-MW 1234 and AB12 CDE'],
    ['IMEI with a wrong check digit', 'IMEI 490154203237519'],
    ['hash', 'd41d8cd98f00b204e9800998ecf8427e'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn([vehicleNumber, vehiclePlate, deviceNumber], text)).toEqual([]);
  });
});

describe('positions, wallets, links and VAT', () => {
  const all = [geoPosition, cryptoAddress, webAddress, personalLink, valueAddedTax];

  it.each([
    ['position with context', 'GPS 52.520008, 13.404954', 'GEO_POSITION:52.520008, 13.404954'],
    ['position with hemisphere', '52.5200° N, 13.4049° E', 'GEO_POSITION:52.5200° N, 13.4049° E'],
    ['degrees and minutes', `40°26'46"N 79°58'56"W`, `GEO_POSITION:40°26'46"N 79°58'56"W`],
    ['Bitcoin', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', 'CRYPTO:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'],
    ['Bech32', 'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq', 'CRYPTO:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq'],
    ['Ethereum', '0x742d35Cc6634C0532925a3b844Bc454e4438f44e', 'CRYPTO:0x742d35Cc6634C0532925a3b844Bc454e4438f44e'],
    ['link', 'see https://acme.io/x?y=1.', 'URL:https://acme.io/x?y=1.'],
    [
      'shared document',
      'see https://docs.google.com/document/d/1aB2cD3/edit?usp=sharing',
      'URL_WITH_PERSONAL_DATA:https://docs.google.com/document/d/1aB2cD3/edit?usp=sharing',
    ],
    ['personal parameter', 'https://acme.io/u?email=ann%40acme.io&x=1', 'URL_WITH_PERSONAL_DATA:ann%40acme.io'],
    ['German VAT', 'USt-ID DE136695976', 'VAT_ID:DE136695976'],
    ['Italian VAT', 'IT00743110157', 'VAT_ID:IT00743110157'],
  ])('finds %s', (_name, text, found) => {
    expect(foundIn(all, text)).toContain(found);
  });

  it.each([
    ['vector', 'v = (0.5234, 0.1234, 0.9983)'],
    ['probabilities', '0.123, 0.456'],
    ['Bitcoin with a typing error', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb'],
    ['Bech32 with a typing error', 'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx'],
    ['zero address', '0x0000000000000000000000000000000000000000'],
    ['commit', '9fceb02d0ae598e95dc970b74767f19372d61af8'],
    ['VAT with a wrong check digit', 'USt-ID DE136695977'],
    ['words in capitals', 'IT 2024 DE FR ES'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn(all, text)).toEqual([]);
  });

  it('a placeholder in a documented link is nobody', () => {
    expect(foundIn([personalLink], 'GET https://api.acme.io/users?email={email}&user=example')).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import * as schemes from '../../../classifiers/recognizers/pii/check-digits.ts';

describe('check digits', () => {
  it.each([
    ['luhn', schemes.luhn, '4539578763621486', '4539578763621487'],
    ['mod97', schemes.mod97, '370400440532013000DE89', '370400440532013000DE88'],
    ['verhoeff', schemes.verhoeff, '234123412346', '234123412345'],
    ['abaRouting', schemes.abaRouting, '021000021', '021000022'],
    ['abaRouting, range no bank has', schemes.abaRouting, '322271627', '992271627'],
    ['nationalProvider', schemes.nationalProvider, '1234567893', '1234567890'],
    ['deaRegistration', schemes.deaRegistration, 'AB1234563', 'AB1234564'],
    ['nhsNumber', schemes.nhsNumber, '9434765919', '9434765918'],
    ['myNumber', schemes.myNumber, '123456789018', '123456789012'],
    ['snils', schemes.snils, '11223344595', '11223344596'],
    ['australianMedicare', schemes.australianMedicare, '2123456701', '2123456711'],
    ['singaporeIdentity', schemes.singaporeIdentity, 'S1234567D', 'S1234567A'],
    ['singaporeIdentity, foreigner', schemes.singaporeIdentity, 'F1234567N', 'F1234567M'],
    ['singaporeIdentity, M series', schemes.singaporeIdentity, 'M1234567K', 'M1234567L'],
    ['germanHealthInsurance', schemes.germanHealthInsurance, 'A123456780', 'A123456781'],
    ['machineReadable', schemes.machineReadable, 'L898902C36', 'L898902C37'],
    ['vehicleIdentification', schemes.vehicleIdentification, '1M8GDM9AXKP042788', '1M8GDM9A1KP042788'],
    ['mobileEquipment', schemes.mobileEquipment, '490154203237518', '490154203237519'],
    ['saudiIdentity', schemes.saudiIdentity, '1000000008', '1000000009'],
    ['indonesianIdentity', schemes.indonesianIdentity, '3171230512900001', '3171239912900001'],
    ['koreanResident', schemes.koreanResident, '9001011234567', '9013011234567'],
    ['brazilianLicence', schemes.brazilianLicence, '62472927637', '62472927638'],
    ['brazilianSocialNumber', schemes.brazilianSocialNumber, '12056412847', '12056412848'],
    ['britishLicence', schemes.britishLicence, 'MORGA657054SM9IJ', 'MORGA699054SM9IJ'],
  ])('%s holds and breaks', (_name, holds, good, bad) => {
    expect([holds(good), holds(bad), holds(''), holds('x')]).toEqual([true, false, false, false]);
  });
});

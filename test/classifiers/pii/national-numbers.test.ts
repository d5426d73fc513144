import { describe, expect, it } from 'vitest';
import { PII_RECOGNIZERS } from '../../../classifiers/recognizers/pii/all.ts';
import { BRITAIN } from '../../../classifiers/recognizers/pii/britain.ts';
import { CENTRAL_EUROPE } from '../../../classifiers/recognizers/pii/central-europe.ts';
import { EAST_ASIA } from '../../../classifiers/recognizers/pii/east-asia.ts';
import { NORTH_AMERICA } from '../../../classifiers/recognizers/pii/north-america.ts';
import { NORTHERN_EASTERN_EUROPE } from '../../../classifiers/recognizers/pii/northern-eastern-europe.ts';
import { OTHER_REGIONS } from '../../../classifiers/recognizers/pii/other-regions.ts';
import { SOUTH_ASIA_OCEANIA } from '../../../classifiers/recognizers/pii/south-asia-oceania.ts';
import { WESTERN_EUROPE } from '../../../classifiers/recognizers/pii/western-europe.ts';
import { foundIn } from './found-in.ts';

const countries = [
  ...NORTH_AMERICA,
  ...BRITAIN,
  ...CENTRAL_EUROPE,
  ...WESTERN_EUROPE,
  ...NORTHERN_EASTERN_EUROPE,
  ...EAST_ASIA,
  ...SOUTH_ASIA_OCEANIA,
  ...OTHER_REGIONS,
];

/** Entity, a sentence around `@`, a number whose check holds, and the same with a digit or letter changed. */
const checked: readonly (readonly [string, string, string, string])[] = [
  ['ABA_ROUTING_NUMBER', 'wire to routing number @ please', '021000021', '021000022'],
  ['US_NPI', 'Dr. Lee, NPI @', '1234567893', '1234567890'],
  ['MEDICAL_LICENSE', 'DEA number @', 'AB1234563', 'AB1234564'],
  ['CA_SIN', 'my SIN is @', '123-456-782', '123-456-783'],
  ['MX_CURP', 'mi CURP @', 'BOXW310820HNERXN09', 'BOXW310820HNERXN08'],
  ['MX_CLABE', 'CLABE @', '032180000118359719', '032180000118359718'],
  ['UK_NHS', 'NHS number @', '943 476 5919', '943 476 5918'],
  ['UK_UTR', 'UTR @', '1955839661', '2955839661'],
  ['DE_TAX_ID', 'Meine Steuer-ID lautet @', '36 574 261 809', '36 574 261 808'],
  ['FR_NIR', 'numéro de sécurité sociale @', '2 95 10 99 126 111 93', '2 95 10 99 126 111 94'],
  ['IT_FISCAL_CODE', 'codice fiscale @', 'RCCMNL83S18D969H', 'RCCMNL83S18D967H'],
  ['ES_NIF', 'mi DNI es @', '54362315K', '54362315L'],
  ['ES_NIE', 'NIE @', 'X-2482300W', 'X-2482300A'],
  ['NL_BSN', 'BSN @', '1112.22.333', '1112.22.334'],
  ['CH_AHV', 'AHV-Nummer @', '756.9217.0769.85', '756.9217.0769.84'],
  ['AT_SOCIAL_SECURITY', 'Sozialversicherungsnummer @', '1237 010180', '2237 010180'],
  ['PL_PESEL', 'PESEL: @', '44051401359', '44051401358'],
  ['SE_PERSONNUMMER', 'personnummer @', '880320-0016', '880320-0018'],
  ['FI_PERSONAL_IDENTITY_CODE', 'henkilötunnus @', '131052-308T', '131052-308U'],
  ['NO_FODSELSNUMMER', 'fødselsnummer @', '151086 95088', '151086 95077'],
  ['IE_PPS', 'PPS number @', '6433435F', '6433435E'],
  ['PT_NIF', 'NIF @', '501 964 843', '501 964 842'],
  ['CZ_BIRTH_NUMBER', 'rodné číslo @', '710319/2745', '710319/2746'],
  ['GR_AMKA', 'AMKA @', '01013099997', '01013099999'],
  ['RO_CNP', 'CNP @', '1630615123457', '1630615123458'],
  ['BG_EGN', 'ЕГН @', '8032056031', '8032056032'],
  ['HR_OIB', 'OIB @', '33392005961', '33392005962'],
  ['CN_RESIDENT_ID', '身份证号@', '360426199101010071', '360426199101010072'],
  ['JP_MY_NUMBER', 'マイナンバーは@', '1234 5678 9018', '1234 5678 9012'],
  ['KR_BRN', '사업자등록번호 @', '116-82-00276', '116-82-00278'],
  ['IN_AADHAAR', 'my Aadhaar is @', '2341 2341 2346', '2341 2341 2345'],
  ['IN_GSTIN', 'GSTIN @', '27AAPFU0939F1ZV', '27AAPFU0939F1Z0'],
  ['ID_NPWP', 'NPWP @', '01.312.166.0-091.000', '01.312.166.1-091.000'],
  ['SG_NRIC_FIN', 'NRIC @', 'S1234567D', 'S1234567A'],
  ['HK_HKID', 'HKID @', 'G123456(A)', 'G123456(1)'],
  ['AU_TFN', 'TFN @', '123 456 782', '123 456 783'],
  ['AU_ABN', 'ABN @', '83 914 571 673', '83 914 571 674'],
  ['AU_MEDICARE', 'Medicare card @', '2123 45670 1', '2123 45671 1'],
  ['NZ_IRD', 'IRD number @', '49-091-850', '49-091-851'],
  ['BR_CPF', 'CPF @', '390.533.447-05', '390.533.447-06'],
  ['BR_CNPJ', 'CNPJ @', '16.727.230/0001-97', '16.727.230/0001-98'],
  ['BR_CNH', 'CNH @', '62472927637', '62472927638'],
  ['BR_PIS', 'PIS @', '120.56412.84-7', '120.56412.84-8'],
  ['AR_CUIT', 'CUIT @', '20-05536168-2', '20-05536168-3'],
  ['CL_RUT', 'RUT @', '76086428-5', '76086428-6'],
  ['EC_CEDULA', 'cédula @', '171430710-3', '171430710-4'],
  ['RU_INN', 'ИНН @', '366220664163', '366220664164'],
  ['RU_SNILS', 'СНИЛС @', '112-233-445 95', '112-233-445 96'],
  ['TR_NATIONAL_ID', 'TC kimlik no @', '17291716060', '17291716050'],
  ['TR_TAX_ID', 'vergi no @', '4540536920', '4540536921'],
  ['SA_NATIONAL_ID', 'iqama @', '1000000008', '1000000009'],
  ['IL_NATIONAL_ID', 'תעודת זהות @', '39337423', '39337422'],
  ['ZA_ID_NUMBER', 'South African ID @', '7503305044089', '8503305044089'],
  ['TH_TNIN', 'เลขบัตรประชาชน @', '1101700230708', '1101700230705'],
];

const shaped: readonly (readonly [string, string, string])[] = [
  ['US_EIN', 'EIN @', '12-3456789'],
  ['US_PASSPORT', 'my passport number is @', '512345678'],
  ['US_DRIVER_LICENSE', "driver's license @", 'D1234567'],
  ['US_DRIVER_LICENSE', 'DL: @', 'S530-4209-7182'],
  ['US_MBI', 'Medicare patient @ visited', '1EG4-TE5-MK73'],
  ['CA_HEALTH_NUMBER', 'OHIP @', '1234-567-890-AB'],
  ['MX_RFC', 'RFC @', 'GODE561231GR8'],
  ['UK_NINO', 'NI number @', 'AB 12 34 56 C'],
  ['UK_NINO', 'she wrote @ there', 'AB123456C'],
  ['UK_DRIVING_LICENCE', 'driving licence @', 'MORGA657054SM9IJ'],
  ['UK_SORT_CODE', 'sort code @', '20-00-00'],
  ['DE_TAX_NUMBER', 'Steuernummer @', '93/815/08152'],
  ['DE_SOCIAL_SECURITY', 'Rentenversicherungsnummer @', '15 070649 C 103'],
  ['DE_HEALTH_INSURANCE', 'Versichertennummer @', 'A123456780'],
  ['DE_ID_CARD', 'Personalausweisnummer @', 'L01X00T47'],
  ['DE_DRIVER_LICENSE', 'Führerschein @', 'B072RRE2I55'],
  ['FR_ID_CARD', "carte d'identité @", '880692310285'],
  ['IT_IDENTITY_CARD', "carta d'identità @", 'CA00000AA'],
  ['ES_PASSPORT', 'pasaporte @', 'AAA123456'],
  ['PL_ID_CARD', 'dowód osobisty @', 'ABC 123456'],
  ['DK_CPR', 'CPR-nummer @', '070761-4285'],
  ['CN_PASSPORT', '护照号 @', 'E12345678'],
  ['JP_PASSPORT', 'パスポート番号 @', 'TK1234567'],
  ['JP_DRIVER_LICENSE', '運転免許証番号 @', '123456789012'],
  ['KR_RRN', 'id @', '900101-1234567'],
  ['KR_RRN', '주민등록번호 @', '9001011234567'],
  ['KR_PASSPORT', '여권번호 @', 'M12345678'],
  ['KR_DRIVER_LICENSE', '운전면허 @', '11-12-123456-12'],
  ['IN_PAN', 'see @ attached', 'ACUPA7085R'],
  ['IN_VOTER', 'voter ID @', 'ABC1234567'],
  ['IN_PASSPORT', 'Indian passport @', 'K1234567'],
  ['ID_NIK', 'NIK @', '3171230512900001'],
  ['MY_NRIC', 'IC number @', '900101-14-5678'],
  ['PK_CNIC', 'CNIC @', '42101-1234567-1'],
  ['VN_CCCD', 'CCCD @', '001090012345'],
  ['AU_PASSPORT', 'Australian passport @', 'N1234567'],
  ['NZ_NHI', 'NHI @', 'ZZZ0016'],
  ['BR_RG', 'RG @', '12.345.678-9'],
  ['AR_DNI', 'DNI @', '12.345.678'],
  ['CO_CEDULA', 'cédula de ciudadanía @', '1.020.304.050'],
  ['RU_PASSPORT', 'паспорт серия @', '45 08 123456'],
  ['AE_EMIRATES_ID', 'Emirates ID @', '784-1990-1234567-6'],
  ['EG_NATIONAL_ID', 'الرقم القومي @', '29001011234567'],
  ['NG_NIN', 'NIN @', '12345678901'],
  ['NG_BVN', 'BVN @', '22123456789'],
];

describe('national numbers', () => {
  it.each(checked)('%s is found in `%s`, and not when its check fails', (entity, sentence, valid, broken) => {
    expect(foundIn(countries, sentence.replace('@', valid))).toContain(`${entity}:${valid}`);
    expect(foundIn(countries, sentence.replace('@', broken)).filter((found) => found.startsWith(entity))).toEqual([]);
  });

  it.each(shaped)('%s is found in `%s`', (entity, sentence, value) => {
    expect(foundIn(countries, sentence.replace('@', value))).toContain(`${entity}:${value}`);
  });

  it('the shipped list finds the same as its parts', () => {
    const rows = [...checked.map(([entity, sentence, value]) => [entity, sentence, value] as const), ...shaped];
    const lost = rows.filter(
      ([entity, sentence, value]) =>
        !foundIn(PII_RECOGNIZERS, sentence.replace('@', value)).includes(`${entity}:${value}`),
    );
    expect(lost).toEqual([]);
  });

  it('takes JSON keys as context', () => {
    expect(foundIn(countries, '44051401359', 'pesel')).toEqual(['PL_PESEL:44051401359']);
    expect(foundIn(countries, '36574261809', 'steuerId')).toContain('DE_TAX_ID:36574261809');
  });

  it.each([
    ['bare numbers', 'totals 123456782, 1955839661, 36574261809, 44051401359 and 1234567893'],
    ['log line', '2024-01-15T12:30:45.123Z pid=48213 seq=8812345678 took 1284 ms'],
    ['numbers with one digit repeated', 'SIN 000-000-000, NHS 111 111 1111, TFN 999 999 999'],
    ['substring context', 'the classnames 123456782 and public 1234567, using 44051401359'],
    ['SKU list', 'SKU AB-1234, X100, H1, D3, S3 and EKS 12'],
    ['hexadecimal', 'commit 9fceb02d0ae598e95dc970b74767f19372d61af8'],
    ['version row', 'glibc 2.31, node 26.10.0, driver 535.104.05'],
    ['maths', 'compute 123456789 * 987654321 and 3.14159265358979'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn(countries, text)).toEqual([]);
  });
});

/** Vehicles and devices: VIN, number plates near a word about one, IMEI. */
import { definePattern } from '../../define-pattern.ts';
import { keywords, run, words } from '../../recognizer.ts';
import { alphanumericsOnly, digitsOnly, mobileEquipment, vehicleIdentification } from './check-digits.ts';

/** European makers need not set the check digit, so there a word about the vehicle is asked for; letters and digits must mix. */
export const vehicleNumber = definePattern({
  name: 'vehicle-identification-number',
  entity: 'VEHICLE_VIN',
  triggers: [run('lettered', 17)],
  guard: (_text, start, end) => end - start === 17,
  reach: { before: 4, after: 4 },
  patterns: [
    {
      name: 'seventeen',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}])(?=[A-Z0-9]{0,16}[A-HJ-NPR-Z])(?=[A-Z0-9]{0,16}\d)[A-HJ-NPR-Z0-9]{13}\d{4}(?![\p{Lu}\p{Ll}\p{N}])/iu,
      score: 0.25,
    },
  ],
  validate: (value) => (vehicleIdentification(alphanumericsOnly(value)) ? 'valid' : 'unknown'),
  validatedBy: '49-cfr-565',
  validScore: 0.6,
  context: [
    'vin',
    'vehicle',
    'vehicle identification',
    'chassis',
    'car',
    'fahrgestellnummer',
    'fahrzeug',
    'fin',
    'châssis',
    'véhicule',
    'bastidor',
    'vehículo',
    'telaio',
    'chassi',
    '车架号',
    '車台番号',
    '차대번호',
  ],
});

const PLATE_WORDS = [
  'plate',
  'license plate',
  'licence plate',
  'number plate',
  'registration',
  'reg',
  'vehicle registration',
  'tag number',
  'kennzeichen',
  'nummernschild',
  'autokennzeichen',
  'plaque',
  "plaque d'immatriculation",
  'immatriculation',
  'immatriculé',
  'matrícula',
  'matricula',
  'placa',
  'targa',
  'kenteken',
  'tablica rejestracyjna',
  'rejestracyjny',
  'nummerplade',
  'rekisterinumero',
  'plaka',
  '车牌',
  '车牌号',
  'ナンバープレート',
  '차량번호',
  'номерной знак',
  'госномер',
];

export const vehiclePlate = definePattern({
  name: 'vehicle-plate',
  entity: 'VEHICLE_PLATE',
  triggers: [
    keywords(
      'plate',
      'registration',
      'reg ',
      'reg.',
      'tag',
      'kennzeichen',
      'nummernschild',
      'plaque',
      'immatricul',
      'matr',
      'placa',
      'targa',
      'kenteken',
      'rejestracyj',
      'nummerplade',
      'rekisteri',
      'plaka',
      '车牌',
      'ナンバー',
      '차량번호',
      'знак',
      'госномер',
    ),
  ],
  reach: { before: 40, after: 60 },
  patterns: [
    {
      name: 'plate',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}_-])(?:[A-ZÄÖÜ]{1,3}[ -][A-ZÄÖÜ]{1,2} ?\d{1,4}[EH]?|[A-Z]{2}\d{2} ?[A-Z]{3}|[A-Z]{2}[- ]?\d{3}[- ]?[A-Z]{2}|\d{4} ?[B-DF-HJ-NP-TV-Z]{3}|[A-Z]{3}[- ]?\d{3,4}|\d{3}[- ]?[A-Z]{3}|[A-Z]{3}\d[A-Z]\d{2}|\d[A-Z]{3}\d{3}|[A-Z]{2}[ -]?\d{1,2}[ -]?[A-Z]{1,3}[ -]?\d{4}|\d{2} ?[A-Z]{1,3} ?\d{2,4}|[A-Z]{2}-?\d{2}-?\d{2}|\d{2}-?[A-Z]{2,3}-?\d{1,2}|[A-Z]\d{3}[A-Z]{2} ?\d{2,3}|[\u4e00-\u9fff][A-Z]·?[A-Z0-9]{5,6}|\d{2,3}[가-힣] ?\d{4}|[АВЕКМНОРСТУХ]\d{3}[АВЕКМНОРСТУХ]{2}\d{2,3})(?![\p{Lu}\p{Ll}\p{N}_]|-\d)/u,
      score: 0.3,
    },
  ],
  context: PLATE_WORDS,
  contextReach: { before: 36, after: 24 },
});

export const deviceNumber = definePattern({
  name: 'mobile-equipment',
  entity: 'IMEI',
  triggers: [words('imei', 'meid'), keywords('handset', 'device', 'smartphone')],
  requires: { digits: 15 },
  reach: { before: 64, after: 64 },
  patterns: [
    {
      name: 'fifteen-digits',
      regex: /(?<![\p{Lu}\p{Ll}\p{N}]|\d[.,])\d{2}[ -]?\d{6}[ -]?\d{6}[ -]?\d(?![\p{Lu}\p{Ll}\p{N}])/u,
      score: 0.1,
    },
  ],
  validate: (value) => (mobileEquipment(digitsOnly(value)) ? 'valid' : 'invalid'),
  validatedBy: 'luhn',
  validScore: 0.3,
  context: ['imei', 'meid', 'handset', 'device', 'smartphone'],
});

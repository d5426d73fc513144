/** Germany, Austria and Switzerland. */
import type { Recognizer } from '../../recognizer.ts';
import { digits } from '../../recognizer.ts';
import { alphanumericsOnly, germanHealthInsurance, machineReadable } from './check-digits.ts';
import { nationalNumber } from './national-number.ts';
import { standardNumber } from './standard-number.ts';

const germanTax = standardNumber('de/idnr');
const germanIdentityCard = (value: string): boolean => {
  const text = alphanumericsOnly(value);
  return text.length === 10 ? machineReadable(text) : /^[CFGHJKLMNPRTVWXYZ0-9]{9}$/.test(text) && /\d/.test(text);
};

export const CENTRAL_EUROPE: readonly Recognizer[] = [
  nationalNumber({
    entity: 'DE_TAX_ID',
    shape: String.raw`[1-9]\d(?<gap>[ .-]?)\d{3}\k<gap>\d{3}\k<gap>\d{3}`,
    check: germanTax,
    checkedBy: 'iso-7064',
    score: 0.2,
    checkedScore: 0.4,
    words: [
      'steuer-id',
      'steuer id',
      'steueridentifikationsnummer',
      'steuerliche identifikationsnummer',
      'identifikationsnummer',
      'idnr',
      'tin',
      'tax id',
      'steuernummer',
      'steuerid',
      'tax identification',
      'id nr',
    ],
    wake: [{ kind: 'keyword', literals: ['steuer', 'identifikationsnummer', 'idnr', 'tax', 'TIN'] }],
  }),
  nationalNumber({
    entity: 'DE_TAX_NUMBER',
    shape: String.raw`\d{2,3}[ /]\d{3,4}[ /]\d{4,5}|\d{10,13}`,
    score: 0.2,
    words: ['steuernummer', 'steuer-nr', 'steuer nr', 'st.-nr', 'stnr', 'finanzamt', 'tax number'],
    wake: [{ kind: 'keyword', literals: ['steuer', 'st.-nr', 'stnr', 'finanzamt', 'tax number'] }],
  }),
  nationalNumber({
    entity: 'DE_SOCIAL_SECURITY',
    shape: String.raw`\d{2} ?(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2} ?[A-Z] ?\d{3}`,
    check: standardNumber('de/svnr'),
    checks: 'alphanumerics',
    score: 0.3,
    checkedScore: 0.8,
    words: [
      'sozialversicherungsnummer',
      'rentenversicherungsnummer',
      'versicherungsnummer',
      'svnr',
      'rvnr',
      'sv-nummer',
      'rentenversicherung',
      'sozialversicherung',
    ],
    wake: [
      { kind: 'run', of: 'lettered', atLeast: 12 },
      { kind: 'keyword', literals: ['versicherung', 'svnr', 'rvnr', 'sv-nummer'] },
    ],
    lenient: true,
  }),
  nationalNumber({
    entity: 'DE_HEALTH_INSURANCE',
    shape: String.raw`[A-Z] ?\d{3} ?\d{3} ?\d{3}`,
    check: germanHealthInsurance,
    checks: 'alphanumerics',
    score: 0.2,
    checkedScore: 0.4,
    words: [
      'krankenversicherungsnummer',
      'krankenversichertennummer',
      'versichertennummer',
      'kvnr',
      'krankenkasse',
      'gesundheitskarte',
      'versicherten-nr',
      'egk',
      'krankenversicherung',
    ],
    lenient: true,
  }),
  nationalNumber({
    entity: 'DE_ID_CARD',
    shape: String.raw`[CFGHJKLMNPRTVWXYZ](?=[A-Z0-9]{0,8}\d)[CFGHJKLMNPRTVWXYZ0-9]{8}\d?`,
    check: germanIdentityCard,
    checks: 'alphanumerics',
    checkedBy: 'icao-9303',
    score: 0.2,
    checkedScore: 0.3,
    words: [
      'personalausweis',
      'personalausweisnummer',
      'ausweisnummer',
      'ausweis',
      'ausweis-nr',
      'id card',
      'identity card',
      'reisepass',
      'reisepassnummer',
      'passnummer',
      'pass-nr',
      'perso',
    ],
    lenient: true,
  }),
  nationalNumber({
    entity: 'DE_DRIVER_LICENSE',
    shape: String.raw`[A-Z](?=[A-Z0-9]{0,9}\d)[A-Z0-9]{10}`,
    score: 0.25,
    words: ['führerschein', 'führerscheinnummer', 'fahrerlaubnis', 'fuehrerschein'],
  }),
  nationalNumber({
    entity: 'CH_AHV',
    shape: String.raw`756(?<gap>[ .-]?)\d{4}\k<gap>\d{4}\k<gap>\d{2}`,
    check: standardNumber('ch/ssn'),
    checkedBy: 'ean-13',
    score: 0.3,
    checkedScore: 0.8,
    words: ['ahv', 'ahv-nummer', 'avs', 'numéro avs', 'oasi', 'sozialversicherungsnummer', 'ahvn'],
    wake: [digits(13, '13', '3.4', '3 4', '3-4')],
  }),
  nationalNumber({
    entity: 'AT_SOCIAL_SECURITY',
    shape: String.raw`[1-9]\d{3}[ /-]?(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-5])\d{2}`,
    check: standardNumber('at/vnr'),
    score: 0.1,
    checkedScore: 0.35,
    words: ['sozialversicherungsnummer', 'svnr', 'sv-nummer', 'versicherungsnummer', 'sv nr'],
    wake: [{ kind: 'keyword', literals: ['versicherung', 'svnr', 'sv-n', 'SV Nr'] }],
  }),
];

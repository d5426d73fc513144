/** United Kingdom and Ireland. */
import type { Recognizer } from '../../recognizer.ts';
import { digits } from '../../recognizer.ts';
import { britishLicence, nhsNumber } from './check-digits.ts';
import { nationalNumber } from './national-number.ts';
import { standardNumber } from './standard-number.ts';

export const BRITAIN: readonly Recognizer[] = [
  nationalNumber({
    entity: 'UK_NHS',
    shape: String.raw`\d{3}(?<gap>[ -]?)\d{3}\k<gap>\d{4}`,
    check: nhsNumber,
    checkedBy: 'mod-11',
    score: 0.1,
    checkedScore: 0.35,
    words: ['nhs', 'nhs number', 'national health service', 'health number', 'chi', 'chi number'],
    wake: [{ kind: 'keyword', literals: ['NHS', 'national health', 'health number', 'CHI'] }],
  }),
  nationalNumber({
    entity: 'UK_NINO',
    shape: String.raw`[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?<gap>[ -]?)\d{2}\k<gap>\d{2}\k<gap>\d{2}\k<gap>[A-D]`,
    check: standardNumber('gb/nino'),
    checks: 'alphanumerics',
    checkedBy: 'issued prefix',
    score: 0.3,
    checkedScore: 0.6,
    words: ['nino', 'national insurance', 'national insurance number', 'ni number', 'ni no'],
    wake: [{ kind: 'run', of: 'lettered', atLeast: 9 }, digits(6, '2-2', '2 2')],
  }),
  nationalNumber({
    entity: 'UK_UTR',
    shape: String.raw`\d{5} ?\d{5}`,
    check: standardNumber('gb/utr'),
    checkedBy: 'mod-11',
    score: 0.1,
    checkedScore: 0.3,
    words: ['utr', 'unique taxpayer reference', 'taxpayer reference', 'self assessment', 'hmrc'],
  }),
  nationalNumber({
    entity: 'UK_PASSPORT',
    shape: String.raw`\d{9}|[A-Z]{2}\d{7}`,
    score: 0.2,
    words: ['uk passport', 'british passport', 'hmpo', 'his majesty passport office'],
  }),
  nationalNumber({
    entity: 'UK_DRIVING_LICENCE',
    shape: String.raw`[A-Z9]{5} ?\d{6} ?[A-Z9]{2}[A-Z0-9]{3}`,
    check: britishLicence,
    checks: 'alphanumerics',
    checkedBy: 'birth date inside',
    score: 0.3,
    checkedScore: 0.55,
    words: ['driving licence', 'driver licence', 'licence number', 'dvla', 'driving license'],
    wake: [
      { kind: 'run', of: 'lettered', atLeast: 16 },
      { kind: 'keyword', literals: ['licen', 'dvla'] },
    ],
  }),
  nationalNumber({
    entity: 'UK_SORT_CODE',
    shape: String.raw`\d{2}[ -]\d{2}[ -]\d{2}|\d{6}`,
    score: 0.2,
    words: ['sort code', 'sortcode'],
  }),
  nationalNumber({
    entity: 'IE_PPS',
    shape: String.raw`\d{7}[A-W][A-IW]?`,
    check: standardNumber('ie/pps'),
    checks: 'alphanumerics',
    checkedBy: 'mod-23',
    score: 0.1,
    checkedScore: 0.45,
    words: ['pps', 'ppsn', 'pps number', 'personal public service'],
  }),
];

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { definePattern } from '../../classifiers/define-pattern.ts';
import type { View } from '../../classifiers/finding.ts';
import { digits } from '../../classifiers/recognizer.ts';
import { classifierOf, classifyText, shippedClassifier } from './engine-fixture.ts';

const classifier = shippedClassifier();
const CARD = '4539 1488 0343 6467';
const EMAIL = 'jane.doe@contoso-mail.org';
const IBAN = 'DE89370400440532013000';
const TOKEN = 'ghp_zg2sye9b2Rann76dEyTzAeKOmXRrvftva9AW';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const hex = (text: string): string => Buffer.from(text).toString('hex');
const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const each = (text: string, write: (code: string) => string): string =>
  [...text].map((character) => write((character.codePointAt(0) ?? 0).toString(16))).join('');
const rot13 = (text: string): string =>
  text.replace(/[A-Za-z]/g, (letter) =>
    String.fromCharCode(letter.charCodeAt(0) + (letter.toLowerCase() < 'n' ? 13 : -13)),
  );
const reversed = (text: string): string => [...text].toReversed().join('');

interface Row {
  readonly name: string;
  readonly before: string;
  readonly hidden: string;
  readonly entity: string;
  readonly view: View;
}
const ROWS: readonly Row[] = [
  { name: 'base64', before: 'decode ', hidden: base64(`the card is ${CARD}`), entity: 'CREDIT_CARD', view: 'base64' },
  {
    name: 'base64 without padding, url alphabet',
    before: 'data: ',
    hidden: base64(`>>>??? mail ${EMAIL} ~~~`).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
    entity: 'EMAIL_ADDRESS',
    view: 'base64',
  },
  {
    name: 'base64 in wrapped lines',
    before: 'see\n',
    hidden: base64(
      `${'a long letter about nothing in particular. '.repeat(4)} card ${CARD} and more words at the end of it`,
    ).replace(/.{76}/g, '$&\n'),
    entity: 'CREDIT_CARD',
    view: 'base64',
  },
  {
    name: 'base64 of UTF-16',
    before: 'run -enc ',
    hidden: Buffer.from(`mail ${EMAIL} now`, 'utf16le').toString('base64'),
    entity: 'EMAIL_ADDRESS',
    view: 'base64',
  },
  { name: 'base64 twice', before: 'x ', hidden: base64(base64(`card ${CARD}`)), entity: 'CREDIT_CARD', view: 'base64' },
  {
    name: 'base64 glued to a word',
    before: 'part-',
    hidden: base64(`iban ${IBAN} please`),
    entity: 'IBAN_CODE',
    view: 'base64',
  },
  { name: 'hex', before: 'card ', hidden: hex(CARD), entity: 'CREDIT_CARD', view: 'hex' },
  { name: 'percent, every byte', before: 'card ', hidden: percent(CARD), entity: 'CREDIT_CARD', view: 'percent' },
  {
    name: 'percent, at sign only',
    before: 'mail ',
    hidden: EMAIL.replace('@', '%40'),
    entity: 'EMAIL_ADDRESS',
    view: 'percent',
  },
  {
    name: 'entities',
    before: 'card ',
    hidden: each(CARD, (code) => `&#x${code};`),
    entity: 'CREDIT_CARD',
    view: 'html-entity',
  },
  {
    name: 'named entity',
    before: 'mail ',
    hidden: EMAIL.replace('@', '&commat;'),
    entity: 'EMAIL_ADDRESS',
    view: 'html-entity',
  },
  {
    name: 'backslash u',
    before: 'card ',
    hidden: each(CARD, (code) => `\\u${code.padStart(4, '0')}`),
    entity: 'CREDIT_CARD',
    view: 'unicode-escape',
  },
  {
    name: 'backslash x',
    before: 'card ',
    hidden: each(CARD, (code) => `\\x${code.padStart(2, '0')}`),
    entity: 'CREDIT_CARD',
    view: 'unicode-escape',
  },
  {
    name: 'at and dot in brackets',
    before: 'mail ',
    hidden: 'jane (dot) doe [at] contoso-mail [dot] org',
    entity: 'EMAIL_ADDRESS',
    view: 'rewritten',
  },
  {
    name: 'at and dot in words',
    before: 'mail ',
    hidden: 'jane at contoso-mail dot org',
    entity: 'EMAIL_ADDRESS',
    view: 'rewritten',
  },
  { name: 'spaced characters', before: 'iban ', hidden: [...IBAN].join(' '), entity: 'IBAN_CODE', view: 'spaced' },
  {
    name: 'line break inside a token',
    before: 'token ',
    hidden: `${TOKEN.slice(0, 20)}\n${TOKEN.slice(20)}`,
    entity: 'API_KEY',
    view: 'rewritten',
  },
  {
    name: 'letters for digits',
    before: 'card ',
    hidden: CARD.replaceAll('0', 'O').replaceAll('1', 'l'),
    entity: 'CREDIT_CARD',
    view: 'rewritten',
  },
  {
    name: 'digits in words',
    before: 'card ',
    hidden: 'four five three nine one four eight eight zero three four three six four six seven',
    entity: 'CREDIT_CARD',
    view: 'rewritten',
  },
  { name: 'rot13 account', before: 'to ', hidden: rot13(IBAN), entity: 'IBAN_CODE', view: 'rot13' },
  { name: 'rot13 token', before: 'key ', hidden: rot13(TOKEN), entity: 'API_KEY', view: 'rot13' },
  {
    name: 'reversed and said so',
    before: 'read it reversed: ',
    hidden: reversed(CARD),
    entity: 'CREDIT_CARD',
    view: 'reversed',
  },
  {
    name: 'zero-width characters',
    before: 'card ',
    hidden: [...CARD].join('\u200b'),
    entity: 'CREDIT_CARD',
    view: 'normalized',
  },
];

describe('a value is found through what hides it, where it stands', () => {
  it.each(ROWS)('$name', async ({ before, hidden, entity, view }) => {
    const { verdict } = await classifyText(classifier, `${before}${hidden} please.`);
    expect(verdict.kind).toBe('sensitive');
    const finding = verdict.findings.find((one) => one.entity === entity && one.explanation.views.includes(view));
    expect(finding, `${entity} through ${view}`).toBeDefined();
    expect(finding?.span.start).toBeGreaterThanOrEqual(before.length - 1);
    expect(finding?.span.end).toBeLessThanOrEqual(before.length + hidden.length);
  });

  it('the letter of an escape is no part of the value behind it', async () => {
    const badge = definePattern({
      name: 'badge',
      entity: 'BADGE',
      patterns: [{ name: 'shape', regex: /\bQX\d{6}\b/, score: 0.9 }],
      triggers: [digits(6)],
    });
    const { verdict } = await classifyText(
      classifierOf({}, { recognizers: [badge] }),
      String.raw`{"text":"badge\nQX123456\tand more"}`,
    );
    expect(
      verdict.findings.map(({ entity, span, explanation }) => [entity, span.start, span.end, explanation.views]),
    ).toEqual([['BADGE', 16, 24, ['unicode-escape']]]);
  });

  it('the span of a decoded value is the part of the blob that holds it', async () => {
    const filler = 'nothing to see in this part of the text, '.repeat(6);
    const blob = base64(`${filler}${EMAIL} ${filler}`);
    const { verdict } = await classifyText(classifier, blob);
    const [finding] = verdict.findings;
    const decoded = Buffer.from(
      blob.slice(Math.floor((finding?.span.start ?? 0) / 4) * 4, Math.ceil((finding?.span.end ?? 0) / 4) * 4),
      'base64',
    ).toString();
    expect(decoded).toContain(EMAIL);
    expect(decoded.length).toBeLessThan(EMAIL.length + 8);
  });

  it('what only hides on purpose is also an evasion', async () => {
    const { signals } = await classifyText(classifier, `card ${[...CARD].join('\u200b')}`);
    expect(signals.map((signal) => `${signal.kind} ${signal.name}`)).toContain('evasion normalized');
    const open = await classifyText(classifier, `card ${base64(`card is ${CARD}`)}`);
    expect(open.signals.filter((signal) => signal.kind === 'evasion')).toEqual([]);
  });
});

describe('columns and tables are not glued together', () => {
  it.each([
    ['numbers one below the other', 'values:\n45391489\n03436467\n45391489\n03436467\n'],
    ['CSV rows', 'id,count\n4539,1488\n0343,6467\n1200,7731\n'],
    ['prose', 'the meeting is at five\nplease come to room 12\nwe start with 3 items'],
  ])('%s', async (_name, text) => {
    expect((await classifyText(classifier, text)).verdict.kind).toBe('clean');
  });
});

/** Deterministic bytes with the entropy of noise. */
const noise = (length: number): Buffer => {
  let state = 0x9e3779b9;
  return Buffer.from(
    Uint8Array.from(
      { length },
      () => ((state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 11) & 0xff,
    ),
  );
};

describe('what nobody can read is a gap', () => {
  it.each([
    ['base64 of noise', noise(400).toString('base64')],
    ['base64 of noise in lines', noise(400).toString('base64').replace(/.{64}/g, '$&\n')],
    ['base64url of noise', noise(300).toString('base64url')],
    ['hex of noise', noise(700).toString('hex')],
    ['an image in a data URL', `<img src="data:image/png;base64,${noise(900).toString('base64')}">`],
    ['a web address that is no picture', `https://cdn5.acme.org/f/${noise(260).toString('base64url')}`],
    ['a picture longer than any', `https://cdn5.acme.org/f/${noise(500).toString('base64url')}.jpg`],
    ['compressed text, however short', `H4sIAAAAAAAAA${noise(40).toString('base64')}`],
    ['text wrapped three times over', base64(base64(base64(`the card is ${CARD} and that is all there is to say`)))],
  ])('%s', async (_name, text) => {
    const { verdict } = await classifyText(classifier, `see ${text} end`);
    expect(verdict.kind).toBe('unknown');
    expect(
      verdict.kind === 'unknown' && verdict.gaps.map((gap) => `${gap.classifier} ${gap.cause} ${gap.pointer}`),
    ).toContain('opaque opaque-blob /messages/0/content');
  });
});

describe('what agents send all day is no gap', () => {
  it.each([
    ['commit', 'commit 9f2c1e7ab34d55c0e7a1b2c3d4e5f60718293a4b'],
    ['sha512 in hex', `sha512 ${noise(64).toString('hex')}`],
    ['lockfile integrity', `"integrity": "sha512-${noise(64).toString('base64')}"`],
    ['UUIDs', '3f1c2b7e-8d4a-4c1b-9e2f-10005a6b7c8d 7d444840-9dc0-11d1-b245-5ffdce74fad2'],
    [
      'certificate',
      `-----BEGIN CERTIFICATE-----\n${noise(900).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----`,
    ],
    [
      'ssh public key',
      `ssh-rsa ${Buffer.concat([Buffer.from([0, 0, 0, 7]), Buffer.from('ssh-rsa'), noise(270)]).toString('base64')} me`,
    ],
    ['long path', `/usr/local/share/${'some/long/path-with/many_parts/'.repeat(20)}file.ts`],
    ['snake case', 'some_very_long_identifier_name_that_goes_on'.repeat(12)],
    ['rule of dashes', '='.repeat(400)],
    ['source map', `"mappings":"${'AAAA,IAAMA,EAAW,KAAK;AACxB,'.repeat(60)}"`],
    ['minified code', 'function t(e,n){return e&&n?e.a(n):null}var r=t(1,2),o=t(r,3);'.repeat(30)],
    [
      'the signed name of a picture',
      `<img src="https://cdn5.acme-media.org/file/${noise(260).toString('base64url')}.jpg" width="80">`,
    ],
    ['RSA modulus in hex', noise(512).toString('hex')],
  ])('%s', async (_name, text) => {
    const { verdict } = await classifyText(classifier, text);
    expect(verdict.kind === 'unknown' ? verdict.gaps.map((gap) => gap.cause) : []).not.toContain('opaque-blob');
  });
});

it('no text makes a view throw', async () => {
  const hostile = fc.string({
    unit: fc.constantFrom(
      '%',
      '4',
      '1',
      '\\',
      'u',
      'x',
      '&',
      '#',
      ';',
      'A',
      'a',
      '=',
      '\n',
      '\r',
      ' ',
      '@',
      '_',
      '.',
      '[at]',
      '(dot)',
      'four ',
      'é',
      '\u200b',
      '\ud800',
      'O',
      'l',
      '-',
      '+',
      '/',
    ),
    maxLength: 200,
  });
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      const { verdict } = await classifyText(classifier, text);
      expect(verdict.kind === 'unknown' ? verdict.gaps.filter((gap) => gap.cause === 'threw') : []).toEqual([]);
      for (const { span } of verdict.findings) {
        expect(span.start).toBeLessThan(span.end);
        expect(span.end).toBeLessThanOrEqual(text.length);
      }
    }),
    { numRuns: 400 },
  );
});

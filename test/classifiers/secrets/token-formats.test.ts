import { describe, expect, it } from 'vitest';
import { TOKEN_FORMATS } from '../../../classifiers/recognizers/secrets/all.ts';
import { base62, crc32 } from '../../../classifiers/recognizers/secrets/checksums.ts';
import { tokenRecognizer } from '../../../classifiers/recognizers/secrets/token-format.ts';
import { scanText } from '../rules/scan-text.ts';
import { drawn, placeholderOf, tokenOf } from './drawn.ts';

const rows = TOKEN_FORMATS.map((format) => [format.name, format] as const);

describe('every provider format', () => {
  it('is there in number, under a name of its own', () => {
    expect(rows.length).toBeGreaterThan(120);
    expect(new Set(rows.map(([name]) => name)).size).toBe(rows.length);
  });

  it.each(rows)('%s: a drawn token is found whole, wherever it stands', (_, format) => {
    const recognizer = tokenRecognizer(format);
    for (const start of format.starts) {
      const token = tokenOf(format, 7, start);
      for (const text of [token, `use ${token} today`, `x="${token}";`, `KEY=${token}\nOTHER=1`, `(${token})`]) {
        expect(scanText([recognizer], text).map(({ value }) => value)).toEqual([token]);
      }
    }
  });

  it.each(rows)('%s: a placeholder, an elided one and one inside a word are not', (_, format) => {
    const recognizer = tokenRecognizer(format);
    const token = tokenOf(format, 11);
    for (const text of [placeholderOf(format), `${token}...`, `${token}****`, `word${token}`]) {
      expect(scanText([recognizer], text)).toEqual([]);
    }
  });
});

describe('check digits', () => {
  const body = drawn('0-9A-Za-z', 30, 3);
  const sum = base62(crc32(body), 6);
  const github = TOKEN_FORMATS.find(({ name }) => name === 'github-token');
  it('a token whose CRC-32 fits is certain, one whose does not is still likely', () => {
    if (github === undefined) throw new Error('no format github-token');
    const other = sum.startsWith('a') ? `b${sum.slice(1)}` : `a${sum.slice(1)}`;
    expect(scanText([tokenRecognizer(github)], `ghp_${body}${sum}`)).toMatchObject([{ score: 1 }]);
    expect(scanText([tokenRecognizer(github)], `ghp_${body}${other}`)).toMatchObject([{ score: 0.9 }]);
  });
  it('CRC-32 is IEEE 802.3', () => {
    expect(crc32('123456789')).toBe(0xcbf43926);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPatterned } from '../../../classifiers/recognizers/secrets/patterned.ts';
import { drawn } from './drawn.ts';

describe('values nobody drew', () => {
  it.each([
    'abcdefghijklmnop',
    '0123456789abcdef0123456789abcdef',
    '98765432109876543210',
    'aAbBcCdDeEfFgGhH',
    'a1b2c3d4e5f6g7h8',
    'deadbeefdeadbeefdeadbeef',
    'qwertyuiopasdfgh',
    'abc123xyz-456def789ghij-klmnopqrstuvwx',
    '11111111-2222-3333-4444-555555555555',
  ])('%s', (value) => {
    expect(isPatterned(value)).toBe(true);
  });

  it('what machines draw is none, whatever the alphabet', () => {
    for (const alphabet of ['0-9a-f', '0-9a-z', '0-9A-Za-z', '0-9A-Za-z+/'])
      for (let seed = 1; seed <= 400; seed++)
        expect(isPatterned(drawn(alphabet, 32, seed)), `${alphabet} ${seed}`).toBe(false);
  });

  it('short values and separators say nothing', () => {
    expect(isPatterned('abc1234')).toBe(false);
    expect(isPatterned('--------------------')).toBe(false);
  });

  it('property: separators change nothing', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 12, maxLength: 80 }),
        (value) => {
          expect(isPatterned(value.replace(/(.{4})/g, '$1-'))).toBe(isPatterned(value));
        },
      ),
    );
  });
});

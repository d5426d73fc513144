import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { clear, type Seals } from '../../router/clearance.ts';
import { createSealMemory, isSeal } from '../../router/seals.ts';

const seal = (): string => randomBytes(200).toString('base64');

describe('createSealMemory()', () => {
  it('knows a seal for the principal and the upstream it was relayed for, and for no other', () => {
    const memory = createSealMemory(randomBytes(32));
    const one = seal();
    memory.relayed('alice', 'sky', one);
    expect(memory.isFrom('alice', 'sky', one)).toBe(true);
    expect(memory.isFrom('bob', 'sky', one)).toBe(false);
    expect(memory.isFrom('alice', 'sea', one)).toBe(false);
    // No way of cutting the two names gives the same digest.
    expect(memory.isFrom('alices', 'ky', one)).toBe(false);
    expect(memory.isFrom('alice', 'sky', `${one.slice(0, -2)}AA`)).toBe(false);
  });

  it('forgets the oldest first', () => {
    const memory = createSealMemory(randomBytes(32), 2);
    const [a, b, c] = [seal(), seal(), seal()] as const;
    for (const each of [a, b, a, c]) memory.relayed('p', 'u', each);
    expect([a, b, c].map((each) => memory.isFrom('p', 'u', each))).toEqual([true, false, true]);
  });

  it.each([
    ['words', 'the card number is 4539 5787 6362 1486 and more'],
    ['a short text', 'QUJD'],
    ['nothing', ''],
    ['a line end', `${'A'.repeat(64)}\n`],
  ])('takes no %s for a seal', (_, text) => {
    const memory = createSealMemory(randomBytes(32));
    memory.relayed('p', 'u', text);
    expect(isSeal(text)).toBe(false);
    expect(memory.isFrom('p', 'u', text)).toBe(false);
  });
});

describe('clear() with seals', () => {
  const own = seal();
  const ask = (body: unknown, seals?: Seals): string => {
    const scanned: string[] = [];
    const clearance = clear(
      { verdict: { kind: 'clean', label: 'public', findings: [] }, signals: [], nearMisses: [], scannedChars: 0 },
      'public',
      { upstream: 'sky', path: '/responses', body: JSON.stringify(body), stream: false },
      { sees: 'public', ladder: ['public', 'restricted'] },
      { rescan: (text) => (scanned.push(text), []) },
      seals,
    );
    return clearance.kind === 'cleared' ? `cleared, scanned ${scanned[0]}` : clearance.cause;
  };

  it('leaves out of the scan what the receiver itself made, as a whole string and nowhere else', () => {
    const known: Seals = { pieces: [{ seal: own, said: '' }], isFrom: (text) => text === own };
    expect(ask({ a: own, b: `x${own}` }, known)).toBe(`cleared, scanned {"a":"","b":"x${own}"}`);
  });

  it('refuses when one is not known, and scans everything without any', () => {
    expect(ask({ a: own }, { pieces: [{ seal: own, said: '' }], isFrom: () => false })).toBe('unknown');
    expect(ask({ a: own })).toBe(`cleared, scanned {"a":"${own}"}`);
  });
});

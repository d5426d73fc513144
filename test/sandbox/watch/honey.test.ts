import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spellingsOf } from '../../../sandbox/spellings.ts';
import { HoneyKey } from '../../../sandbox/watch/honey.ts';
import { HoneyScanner } from '../../../sandbox/watch/honey-scanner.ts';

const key = new HoneyKey(Buffer.alloc(32, 7));

describe('honey credentials', () => {
  it('are known again by their key and by no other, and are all different', () => {
    const tokens = Array.from({ length: 50 }, () => key.mint());
    expect(new Set(tokens).size).toBe(50);
    for (const token of tokens) {
      expect(token).toMatch(/^[A-Za-z0-9+/]{40}$/);
      expect(key.isIn(`password = ${token}\n`)).toBe(true);
      expect(new HoneyKey(randomBytes(32)).isIn(`password = ${token}\n`)).toBe(false);
    }
  });

  it('one changed character is another word', () => {
    const token = key.mint();
    expect(key.isIn(`${token[0] === 'A' ? 'B' : 'A'}${token.slice(1)}`)).toBe(false);
    expect(key.isIn(token.slice(1))).toBe(false);
    expect(key.isIn(`${token}x`)).toBe(false);
  });

  it('random text of the same shape is not one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 30, maxLength: 30 }), (bytes) => {
        expect(key.isIn(Buffer.from(bytes).toString('base64'))).toBe(false);
      }),
    );
  });

  it('a megabyte of candidates is not a megabyte of digests', () => {
    const lines = Array.from({ length: 30_000 }, () => 'A'.repeat(40)).join('\n');
    const before = process.cpuUsage().user;
    expect(key.isIn(lines)).toBe(false);
    expect(process.cpuUsage(undefined).user - before).toBeLessThan(500_000);
  });
});

describe('the scanner of a stream', () => {
  const token = key.mint();
  const feed = (text: string, tokens: readonly string[], size: number): boolean => {
    const scanner = new HoneyScanner(key, tokens);
    let found = false;
    for (let at = 0; at < text.length; at += size)
      found = scanner.push(Buffer.from(text.slice(at, at + size), 'latin1')) || found;
    return found;
  };

  it('finds what was planted in every spelling, across any cut, with anything around it', () => {
    for (const spelling of spellingsOf(token))
      for (const size of [1, 7, 40, 4096])
        expect(feed(`${'x'.repeat(300)}${spelling}${'y'.repeat(300)}`, [token], size), `${spelling} by ${size}`).toBe(
          true,
        );
  });

  it('finds it in the base64 of a longer text, at every phase', () => {
    for (let before = 0; before < 6; before += 1) {
      const text = Buffer.from(`${'p'.repeat(before)}${token}tail`).toString('base64');
      expect(feed(text, [token], 16), String(before)).toBe(true);
    }
  });

  it('finds it through line breaks', () => {
    const folded = token.replaceAll(/.{10}/g, '$&\n');
    expect(feed(`head ${folded} tail`, [token], 5)).toBe(true);
  });

  it('knows one of another sandbox as it was planted', () => {
    expect(feed(`key: ${token}\n`, [], 4096)).toBe(true);
    expect(feed(`key: ${token}\n`, [], 3)).toBe(true);
  });

  it('is silent about everything else', () => {
    const text = `${randomBytes(6_000).toString('base64')}\n${randomBytes(300).toString('hex')}\n`;
    expect(feed(text, [token], 512)).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { MAX_TOKEN_LENGTH, tokenPattern, tokenPrefix } from '../../../router/masking/placeholder.ts';
import { createMaskStore } from '../../../router/masking/store.ts';
import { KEY, newMap, restoreText } from './findings.ts';

describe('the store', () => {
  it('keeps tokens across restarts, and apart for principals and conversations', () => {
    const token = (principal: string, conversation: string) =>
      createMaskStore(KEY).open(principal, conversation).tokenFor('v', 'E');
    expect(token('a', 'bc')).toBe(token('a', 'bc'));
    expect(new Set([token('a', 'bc'), token('ab', 'c'), token('b', 'bc'), token('a', 'x')]).size).toBe(4);
    expect(createMaskStore(Buffer.alloc(32, 8)).open('a', 'bc').tokenFor('v', 'E')).not.toBe(token('a', 'bc'));
  });

  it('shares nothing between requests whose conversation is unknown', () => {
    const store = createMaskStore(KEY);
    expect(store.open('p', '').tokenFor('v', 'E')).not.toBe(store.open('p', '').tokenFor('v', 'E'));
  });

  it('restores for nobody else', () => {
    const store = createMaskStore(KEY);
    const token = store.open('ann', 'c').tokenFor('secret', 'E')!;
    expect(restoreText(token, store.open('ann', 'c'))).toBe('secret');
    store.open('bob', 'c').tokenFor('other', 'E');
    expect(restoreText(token, store.open('bob', 'c'))).toBe(token);
  });

  it('holds so many values in all: a flood of conversations pushes out old maps, never the one in use', () => {
    const store = createMaskStore(Buffer.alloc(32, 1), { maxHeldValues: 100 });
    const first = store.open('p', 'first');
    first.tokenFor('first@corp.example', 'EMAIL_ADDRESS');
    for (let conversation = 0; conversation < 50; conversation += 1) {
      const map = store.open('p', `c${conversation}`);
      for (let value = 0; value < 40; value += 1)
        map.tokenFor(`${value}.${conversation}@corp.example`, 'EMAIL_ADDRESS');
      expect(map.size).toBe(40);
      expect(store.peek('p', `c${conversation}`)).toBe(map);
    }
    const held = Array.from({ length: 50 }, (_, n) => store.peek('p', `c${n}`)?.size ?? 0);
    expect(held.reduce((sum, each) => sum + each)).toBe(80);
    expect(store.peek('p', 'first')).toBeUndefined();
    // Whoever still has it restores what he masked.
    expect(first.size).toBe(1);
    const large = store.open('p', 'large');
    for (let value = 0; value < 150; value += 1) large.tokenFor(`${value}@large.example`, 'EMAIL_ADDRESS');
    expect([large.size, store.peek('p', 'large')]).toEqual([150, large]);
    expect(store.peek('p', 'c49')).toBeUndefined();
  });

  it('forgets the conversation not opened for longest', () => {
    const store = createMaskStore(KEY, { maxConversations: 2 });
    store.open('p', '1').tokenFor('v', 'E');
    store.open('p', '2').tokenFor('v', 'E');
    store.open('p', '1');
    store.open('p', '3');
    expect(store.open('p', '1').size).toBe(1);
    expect(store.open('p', '2').size).toBe(0);
  });

  it.each(['US_SSN', 'x', '', '123', 'a very long entity name with spaces and ünicode', '-', 'A'.repeat(99)])(
    'makes a well-formed token for the entity %j',
    (entity) => {
      const token = newMap().tokenFor('v', entity)!;
      expect(token.match(tokenPattern())).toEqual([token]);
      expect(token.length).toBeLessThanOrEqual(MAX_TOKEN_LENGTH);
      for (let length = 1; length < token.length; length++)
        expect(tokenPrefix(`x${token.slice(0, length)}`)).toBe(token.slice(0, length));
      expect(tokenPrefix(token)).toBe('');
    },
  );
});

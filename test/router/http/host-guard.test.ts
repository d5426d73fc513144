import { describe, expect, it } from 'vitest';
import { hostAllowed, originAllowed } from '../../../router/http/host-guard.ts';
import { say, startSluice } from '../../helpers/sluice.ts';

describe('hostAllowed()', () => {
  it.each([
    ['localhost', '127.0.0.1', true],
    ['localhost:8484', '127.0.0.1', true],
    ['sluice.localhost', '127.0.0.1', true],
    ['127.0.0.1:8484', 'localhost', true],
    ['127.9.9.9', '127.0.0.1', true],
    ['[::1]:8484', '::1', true],
    ['evil.example', '127.0.0.1', false],
    ['localhost.evil.example', '127.0.0.1', false],
    ['127.0.0.1.evil.example', '127.0.0.1', false],
    ['evil.example#localhost', '127.0.0.1', false],
    ['', '127.0.0.1', false],
    [undefined, '127.0.0.1', false],
    [undefined, '0.0.0.0', false],
    ['anything.example', '0.0.0.0', true],
  ])('%s on %s: %s', (host, listenHost, allowed) => {
    expect(hostAllowed(host, listenHost)).toBe(allowed);
  });
});

describe('originAllowed()', () => {
  it.each([
    [undefined, '127.0.0.1', true],
    ['http://localhost:3000', '127.0.0.1', true],
    ['https://127.0.0.1', '127.0.0.1', true],
    ['http://[::1]:5173', '127.0.0.1', true],
    ['https://evil.example', '127.0.0.1', false],
    ['http://localhost.evil.example', '127.0.0.1', false],
    ['null', '127.0.0.1', false],
    ['', '127.0.0.1', false],
    ['file://', '127.0.0.1', false],
    ['chrome-extension://abcdef', '127.0.0.1', false],
    ['http://sluice.internal:8484', 'sluice.internal', true],
    ['http://evil.example', '0.0.0.0', false],
  ])('%s on %s: %s', (origin, listenHost, allowed) => {
    expect(originAllowed(origin, listenHost)).toBe(allowed);
  });

  it('stops a page of another site before anything is read', async () => {
    const sluice = await startSluice({});
    try {
      const response = await sluice.ask(say('hello'), { origin: 'https://evil.example' });
      expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
        403,
        'origin_not_allowed',
      ]);
      expect(sluice.local.chats()).toEqual([]);
    } finally {
      await sluice.close();
    }
  });
});

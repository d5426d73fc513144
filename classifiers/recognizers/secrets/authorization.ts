/** HTTP credentials: Authorization headers, API-key headers and cookies, in requests, logs and commands. */
import { definePattern } from '../../define-pattern.ts';
import { keywords } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { decodeBase64Url } from './base64.ts';
import { isElided, isPlaceholder } from './placeholder.ts';
import { entropy, randomness } from './randomness.ts';

const REACH = { before: 4, after: 24 } as const;

/** A match begins with `bearer`, `basic`, `authorization` or `x-`; any other word opens a window only where the last of these stands. */
function mayBeHeader(text: string, start: number, end: number): boolean {
  const first = text.charCodeAt(start) | 0x20;
  if (first === 0x62 || first === 0x78 || end - start === 'authorization'.length) return true;
  const last = Math.min(text.length, end + REACH.after + 1);
  for (let at = Math.max(1, start - REACH.before); at < last; at++)
    if (text.charCodeAt(at) === 0x2d && (text.charCodeAt(at - 1) | 0x20) === 0x78) return true;
  return false;
}

export const authorizationHeader: Recognizer = definePattern({
  name: 'authorization-header',
  entity: 'API_KEY',
  triggers: [
    keywords(
      'bearer',
      'basic',
      'token',
      'apikey',
      'authorization',
      'x-api',
      'x-auth',
      'digest',
      'ssws',
      'genie',
      'x-vault',
      'private-token',
      'api-key',
    ),
  ],
  reach: REACH,
  inText: mayBeHeader,
  patterns: [
    {
      name: 'bearer',
      regex: /(?<![A-Za-z0-9])bearer[ :=]{1,3}["']?(?<value>[A-Za-z0-9_.~+/=|:-]{12,3000})/i,
      score: 0.8,
    },
    {
      name: 'basic',
      regex: /(?<![A-Za-z0-9])basic {1,2}(?<value>[A-Za-z0-9+/]{8,400}={0,2})(?![A-Za-z0-9+/=.-])/i,
      score: 0.85,
      entity: 'PASSWORD',
    },
    {
      name: 'scheme',
      regex:
        /authorization\\?["']?\s{0,4}[:=,]\s{0,4}\\?["']?(?:token|apikey|api-key|key|ssws|genie-?key|digest|negotiate|ntlm|aws)?[ =:]{0,3}\\?["']?(?<value>[A-Za-z0-9_.~+/=|:-]{16,3000})/i,
      score: 0.75,
    },
    {
      name: 'key-header',
      regex:
        /(?<![A-Za-z0-9])x-[a-z-]{0,30}(?:key|token|auth|secret)\\?["']?\s{0,4}[:=,]\s{0,4}\\?["']?(?<value>[A-Za-z0-9_.~+/=|:-]{12,1000})/i,
      score: 0.75,
    },
  ],
  invalidate: (value, around) => {
    if (isPlaceholder(value) || isElided(around.text, around.end)) return true;
    const before = around.text.slice(Math.max(0, around.start - 12), around.start);
    if (/basic {1,2}$/i.test(before)) return !isUserAndPassword(value);
    return !(entropy(value) > 2.8 && randomness(value) > 3);
  },
});

/** RFC 7617: base64 of `user:password`. Its own example, Aladdin, is documentation. */
function isUserAndPassword(value: string): boolean {
  const pair = decodeBase64Url(value);
  const split = pair.indexOf(':');
  if (split < 0 || !/^[\x20-\x7e]{3,300}$/.test(pair) || /^aladdin:open ?sesame$/i.test(pair)) return false;
  const password = pair.slice(split + 1);
  if (password === '') return randomness(pair.slice(0, split)) > 3;
  return !isPlaceholder(password);
}

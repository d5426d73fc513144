/** JSON Web Tokens: three base64url parts whose first decodes to a header with `alg`. The documentation's example is none. */
import { definePattern } from '../../define-pattern.ts';
import type { Validation } from '../../define-pattern.ts';
import { keywords } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { decodeBase64Url } from './base64.ts';
import { isExampleToken } from './placeholder.ts';

export const jsonWebToken: Recognizer = definePattern({
  name: 'jwt',
  entity: 'JWT',
  // `{"` in base64url, with or without the blank after it.
  triggers: [keywords('eyJ', 'ewog', 'eyAi')],
  reach: { before: 2, after: 2 },
  patterns: [
    {
      name: 'signed',
      regex: /(?<![0-9A-Za-z_-])e[wy][A-Za-z0-9_-]{10,2000}={0,2}\.[A-Za-z0-9_-]{6,8000}={0,2}\.[A-Za-z0-9_-]{16,1500}/,
      score: 0.6,
    },
    {
      name: 'encrypted',
      regex:
        /(?<![0-9A-Za-z_-])e[wy][A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{0,1000}\.[A-Za-z0-9_-]{8,400}\.[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{16,100}/,
      score: 0.6,
    },
    {
      name: 'unsigned',
      regex:
        /(?<![0-9A-Za-z_-])e[wy][A-Za-z0-9_-]{10,2000}={0,2}\.e[wy][A-Za-z0-9_-]{20,8000}={0,2}\.?(?![A-Za-z0-9_-])/,
      score: 0.45,
    },
  ],
  validate: validateHeader,
  validatedBy: 'jwt-header',
  validScore: 0.95,
  invalidate: (value) => isDocumentationToken(value),
});

/** RFC 7515: a header names its algorithm. One that reads as an object and does not is another format (`{"typ":"TCMV2"}`). */
function validateHeader(token: string): Validation {
  const header = decodeBase64Url((token.split('.')[0] ?? '').slice(0, 4000));
  if (/"(?:alg|enc)"\s{0,4}:/.test(header)) return 'valid';
  return /^\s{0,4}\{[^{}]{0,200}\}\s{0,4}$/.test(header) ? 'invalid' : 'unknown';
}

/** Claims of a token that opens something: somebody, for somewhere, until some time, to do something. */
const CLAIM =
  /"(?:id|[\w-]{1,40}[_-]id|iss|sub|aud|exp|nbf|iat|jti|azp|sid|tid|oid|upn|[\w:/.-]{0,60}(?:user|uid|email|name|login|account|client|role|scope|scp|perm|group|tenant|org|team|session|auth|admin|key|token|grant|access))[\w-]{0,20}"\s{0,2}:/i;
/** An object of two plain values at most, like the `{"some":"payload"}` of every library's manual. */
const LITTLE =
  /^\s{0,4}\{\s{0,4}(?:"[\w ]{1,40}"\s{0,2}:\s{0,2}(?:"[\w .!-]{0,40}"|[\d.]{1,12}|true|false|null)\s{0,2},?\s{0,2}){0,2}\}\s{0,4}$/;

/** RFC 7519's and jwt.io's people: John Doe, subject 1234567890, joe at example.com; and signatures nobody computed. */
function isDocumentationToken(token: string): boolean {
  const [, payload = '', signature = ''] = token.split('.');
  const claims = decodeBase64Url(payload.slice(0, 4000));
  return (
    /"sub"\s{0,2}:\s{0,2}"1234567890"/.test(claims) ||
    /"http:\/\/example\.com\/is_root"/.test(claims) ||
    (LITTLE.test(claims) && !CLAIM.test(claims)) ||
    (signature !== '' && isExampleToken(signature.slice(0, 60)))
  );
}

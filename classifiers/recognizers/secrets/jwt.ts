/** JSON Web Tokens: three base64url parts whose first decodes to a header with `alg`. The documentation's example is none. */
import { definePattern } from '../../define-pattern.ts';
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
  validate: (value) => (hasAlgorithm(value) ? 'valid' : 'unknown'),
  validatedBy: 'jwt-header',
  validScore: 0.95,
  invalidate: (value) => isDocumentationToken(value),
});

function hasAlgorithm(token: string): boolean {
  return /"(?:alg|typ|kid|enc)"\s{0,4}:/.test(decodeBase64Url((token.split('.')[0] ?? '').slice(0, 4000)));
}

/** RFC 7519's and jwt.io's people: John Doe, subject 1234567890, joe at example.com; and signatures nobody computed. */
function isDocumentationToken(token: string): boolean {
  const [, payload = '', signature = ''] = token.split('.');
  const claims = decodeBase64Url(payload.slice(0, 4000));
  return (
    /"sub"\s{0,2}:\s{0,2}"1234567890"/.test(claims) ||
    /"http:\/\/example\.com\/is_root"/.test(claims) ||
    (signature !== '' && isExampleToken(signature.slice(0, 60)))
  );
}

/**
 * Private keys in PEM, OpenSSH, PGP, PuTTY and JWK form. The finding covers the block as far as its base64 goes, so
 * masking or redacting leaves no half key. A header without a body (prose about keys) is a near miss.
 */
import { definePattern } from '../../define-pattern.ts';
import { toScore } from '../../finding.ts';
import { keywords } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { decodeBase64Url } from './base64.ts';
import { isExampleToken } from './placeholder.ts';
import { entropy } from './randomness.ts';

/** An RSA key of 16,384 bits is under 13,000 characters. */
const MAX_BLOCK = 20_000;
const MIN_BODY = 24;
const HEADER = /-{4,5} ?BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{4,5}/iy;
const PUTTY = /PuTTY-User-Key-File-\d{1,2}:/iy;
const PUTTY_BODY = /Private-Lines: ?\d{1,4}/gi;
const SSH2 = /-{4} BEGIN SSH2 ENCRYPTED PRIVATE KEY -{4}/iy;
const FOOTER = /-{4,5} ?END /i;
const BODY_CHARACTER = /[A-Za-z0-9+/=]/;

export const privateKey: Recognizer = {
  name: 'private-key',
  entities: ['PRIVATE_KEY'],
  triggers: [keywords('-BEGIN ', '- BEGIN ', 'PuTTY-User-Key-File')],
  reach: { before: 6, after: 2 },
  find({ text }, window, report) {
    for (let at = window.start; at < window.end; at++) {
      const code = text.charCodeAt(at);
      if (code !== 0x2d && code !== 0x50 && code !== 0x70) continue;
      const header = matchAt(HEADER, text, at) ?? matchAt(SSH2, text, at);
      const putty = header === undefined ? matchAt(PUTTY, text, at) : undefined;
      if (header === undefined && putty === undefined) continue;
      const bodyStart = at + (header ?? putty ?? '').length;
      const body = putty === undefined ? pemBody(text, bodyStart) : puttyBody(text, bodyStart);
      const score = body.drawn ? 0.97 : 0.15;
      report({
        entity: 'PRIVATE_KEY',
        start: at,
        end: body.end,
        score,
        pattern: putty === undefined ? 'pem-block' : 'putty-block',
        steps: [{ kind: 'pattern', score: toScore(score) }],
      });
      at = Math.max(at, body.end - 1);
    }
  },
};

function matchAt(regex: RegExp, text: string, at: number): string | undefined {
  regex.lastIndex = at;
  return regex.exec(text)?.[0];
}

interface Body {
  readonly end: number;
  readonly drawn: boolean;
}

/** pemBody reads on over base64, line breaks (also as `\n` in a string), quotes, `+` of code and key headers. */
function pemBody(text: string, start: number): Body {
  const last = Math.min(text.length, start + MAX_BLOCK);
  const footer = text.slice(start, last).search(FOOTER);
  const end = footer < 0 ? last : start + footer;
  let base64 = '';
  let index = start;
  let gap = 0;
  let lastBody = start;
  for (; index < end && gap < 160; index++) {
    const character = text[index] ?? '';
    if (character === '\\' && /[nrt\\]/.test(text[index + 1] ?? '')) {
      index++;
      continue;
    }
    if (BODY_CHARACTER.test(character)) {
      const wordEnd = runEnd(text, index, end);
      // Lines of a key are long; words of prose and header fields (`Proc-Type`) are short.
      if (wordEnd - index >= 16 || (base64 !== '' && wordEnd - index >= 2 && gap < 12)) {
        if (base64.length < 400) base64 += text.slice(index, wordEnd);
        lastBody = wordEnd;
        gap = 0;
      } else gap += wordEnd - index;
      index = wordEnd - 1;
    } else gap++;
  }
  const isClosed = footer >= 0 && end - lastBody < 200;
  const footerEnd = isClosed ? endOfFooter(text, end) : lastBody;
  return { end: Math.max(lastBody, footerEnd), drawn: isKeyMaterial(base64) };
}

function puttyBody(text: string, start: number): Body {
  PUTTY_BODY.lastIndex = start;
  const lines = PUTTY_BODY.exec(text.slice(0, Math.min(text.length, start + MAX_BLOCK)));
  if (lines === null) return { end: start, drawn: false };
  return pemBody(text, lines.index + lines[0].length);
}

function runEnd(text: string, from: number, limit: number): number {
  let index = from;
  while (index < limit && BODY_CHARACTER.test(text[index] ?? '')) index++;
  return index;
}

function endOfFooter(text: string, footer: number): number {
  const tail = /^-{4,5} ?END [A-Z0-9 ]{1,50}-{4,5}/i.exec(text.slice(footer, footer + 70));
  return footer + (tail?.[0].length ?? 0);
}

function isKeyMaterial(base64: string): boolean {
  return base64.length >= MIN_BODY && entropy(base64) > 3.3 && !isExampleToken(base64.slice(0, 48));
}

/** A PEM header in base64, as kubeconfig and Kubernetes secrets hold keys: `-----BEGIN ` and the key kinds. */
export const encodedPrivateKey: Recognizer = definePattern({
  name: 'encoded-private-key',
  entity: 'PRIVATE_KEY',
  triggers: [keywords('LS0tLS1CRUdJTi')],
  reach: { before: 2, after: 2 },
  patterns: [{ name: 'base64-pem', regex: /LS0tLS1CRUdJTi[A-Za-z0-9+/]{60,200}/, score: 0.9 }],
  invalidate: (value) => !/PRIVATE KEY/i.test(decodeBase64Url(value.slice(0, 80))),
});

/** JSON Web Keys: `kty` and a private member of base64url, in either order. */
export const jsonWebKey: Recognizer = definePattern({
  name: 'json-web-key',
  entity: 'PRIVATE_KEY',
  triggers: [keywords('"kty"', '\\"kty\\"', "'kty'")],
  reach: { before: 1200, after: 2400 },
  patterns: [
    {
      name: 'private-member',
      regex: /\\?["'](?:d|k)\\?["']\s{0,4}:\s{0,4}\\?["'](?<value>[A-Za-z0-9_-]{20,800})/,
      score: 0.9,
    },
  ],
  invalidate: (value) => isExampleToken(value.slice(0, 60)) || entropy(value) < 3,
});

import { describe, expect, it } from 'vitest';
import { createClassifier } from '../../../classifiers/classify.ts';
import { builtInRecognizers, builtInTaggers } from '../../../classifiers/registry.ts';
import type { Segment } from '../../../classifiers/segment.ts';
import { Classify } from '../../../config/schema.ts';
import { PLACEHOLDER_LINE } from '../../../router/masking/explain.ts';
import { tokenPattern } from '../../../router/masking/placeholder.ts';
import { createMaskStore } from '../../../router/masking/store.ts';

const LABELS = ['public', 'internal', 'confidential', 'restricted'];
const classifier = createClassifier(Classify.parse({}), LABELS, {
  recognizers: builtInRecognizers(),
  taggers: builtInTaggers(),
});

async function labelOf(text: string, hint = 'content', form: Segment['form'] = 'text') {
  const segment: Segment = { pointer: '/messages/0/content', role: 'user', form, text, hint, flow: 0 };
  const { verdict } = await classifier.classify([segment], [], {
    signal: new AbortController().signal,
    nearMisses: 'omit',
  });
  return verdict;
}

/** A masked request is classified again, and only a clean one may leave: a placeholder that is itself found would make masking useless. */
describe('a placeholder is clean', () => {
  const map = createMaskStore(Buffer.alloc(32, 3)).open('p', 'c');
  const entities = [
    'EMAIL_ADDRESS',
    'PHONE_NUMBER',
    'CREDIT_CARD',
    'IBAN',
    'US_SSN',
    'IP_ADDRESS',
    'PERSON',
    'US_BANK_NUMBER',
    'MEDICAL_LICENSE',
    'DATE_TIME',
    'CRYPTO',
    'DENY_LIST',
  ];
  const frames: readonly [string, (token: string) => string][] = [
    ['alone', (token) => token],
    ['after a cue', (token) => `My name is ${token}, e-mail: ${token}, phone ${token}, SSN: ${token}, IBAN ${token}.`],
    ['in a table', (token) => `| name | card |\n|---|---|\n| ${token} | ${token} |`],
    ['in code', (token) => `const customer = { email: "${token}", card: '${token}' };\nsend("${token}");`],
    ['in JSON', (token) => JSON.stringify({ email: token, ssn: token, list: [token, token] })],
    ['side by side', (token) => `${token}${token} ${token},${token}`],
    ['in an address', (token) => `mailto:${token} https://example.com/users/${token}?q=${token}`],
  ];

  it.each(frames)('%s, for every entity and many values', async (_name, frame) => {
    const found: string[] = [];
    for (const entity of entities) {
      for (let value = 0; value < 8; value++) {
        const token = map.tokenFor(`${entity} ${value}`, entity)!;
        const text = frame(token);
        const verdict = await labelOf(text);
        const tokens = [...text.matchAll(tokenPattern())];
        // What the words around a token say is no matter of the token.
        const inside = verdict.findings.filter(({ span }) =>
          tokens.some((each) => span.start < each.index + each[0].length && span.end > each.index),
        );
        if (verdict.kind !== 'clean' && inside.length > 0)
          found.push(`${entity}: ${inside.map((each) => each.entity).join()}`);
      }
    }
    expect(found).toEqual([]);
  });

  it.each(['email', 'ssn', 'phone', 'credit_card', 'iban', 'name', 'address', 'dob'])(
    'as the value of a field named %s',
    async (hint) => {
      const verdict = await labelOf(map.tokenFor('v', 'US_SSN')!, hint, 'arguments');
      expect(verdict).toMatchObject({ kind: 'clean', label: 'public' });
    },
  );

  it('and so is the line that explains it', async () => {
    expect(await labelOf(PLACEHOLDER_LINE)).toMatchObject({ kind: 'clean', label: 'public', findings: [] });
  });
});

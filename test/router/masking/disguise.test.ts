/** Realistic values in the place of placeholders: true to their kind, fixed, reserved for nobody, put back wherever a reply is cut, and refused at the door when they could be anything else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clear } from '../../../router/clearance.ts';
import { createDisguise } from '../../../router/masking/disguise.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import { SURROGATE_FORM, surrogateFor } from '../../../router/masking/surrogate.ts';
import { COMPLEX, recordingExecutor, startSluice } from '../../helpers/sluice.ts';
import { newMap } from './findings.ts';

const luhn = (text: string): boolean =>
  [...text.replaceAll(' ', '')].toReversed().reduce((sum, digit, index) => {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    return sum + (value > 9 ? value - 9 : value);
  }, 0) %
    10 ===
  0;
const FORMS: Readonly<Record<string, RegExp>> = {
  EMAIL_ADDRESS: /^[a-z]+\.[a-z]+\d\d@example\.(?:com|net|org)$/,
  PHONE_NUMBER: /^\+1 \d{3} 555 01\d\d$/,
  CREDIT_CARD: /^4000 00\d\d \d{4} \d{4}$/,
  PERSON: /^[A-Z][a-z]+ [A-Z][a-z]+$/,
  IP_ADDRESS: /^(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}$/,
};
const tokenOf = (value: string, type: string): string => newMap().tokenFor(value, type)!;

describe('surrogateFor()', () => {
  it.each(Object.entries(FORMS))('%s is true to its kind, fixed, and says nothing of the value', (type, form) => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, maxLength: 20 }), fc.nat(7), (value, attempt) => {
        const token = tokenOf(value, type);
        const surrogate = surrogateFor(token, attempt) ?? '';
        expect(surrogate).toMatch(form);
        expect(surrogate).toMatch(SURROGATE_FORM);
        expect(surrogateFor(token, attempt)).toBe(surrogate);
        if (type === 'CREDIT_CARD') expect(luhn(surrogate)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('has none for other kinds', () => {
    expect(surrogateFor(tokenOf('x-1234', 'CUSTOMER_ID'), 0)).toBeUndefined();
    expect(surrogateFor('[[constructor_bcdfghjkmn]]', 0)).toBeUndefined();
  });
});

describe('createDisguise()', () => {
  const values = [
    ['jane.roe@corp-mail.example', 'EMAIL_ADDRESS'],
    ['+44 20 7946 0018', 'PHONE_NUMBER'],
    ['Jane Roe', 'PERSON'],
    ['K-77120', 'CUSTOMER_ID'],
  ] as const;
  const setUp = () => {
    const map = newMap();
    const tokens = values.map(([value, type]) => map.tokenFor(value, type)!);
    const disguise = createDisguise(tokens.join(' and '), map);
    return { map, tokens, disguise, shown: tokens.map((token) => disguise.surrogates.get(token) ?? token) };
  };

  it('dresses each kind it knows, and leaves the rest', () => {
    const { disguise, shown, tokens } = setUp();
    expect(shown.map((each, index) => each === tokens[index])).toEqual([false, false, false, true]);
    expect(disguise.bare).toBe(1);
    expect(new Set(shown).size).toBe(4);
  });

  it('takes no surrogate that stands in the request, in whatever case', () => {
    const map = newMap();
    const token = map.tokenFor('jane.roe@corp-mail.example', 'EMAIL_ADDRESS')!;
    const first = surrogateFor(token, 0)!;
    const { surrogates } = createDisguise(`${token} wrote to ${first.toUpperCase()}`, map);
    expect(surrogates.get(token)).toBe(surrogateFor(token, 1));
  });

  it('puts every value back, wherever the reply is cut, numbers without spaces too, and words around it alone', () => {
    const { disguise, shown } = setUp();
    const [mail = '', phone = '', person = '', customer = ''] = shown;
    const piece = fc.constantFrom<readonly [string, string]>(
      [mail, values[0][0]],
      [phone, values[1][0]],
      [phone.replaceAll(' ', ''), values[1][0]],
      [person, values[2][0]],
      [customer, values[3][0]],
      // Another word, and another number.
      [`${person}son`, `${person}son`],
      [`${phone}7`, `${phone}7`],
      [person.slice(0, 4), person.slice(0, 4)],
      ['plain', 'plain'],
      ['+1', '+1'],
    );
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(500), { maxLength: 12 }),
        (pieces, cuts) => {
          const text = pieces.map(([wrote]) => wrote).join(', ');
          const restorer = createRestorer(disguise);
          const at = [0, ...cuts.map((cut) => cut % (text.length + 1)).toSorted((a, b) => a - b), text.length];
          let out = '';
          for (let index = 1; index < at.length; index += 1)
            out += restorer.push('s', text.slice(at[index - 1], at[index]), 'text');
          expect(out + restorer.flush('s')).toBe(pieces.map(([, read]) => read).join(', '));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('clear() with surrogates', () => {
  const ask = (surrogates: ReadonlyMap<string, string>, body: string) => {
    const scanned: string[] = [];
    const clearance = clear(
      { verdict: { kind: 'clean', label: 'public', findings: [] }, signals: [], nearMisses: [], scannedChars: 0 },
      'public',
      { upstream: 'sky', path: '/chat/completions', body, stream: false, model: 'm' },
      { sees: 'public', ladder: ['public', 'restricted'] },
      { rescan: (text) => (scanned.push(text), []) },
      undefined,
      surrogates,
    );
    return { scanned, sent: clearance.kind === 'cleared' ? clearance.cleared.body : clearance.cause };
  };
  const token = tokenOf('v', 'EMAIL_ADDRESS');

  it('scans the body before they are put on, and puts them on nowhere but in the place of a placeholder', () => {
    const { scanned, sent } = ask(
      new Map([[token, 'a.b12@example.com']]),
      `{"x":"${token} [[EMAIL_ADDRESS_bbbbbbbbbb]]"}`,
    );
    expect(scanned).toEqual([`{"x":"${token} [[EMAIL_ADDRESS_bbbbbbbbbb]]"}`]);
    expect(sent).toBe('{"x":"a.b12@example.com [[EMAIL_ADDRESS_bbbbbbbbbb]]"}');
  });

  it.each(['","role":"system', 'x\\', '{}', 'é'.repeat(8), 'a'.repeat(65)])('refuses %s', (surrogate) => {
    expect(ask(new Map([[token, surrogate]]), `{"x":"${token}"}`).sent).toBe('scan-failed');
  });
});

describe('policy.maskingStyle: surrogate', () => {
  const MAIL = 'jane.roe@corp-mail.example';
  it('shows a cloud a made-up address and no placeholder, in every turn the same, and gives the client its own back', async () => {
    const executor = recordingExecutor(() => 'ran');
    const sluice = await startSluice({
      config: 'policy: { maskingStyle: surrogate, maskedToolResults: mask }\ntools: { offer: [exec] }',
      sandbox: executor,
      cloud: {
        reply: ({ body }) => {
          const shown = /[a-z]+\.[a-z]+\d\d@example\.(?:com|net|org)/.exec(body)?.[0] ?? 'nothing';
          return body.includes('"role":"tool"')
            ? { text: `sent to ${shown}.` }
            : { toolCalls: [{ name: 'exec', arguments: { command: `mail ${shown}` } }] };
        },
      },
    });
    try {
      const messages = [{ role: 'user', content: `${COMPLEX} Mail ${MAIL}` }];
      for (const stream of [false, true]) {
        const response = await sluice.ask({ model: 'auto', messages, stream });
        expect(response.headers.get('x-sluice-route')).toBe('cloud-masked');
        const text = await response.text();
        const spoken = stream ? [...text.matchAll(/"content":"([^"]*)"/g)].map(([, piece]) => piece).join('') : text;
        expect(spoken).toContain(`sent to ${MAIL}.`);
      }
      const sent = sluice.sentToCloud();
      expect(sent).not.toContain(MAIL);
      expect(sent).not.toContain('[[');
      expect(sent).not.toContain('placeholder');
      expect(new Set(sent.match(/[a-z]+\.[a-z]+\d\d@example\.(?:com|net|org)/g)).size).toBe(1);
      // A tool is given the value itself, since the policy lets it.
      expect(JSON.stringify(executor.requests)).not.toContain('@example.');
    } finally {
      await sluice.close();
    }
  });
});

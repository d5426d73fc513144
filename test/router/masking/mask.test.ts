import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../classifiers/finding.ts';
import { explainPlaceholders, PLACEHOLDER_LINE } from '../../../router/masking/explain.ts';
import { createMasker } from '../../../router/masking/mask.ts';
import { tokenPattern } from '../../../router/masking/placeholder.ts';
import { createMaskStore } from '../../../router/masking/store.ts';
import { KEY, newMap, document, finding, maskAll, chat, contentOf, restoreText } from './findings.ts';

describe('mask()', () => {
  it('puts one and the same token for one value everywhere, and leaves every other byte', () => {
    const map = newMap();
    const body =
      '{"messages":[ {"role":"user","content":"caf\\u00e9 ann@x.org, again ann@x.org"},{"role":"system","content":"\\u00e9"}],"n":1.0}'.replace(
        '1.0',
        '1',
      );
    const { source, count } = maskAll(body, ['ann@x.org'], map);
    const token = map.tokenFor('ann@x.org', 'EMAIL_ADDRESS')!;
    expect(source).toBe(body.replace('"caf\\u00e9 ann@x.org, again ann@x.org"', `"café ${token}, again ${token}"`));
    expect(token).toMatch(/^\[\[EMAIL_ADDRESS_[b-z]{10}\]\]$/);
    expect(count).toBe(2);
  });

  it('masks in parts, tool results, descriptions, metadata and tool-call arguments, which stay JSON', () => {
    const map = newMap();
    const inner = { to: 'ann@x.org', nested: JSON.stringify({ deep: ['say "hi" to ann@x.org'] }), n: 5 };
    const { root, source } = maskAll(
      {
        metadata: { owner: 'ann@x.org' },
        tools: [{ type: 'function', function: { name: 'f', description: 'mail ann@x.org', parameters: {} } }],
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'I am ann@x.org' }] },
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'i', type: 'function', function: { name: 'f', arguments: JSON.stringify(inner) } }],
          },
          { role: 'tool', tool_call_id: 'i', content: JSON.stringify([{ owner: 'ann@x.org' }]) },
        ],
      },
      ['ann@x.org'],
      map,
    );
    expect(source).not.toContain('ann@x.org');
    const messages = (root as { messages: { tool_calls?: { function: { arguments: string } }[]; content: string }[] })
      .messages;
    const given = JSON.parse(messages[1]!.tool_calls![0]!.function.arguments) as typeof inner;
    const token = map.tokenFor('ann@x.org', 'EMAIL_ADDRESS');
    expect(given).toEqual({ to: token, nested: JSON.stringify({ deep: [`say "hi" to ${token}`] }), n: 5 });
    expect(JSON.parse(messages[2]!.content)).toEqual([{ owner: token }]);
  });

  it('masks values that JSON inside strings spells with escapes', () => {
    const map = newMap();
    const body = chat('{"name":"Ann \\u00c9ire","q":"a\\/b"}');
    const { root } = maskAll(body, ['Ann Éire'], map);
    expect(JSON.parse(contentOf(root))).toEqual({ name: map.tokenFor('Ann Éire', 'X'), q: 'a/b' });
  });

  it.each<[string, readonly [number, number][], number, string]>([
    [
      'overlapping',
      [
        [0, 5],
        [3, 8],
      ],
      1,
      'ijkl',
    ],
    [
      'touching',
      [
        [0, 4],
        [4, 8],
      ],
      1,
      'ijkl',
    ],
    [
      'nested',
      [
        [0, 8],
        [2, 3],
      ],
      1,
      'ijkl',
    ],
    [
      'apart',
      [
        [0, 2],
        [6, 8],
      ],
      2,
      'ijkl',
    ],
    [
      'repeated',
      [
        [1, 3],
        [1, 3],
      ],
      1,
      'ijkl',
    ],
  ])('joins spans that are %s as they need', (_name, spans, count, tail) => {
    const map = newMap();
    const masked = createMasker(map).mask(
      document(chat('abcdefghijkl')),
      spans.map(([start, end]) => finding('/messages/0/content', start, end)),
    );
    expect(masked).toMatchObject({ kind: 'masked', count });
    const text = contentOf(JSON.parse((masked as { source: string }).source));
    expect(text.endsWith(tail)).toBe(true);
    expect(text.match(tokenPattern())).toHaveLength(count);
    expect(restoreText(text, map)).toBe('abcdefghijkl');
  });

  it('takes the whole encoded run where a value was read through a view', () => {
    const map = newMap();
    const masked = createMasker(map).mask(document(chat('see QW5uIExlZQ== now')), [
      finding('/messages/0/content', 6, 9, 'PERSON', ['base64']),
    ]);
    const text = contentOf(JSON.parse((masked as { source: string }).source));
    expect(text).toMatch(/^see \[\[PERSON_[a-z]{10}\]\] now$/);
    expect(restoreText(text, map)).toBe('see QW5uIExlZQ== now');
  });

  it('takes the marks of a last character along', () => {
    const map = newMap();
    const text = 'card 42\ufe0f\u20e3 ok';
    const masked = createMasker(map).mask(document(chat(text)), [finding('/messages/0/content', 5, 7)]);
    const out = contentOf(JSON.parse((masked as { source: string }).source));
    expect(out).toMatch(/^card \[\[[A-Z_a-z]+\]\] ok$/);
    expect(restoreText(out, map)).toBe(text);
  });

  it('never cuts a surrogate pair', () => {
    const map = newMap();
    const masked = createMasker(map).mask(document(chat('a😀b😀c')), [finding('/messages/0/content', 2, 5)]);
    const text = contentOf(JSON.parse((masked as { source: string }).source));
    expect(text.isWellFormed()).toBe(true);
    expect(restoreText(text, map)).toBe('a😀b😀c');
  });

  it.each<[string, object, Finding]>([
    ['a number', chat('x', { metadata: { ssn: 123456789 } }), finding('/metadata/ssn', 0, 9)],
    ['a key', chat('x', { metadata: { 'ann@x.org': 1 } }), finding('/metadata/ann@x.org', 0, 9)],
    [
      'a key whose value is shorter',
      chat('x', { metadata: { 'ann@x.org': 'abc' } }),
      finding('/metadata/ann@x.org', 0, 9),
    ],
    ['a number in arguments', chat('{"ssn":123456789}'), finding('/messages/0/content#/ssn', 0, 9)],
    ['a number in arguments, seen from outside', chat('{"ssn":123456789}'), finding('/messages/0/content', 7, 16)],
    ['a key in arguments', chat('{"ann@x.org":1}'), finding('/messages/0/content#/ann@x.org', 0, 9)],
    ['a key in arguments, seen from outside', chat('{"ann@x.org":1}'), finding('/messages/0/content', 2, 11)],
    [
      'a tool name',
      chat('x', { tools: [{ type: 'function', function: { name: 'ann' } }] }),
      finding('/tools/0/function/name', 0, 3),
    ],
    [
      'a tool-call id',
      { messages: [{ role: 'tool', content: 'x', tool_call_id: 'ann' }] },
      finding('/messages/0/tool_call_id', 0, 3),
    ],
    [
      'a decoded file',
      chat([{ type: 'image_url', image_url: { url: 'data:text/plain,ann' } }]),
      finding('/messages/0/content/0/image_url/url', 0, 3),
    ],
    [
      'a value dealt out over places',
      chat('4111 1111'),
      finding('/messages/0/content', 0, 9, 'CREDIT_CARD', ['joined']),
    ],
    ['a span past the end', chat('abc'), finding('/messages/0/content', 1, 9)],
    ['a place that is not there', chat('abc'), finding('/messages/7/content', 0, 1)],
    ['JSON that is none', chat('abc'), finding('/messages/0/content#/a', 0, 1)],
  ])('says not-maskable for %s', (_name, body, wanted) => {
    expect(createMasker(newMap()).mask(document(body), [wanted]).kind).toBe('not-maskable');
  });

  it('leaves alone what may stay where it cannot be masked, and masks it where it can', () => {
    const body = document(chat('Ann is 42', { age: 42 }));
    const masked = createMasker(newMap()).mask(
      body,
      [finding('/age', 0, 2, 'AGE'), finding('/messages/0/content', 0, 3, 'PERSON')],
      { mayStay: () => true },
    );
    expect(masked).toMatchObject({ kind: 'masked', count: 1 });
    expect((masked as { source: string }).source).toContain('"age":42');
  });

  it('does not mask again what this conversation masked, and treats a forged token as text', () => {
    const map = newMap();
    const token = map.tokenFor('ann@x.org', 'EMAIL_ADDRESS')!;
    const forged = '[[EMAIL_ADDRESS_bcdfghjkmn]]';
    const text = `to ${token} and ${forged} end`;
    const masked = createMasker(map).mask(document(chat(text)), [finding('/messages/0/content', 0, text.length - 4)]);
    const out = contentOf(JSON.parse((masked as { source: string }).source));
    expect(out).toContain(token);
    expect(out).not.toContain(forged);
    expect(restoreText(out, map)).toBe(text.replace(token, 'ann@x.org'));
    expect(restoreText(forged, map)).toBe(forged);
  });

  it('masks what a finding in the outer text shows of escaped JSON inside, whole characters only', () => {
    const inner = '{"a":"x\\u0041nn\\n","b":"Ann"}';
    for (let start = 6; start < 16; start++) {
      for (let end = start + 1; end <= 16; end++) {
        const map = newMap();
        const masked = createMasker(map).mask(document(chat(inner)), [finding('/messages/0/content', start, end)]);
        const out = contentOf(JSON.parse((masked as { source: string }).source));
        expect((JSON.parse(out) as { a: string }).a).toMatch(tokenPattern());
        expect(JSON.parse(restoreText(out, map, 'json'))).toEqual(JSON.parse(inner));
      }
    }
  });

  it('takes thousands of findings in one long text', () => {
    const map = createMaskStore(KEY, { maxValues: 100_000, maxChars: 10_000_000 }).open('p', 'c');
    const words = Array.from({ length: 5_000 }, (_, index) => `name${index}"`);
    for (const text of [words.join(' '), JSON.stringify({ a: words.join(' ') })]) {
      const findings = Array.from(text.matchAll(/name\d+/g), (match) =>
        finding('/messages/0/content', match.index, match.index + match[0].length),
      );
      const masked = createMasker(map).mask(document(chat(text)), findings);
      expect(masked).toMatchObject({ kind: 'masked', count: 5_000 });
      const out = contentOf(JSON.parse((masked as { source: string }).source));
      expect(
        createMasker(map).mask(document(chat(out)), [finding('/messages/0/content', 6, out.length - 4)]),
      ).toMatchObject({ kind: 'masked' });
      expect(restoreText(out, map)).toBe(text);
    }
  });

  it('gives up when the map is full instead of sending what it cannot restore', () => {
    const map = createMaskStore(KEY, { maxValues: 1 }).open('p', 'c');
    const body = document(chat('ann bob'));
    const spans = [finding('/messages/0/content', 0, 3), finding('/messages/0/content', 4, 7)];
    expect(createMasker(map).mask(body, spans)).toEqual({ kind: 'not-maskable', pointer: '/messages/0/content' });
  });
});

describe('explainPlaceholders()', () => {
  it.each<[string, object, number, string | undefined]>([
    ['nothing masked', chat('x'), 0, undefined],
    ['something masked', chat('x'), 2, 'system'],
    [
      'something masked beside a developer message',
      { messages: [{ role: 'developer', content: 'd' }] },
      1,
      'developer',
    ],
  ])('says its line for %s', (_name, body, count, role) => {
    const first = (
      JSON.parse(explainPlaceholders(document(body), count)) as { messages: { role: string; content: string }[] }
    ).messages[0]!;
    expect(first.content === PLACEHOLDER_LINE ? first.role : undefined).toBe(role);
  });
});

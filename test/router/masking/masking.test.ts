import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Finding, toScore, type View } from '../../../classifiers/finding.ts';
import type { Segment } from '../../../classifiers/segment.ts';
import type { ReplyEvent } from '../../../router/chat.ts';
import type { JsonDocument } from '../../../router/json/document.ts';
import { parseJsonText } from '../../../router/json/parse.ts';
import { explainPlaceholders, PLACEHOLDER_LINE } from '../../../router/masking/explain.ts';
import { createMasker } from '../../../router/masking/mask.ts';
import { MAX_TOKEN_LENGTH, tokenPattern, tokenPrefix } from '../../../router/masking/placeholder.ts';
import { createRestorer, restoreEvents } from '../../../router/masking/restore.ts';
import { createMaskStore, type MaskMap } from '../../../router/masking/store.ts';
import { openaiChat } from '../../../router/protocols/openai-chat.ts';

const KEY = Buffer.alloc(32, 7);
const newMap = (principal = 'p', conversation = 'c'): MaskMap => createMaskStore(KEY).open(principal, conversation);

function document(body: unknown): JsonDocument {
  const parsed = parseJsonText(typeof body === 'string' ? body : JSON.stringify(body), {
    maxDepth: 64,
    maxLeaves: 100_000,
  });
  if (parsed.kind !== 'document') throw new Error(`refused: ${parsed.problem.code}`);
  return parsed.document;
}

function finding(
  segment: string,
  start: number,
  end: number,
  entity = 'EMAIL_ADDRESS',
  views: readonly View[] = [],
): Finding {
  return {
    entity,
    span: { segment, start, end },
    score: toScore(0.9),
    recognizer: 'test',
    explanation: { pattern: 'test', views, steps: [] },
  };
}

/** What a perfect classifier of these values reports: every occurrence in every segment. */
function findAll(body: JsonDocument, values: readonly string[]): Finding[] {
  const read = openaiChat.read(body);
  if (read.kind === 'problem') throw new Error(read.problem.code);
  return read.segments.flatMap((segment: Segment) =>
    values.flatMap((value) => {
      const found: Finding[] = [];
      for (let at = segment.text.indexOf(value); at !== -1 && value !== ''; at = segment.text.indexOf(value, at + 1))
        found.push(finding(segment.pointer, at, at + value.length));
      return found;
    }),
  );
}

function maskAll(
  body: unknown,
  values: readonly string[],
  map: MaskMap = newMap(),
): { root: unknown; source: string; count: number } {
  const read = document(body);
  const masked = createMasker(map).mask(read, findAll(read, values));
  if (masked.kind !== 'masked') throw new Error(`not maskable at ${masked.pointer}`);
  return { root: JSON.parse(masked.source), source: masked.source, count: masked.count };
}

const chat = (content: unknown, more: object = {}): object => ({ messages: [{ role: 'user', content }], ...more });
const contentOf = (root: unknown): string => (root as { messages: { content: string }[] }).messages[0]!.content;
/** Everything put back in one go. */
function restoreText(text: string, map: MaskMap, channel: 'text' | 'json' = 'text'): string {
  const restorer = createRestorer(map);
  return restorer.push('s', text, channel) + restorer.flush('s');
}

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

async function* source(events: readonly ReplyEvent[]): AsyncIterable<ReplyEvent> {
  yield* events;
}
async function restored(
  events: readonly ReplyEvent[],
  map: MaskMap,
  options?: Parameters<typeof restoreEvents>[2],
): Promise<ReplyEvent[]> {
  const out: ReplyEvent[] = [];
  for await (const event of restoreEvents(source(events), createRestorer(map), options)) out.push(event);
  return out;
}
const joined = (events: readonly ReplyEvent[], kind: string, choice = 0, index = 0): string =>
  events
    .map((event) =>
      event.kind === kind &&
      'text' in event &&
      event.choice === choice &&
      (event.kind !== 'tool-arguments' || event.index === index)
        ? event.text
        : '',
    )
    .join('');

describe('restoreEvents()', () => {
  it('restores every channel of every choice on its own, cut anywhere and interleaved', async () => {
    const map = newMap();
    const token = map.tokenFor('say "hi"\n', 'NOTE')!;
    for (let cut = 0; cut <= token.length; cut++) {
      const [head, tail] = [token.slice(0, cut), token.slice(cut)];
      const kinds = ['text', 'reasoning', 'refusal'] as const;
      const half = (text: string): ReplyEvent[] => [
        ...[0, 1].flatMap((choice) => kinds.map((kind): ReplyEvent => ({ kind, choice, text }))),
        ...[0, 1].map((index): ReplyEvent => ({ kind: 'tool-arguments', choice: 0, index, text })),
      ];
      const events = await restored(
        [
          ...half(`a${head}`),
          ...half(`${tail}b`),
          { kind: 'finish', choice: 0, reason: 'stop' },
          { kind: 'finish', choice: 1, reason: 'stop' },
          { kind: 'end' },
        ],
        map,
      );
      for (const kind of kinds) for (const choice of [0, 1]) expect(joined(events, kind, choice)).toBe('asay "hi"\nb');
      // Half of one call must never complete half of another.
      for (const index of [0, 1]) expect(joined(events, 'tool-arguments', 0, index)).toBe('asay \\"hi\\"\\nb');
    }
  });

  it('lets go of what it held before the finish, the end and an error', async () => {
    const map = newMap();
    const head = map.tokenFor('v', 'E')!.slice(0, 5);
    const last: ReplyEvent[] = [
      { kind: 'finish', choice: 0, reason: 'stop' },
      { kind: 'end' },
      {
        kind: 'error',
        failure: { code: 'upstream_reset', upstream: 'u', status: 0, retryAfterSeconds: 0, sent: true },
      },
    ];
    for (const event of last)
      expect(await restored([{ kind: 'text', choice: 0, text: `x${head}` }, event], map)).toEqual([
        { kind: 'text', choice: 0, text: 'x' },
        { kind: 'text', choice: 0, text: head },
        event,
      ]);
  });

  it('holds back nothing but the beginning of a token that exists', () => {
    const map = newMap();
    const token = map.tokenFor('v', 'EMAIL')!;
    for (const [text, held] of [
      ['a [', '['],
      ['a [[', '[['],
      ['a [1', ''],
      ['[[X', ''],
      ['[[E', '[[E'],
      ['list[0][', '['],
      ['[[[', '[['],
      [`${token.slice(0, -1)}x`, ''],
      [token.slice(0, -1), token.slice(0, -1)],
    ] as const) {
      const restorer = createRestorer(map);
      expect(text).toBe(restorer.push('s', text, 'text') + held);
      expect(restorer.flush('s')).toBe(held);
    }
  });

  it.each<[string, string, unknown]>([
    ['a string', '{"a":"x TOKEN"}', { a: 'x V' }],
    ['JSON in a string', JSON.stringify({ a: JSON.stringify({ b: 'TOKEN' }) }), { a: { b: 'V' } }],
    [
      'JSON in JSON in a string',
      JSON.stringify({ a: JSON.stringify([JSON.stringify({ c: '"TOKEN"' })]) }),
      { a: [{ c: '"V"' }] },
    ],
    [
      'a string after such ones',
      JSON.stringify({ a: JSON.stringify({ b: '"\\' }), d: 'TOKEN' }),
      { a: { b: '"\\' }, d: 'V' },
    ],
    ['text in a string that only quotes', JSON.stringify({ a: 'say "TOKEN"' }), { a: 'say "V"' }],
  ])('escapes values in arguments as deep as they stand: %s', (_name, json, expected) => {
    const map = newMap();
    const value = 'a"b\\\n';
    const token = map.tokenFor(value, 'E')!;
    const open = (given: unknown): unknown => {
      if (typeof given === 'string' && /^[[{]/.test(given)) return open(JSON.parse(given));
      if (typeof given === 'string') return given.replaceAll(value, 'V');
      if (Array.isArray(given)) return given.map(open);
      return Object.fromEntries(Object.entries(given as object).map(([key, each]) => [key, open(each)]));
    };
    const text = json.replace('TOKEN', token);
    for (let cut = 0; cut <= text.length; cut++) {
      const restorer = createRestorer(map);
      const out =
        restorer.push('s', text.slice(0, cut), 'json') +
        restorer.push('s', text.slice(cut), 'json') +
        restorer.flush('s');
      expect(open(out)).toEqual(expected);
    }
  });

  it('knows a token whose underscores Markdown escaped, cut anywhere', () => {
    const map = newMap();
    const token = map.tokenFor('v', 'EMAIL_ADDRESS')!;
    const text = `x ${token.replaceAll('_', '\\_')} y`;
    for (let cut = 0; cut <= text.length; cut++) {
      const restorer = createRestorer(map);
      expect(
        restorer.push('s', text.slice(0, cut), 'text') +
          restorer.push('s', text.slice(cut), 'text') +
          restorer.flush('s'),
      ).toBe('x v y');
    }
  });

  it('escapes values in message text too where the client asked for JSON', async () => {
    const map = newMap();
    const token = map.tokenFor('a"b', 'E')!;
    expect(
      joined(
        await restored([{ kind: 'text', choice: 0, text: `{"x":"${token}"}` }, { kind: 'end' }], map, { text: 'json' }),
        'text',
      ),
    ).toBe('{"x":"a\\"b"}');
  });
});

describe('masking and restoring', () => {
  const value = fc.oneof(
    fc.constantFrom('ann@x.org', '4111 1111 1111 1111', 'a"b\\c\n', '😀é', '[[', ']]', '[[A_bcdfghjkmn]]', '$&$1'),
    fc.string({ minLength: 2, maxLength: 12 }),
  );
  const filler = fc.oneof(
    fc.string({ maxLength: 10 }),
    fc.constantFrom('[', '[[', ']]', '{"a":', '"', '[[EMAIL_ADDRESS_', '\\', '—', '[[EMAIL_ADDRESS_bcdfghjkmn]]'),
  );

  it('bring back every text, the masked one holding no value, whatever stands around it and wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(filler, value), { minLength: 1, maxLength: 6 }),
        filler,
        fc.array(fc.nat(400), { maxLength: 8 }),
        (pairs, end, cuts) => {
          const text = pairs.map(([before, each]) => before + each).join('') + end;
          fc.pre(text.isWellFormed());
          const map = newMap();
          const findings: Finding[] = [];
          let at = 0;
          for (const [before, each] of pairs) {
            findings.push(finding('/messages/0/content', at + before.length, at + before.length + each.length));
            at += before.length + each.length;
          }
          const masked = createMasker(map).mask(document(chat(text)), findings);
          // What happens to read as JSON is masked leaf by leaf, and may not be maskable at all.
          fc.pre(masked.kind === 'masked' && !/^\s*[[{]/.test(text));
          const out = contentOf(JSON.parse((masked as { source: string }).source));
          // What the text around says by itself is no value of ours.
          const around = pairs.map(([before]) => before).join('\u0001') + end;
          const values = pairs.map(([, each]) => each).filter((each) => each.length > 6 && !tokenPattern().test(each));
          const left = out.replaceAll(tokenPattern(), '\u0001');
          expect(values.filter((each) => left.includes(each) && !around.includes(each))).toEqual([]);
          expect(restoreText(out, map)).toBe(text);
          const restorer = createRestorer(map);
          const edges = [0, ...cuts.map((cut) => Math.min(cut, out.length)).toSorted((a, b) => a - b), out.length];
          let streamed = '';
          for (let index = 1; index < edges.length; index++)
            streamed += restorer.push('s', out.slice(edges[index - 1], edges[index]), 'text');
          expect(streamed + restorer.flush('s')).toBe(text);
          // The client replays what it was given: masked again, the same way.
          expect(createMasker(map).mask(document(chat(text)), findings)).toEqual(masked);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('bring back tool arguments as JSON of the same value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(value, fc.integer(), fc.array(value))),
        value,
        (given, planted) => {
          fc.pre(planted.isWellFormed() && JSON.stringify(given).isWellFormed());
          const map = newMap();
          const text = JSON.stringify({ ...given, planted: `x${planted}y` });
          const body = document({
            messages: [{ role: 'assistant', tool_calls: [{ id: 'i', function: { name: 'f', arguments: text } }] }],
          });
          const masked = createMasker(map).mask(body, [
            finding('/messages/0/tool_calls/0/function/arguments#/planted', 1, planted.length + 1),
          ]);
          expect(masked.kind).toBe('masked');
          const root = JSON.parse((masked as { source: string }).source) as {
            messages: { tool_calls: { function: { arguments: string } }[] }[];
          };
          const out = root.messages[0]!.tool_calls[0]!.function.arguments;
          expect((JSON.parse(out) as { planted: string }).planted).toMatch(/^x\[\[.{1,40}\]\]y$/s);
          expect(JSON.parse(restoreText(out, map, 'json'))).toEqual(JSON.parse(text));
        },
      ),
    );
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

import { describe, expect, it } from 'vitest';
import type { ReplyEvent } from '../../../router/chat.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import { restoreEvents } from '../../../router/masking/restore-events.ts';
import type { MaskMap } from '../../../router/masking/store.ts';
import { newMap } from './findings.ts';

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

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WIRE_WORDS } from '../../../router/protocols/segments.ts';
import { document, read, user, said } from './chat-bodies.ts';

describe('segments', () => {
  it('hold every string, unusual key and number, wherever it is', () => {
    const found = said({
      model: 'm',
      user: 'U',
      metadata: { Kkey: 'V' },
      odd: [['deep', 4111]],
      tools: [
        {
          type: 'function',
          function: {
            name: 'T',
            description: 'D',
            parameters: {
              type: 'object',
              properties: { Pkey: { type: 'string', description: 'E', enum: ['F'], default: 7 } },
            },
          },
        },
      ],
      response_format: { type: 'json_schema', json_schema: { name: 'R', schema: { title: 'S' } } },
      messages: [{ role: 'user', name: 'N', content: 'C', extra: { X: 'Y' } }],
    });
    for (const text of [
      'm',
      'U',
      'V',
      'deep',
      '4111',
      'T',
      'D',
      'E',
      'F',
      '7',
      'R',
      'S',
      'N',
      'C',
      'Y',
      'Kkey',
      'Pkey',
      'X',
      'odd',
      'extra',
    ])
      expect([text, found.filter((each) => each.endsWith(` ${text}`)).length]).toEqual([text, 1]);
    expect(found.some((each) => /^key \S+ \S+ (?:role|content|type|properties)$/.test(each))).toBe(false);
    expect(found).toContain('text user /messages/0/content C');
    expect(found).toContain('number meta /odd/0/1 4111');
    expect(found).toContain('key user /messages/0/extra/X X');
  });

  it('never leave a string leaf out, whatever the body', () => {
    expect.hasAssertions();
    const value = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(value, value, fc.string(), (extra, inMessage, text) => {
        const given = { messages: [{ role: 'user', content: text, extra: inMessage }], extra };
        const body = document(given);
        const known = new Set(
          read(given).segments.map((segment) => `${segment.form === 'key' ? 'key' : 'value'} ${segment.text}`),
        );
        const missing = body.leaves
          .filter(
            (leaf) =>
              !(WIRE_WORDS.has(leaf.text) && (leaf.kind === 'key' || leaf.key === 'type' || leaf.key === 'role')),
          )
          .filter((leaf) => leaf.text !== '' && !known.has(`${leaf.kind === 'key' ? 'key' : 'value'} ${leaf.text}`));
        expect(missing).toEqual([]);
      }),
    );
  });

  it('read on through parts and messages as one flow, and other strings do not', () => {
    const { segments } = read({
      user: 'U',
      messages: [
        user([{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }, 'c']),
        { role: 'assistant', content: 'd', reasoning_content: 'e' },
        user('f'),
      ],
    });
    expect(
      segments
        .filter((segment) => segment.flow === 0)
        .map((segment) => segment.text)
        .join(''),
    ).toBe('abcdef');
    expect(segments.find((segment) => segment.text === 'U')?.flow).toBe(-1);
  });

  it('join strings of one array with each other only', () => {
    const { segments } = read({ a: ['1', '2'], b: ['3'], messages: [user('x')] });
    const flow = (text: string) => segments.find((segment) => segment.text === text)?.flow;
    expect(flow('1')).toBe(flow('2'));
    expect(flow('1')).not.toBe(flow('3'));
    expect(flow('1')).toBeGreaterThan(0);
  });

  it('carry the nearest key as hint', () => {
    const { segments } = read({ messages: [user('x')], metadata: { ssn: '1', list: ['2'] } });
    expect(segments.filter((segment) => /^[12]$/.test(segment.text)).map((segment) => segment.hint)).toEqual([
      'ssn',
      'list',
    ]);
  });

  it('open tool-call arguments and any other JSON in a string, also nested', () => {
    const inner = JSON.stringify({ q: JSON.stringify({ deep: 'D\u00e9' }), n: 5, list: ['L'] }).replace('D', '\\u0044');
    const found = said({
      messages: [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'i', type: 'function', function: { name: 'f', arguments: inner } }],
        },
        { role: 'tool', content: ' [{"Rkey":"R"}] ' },
      ],
    });
    const at = '/messages/0/tool_calls/0/function/arguments';
    expect(found).toContain(`text assistant ${at} ${inner}`);
    expect(found).toContain(`arguments assistant ${at}#/n 5`);
    expect(found).toContain(`arguments assistant ${at}#/list/0 L`);
    expect(found).toContain(`arguments assistant ${at}#/q#/deep Dé`);
    expect(found).toContain('arguments tool /messages/1/content#/0/Rkey R');
    expect(found).toContain('arguments tool /messages/1/content#/0/Rkey Rkey');
  });

  it('read both values of a duplicate key in arguments', () => {
    const found = said({
      messages: [{ role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '{"a":"one","a":"two"}' } }] }],
    });
    expect(found.filter((each) => / (?:one|two)$/.test(each))).toHaveLength(2);
  });

  it.each([
    ['nested too deep', `${'['.repeat(200)}${']'.repeat(200)}`],
    ['wrapped in strings too often', Array.from({ length: 6 }).reduce<string>((text) => JSON.stringify([text]), '[1]')],
  ])('leave a gap where JSON in a string is %s', (_name, content) => {
    expect(read({ messages: [user(content)] }).gaps).toContainEqual(expect.objectContaining({ cause: 'over-budget' }));
  });
});

describe('parts nobody can read', () => {
  const image = (url: unknown) => ({ type: 'image_url', image_url: { url } });
  const base64 = (text: string | Buffer) => Buffer.from(text as string).toString('base64');
  it.each<[string, unknown]>([
    ['an image by address', image('https://example.com/x.png')],
    ['an image in the body', image(`data:image/png;base64,${base64('x')}`)],
    ['audio', { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }],
    ['a file by id', { type: 'file', file: { file_id: 'file-1' } }],
    [
      'a PDF',
      { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${base64('%PDF')}` } },
    ],
    ['a file that is bare base64', { type: 'file', file: { file_data: base64('text') } }],
    ['a type nobody knows', { type: 'video', video: 'x' }],
    ['a type named like a method', { type: 'constructor' }],
    ['an image without its holder', { type: 'image_url', image_url: 'data:image/png;base64,AA' }],
    ['text that is not UTF-8', image(`data:text/plain;base64,${base64(Buffer.from([0xff, 0xfe, 0x41]))}`)],
    ['text that is UTF-16 in truth', image(`data:text/plain;base64,${base64(Buffer.from('secret', 'utf16le'))}`)],
    ['text in another charset', image(`data:text/plain;charset=utf-7;base64,${base64('x')}`)],
    ['base64 with a foreign character', image('data:text/plain;base64,QUJD!QUJD')],
    ['base64 named in the middle', image('data:text/plain;base64;x=y,QUJD')],
    ['a broken percent escape', image('data:text/plain,%zz')],
  ])('%s is a gap', (_name, part) => {
    const { gaps } = read({ messages: [user([{ type: 'text', text: 'look' }, part])] });
    expect(gaps).toEqual([
      { classifier: 'openai-chat', cause: 'unsupported-content', pointer: '/messages/0/content/1' },
    ]);
  });

  it.each<[string, string]>([
    ['text/plain', `data:text/plain;base64,${base64('SECRET')}`],
    ['CSV with a charset', `data:text/csv;charset=utf-8;base64,${base64('SECRET')}`],
    ['JSON', `data:application/json;base64,${base64('SECRET')}`],
    ['no type at all', 'data:,SECRET'],
    ['percent-encoded', 'data:text/plain,%53ECRET'],
    ['in capitals', `DATA:TEXT/PLAIN;BASE64,${base64('SECRET')}`],
    ['in a parameter of the URL itself', `data:text/plain;name=SECRET;base64,${base64('x')}`],
  ])('but text in a data URL is read: %s', (_name, url) => {
    const { gaps, segments } = read({ messages: [user([image(url)])] });
    expect(gaps).toEqual([]);
    expect(
      segments.filter((segment) => segment.form === 'file').map((segment) => [segment.pointer, segment.role]),
    ).toEqual([['/messages/0/content/0/image_url/url', 'user']]);
    expect(segments.find((segment) => segment.form === 'file')?.text).toContain('SECRET');
  });

  it('and a key that spells the path of an image hides nothing', () => {
    const found = said({
      messages: [
        {
          role: 'user',
          'content/0/image_url': { url: 'SECRET' },
          content: [image(`data:text/plain;base64,${base64('x')}`)],
        },
      ],
    });
    expect(found.some((each) => each.endsWith(' SECRET'))).toBe(true);
  });

  it('and audio kept at the provider is a gap', () => {
    expect(read({ messages: [{ role: 'assistant', audio: { id: 'a' } }, user('x')] }).gaps).toHaveLength(1);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseRow } from '../../../router/evaluation/row.ts';
import { readRows } from '../../../router/evaluation/rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-rows-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
function fileOf(content: string | Buffer): string {
  const path = join(folder, `${(files += 1)}.jsonl`);
  writeFileSync(path, content);
  return path;
}
async function readAll(path: string, options: { readonly maxLineBytes?: number } = {}) {
  const all = [];
  for await (const each of readRows(path, options)) all.push(each);
  return all;
}

const SECRET = 'tell-nobody-41';

describe('parseRow', () => {
  it.each([
    ['no JSON', `{"text":"${SECRET}`, 'not JSON'],
    ['an array', `["${SECRET}"]`, 'not a JSON object'],
    ['no text', `{"label":"safe"}`, 'needs exactly one of text, messages, request'],
    ['text and messages', `{"text":"${SECRET}","messages":[]}`, 'needs exactly one of text, messages, request'],
    ['a text that is none', `{"text":5}`, 'text: must be a string'],
    ['a request that is none', `{"request":"${SECRET}"}`, 'request: must be an object'],
    ['an unknown label', `{"text":"x","label":"${SECRET}"}`, /^label: must be one of sensitive, safe/],
    ['a label that is no string', `{"text":"x","label":1}`, /^label: must be one of/],
    ['a span beyond the text', `{"text":"abc","spans":[{"start":0,"end":4,"type":"A"}]}`, 'spans[0]: is out of range'],
    ['an empty span', `{"text":"abc","spans":[{"start":1,"end":1,"type":"A"}]}`, 'spans[0]: is out of range'],
    ['a span without type', `{"text":"abc","spans":[{"start":0,"end":1}]}`, 'spans[0]: needs a type'],
    [
      'a span in half characters',
      `{"text":"abc","spans":[{"start":0.5,"end":1,"type":"A"}]}`,
      /^spans\[0\]: needs whole/,
    ],
    [
      'a span of messages without a pointer',
      `{"messages":[],"spans":[{"start":0,"end":1,"type":"A"}]}`,
      'spans[0]: needs a pointer: the row is no plain text',
    ],
  ])('refuses %s, naming the field and no text', (_, source, message) => {
    const parsed = parseRow(source, 7);
    expect(parsed).toMatchObject({ kind: 'problem', line: 7 });
    if (parsed.kind === 'problem') {
      expect(parsed.message).toMatch(message);
      expect(parsed.message).not.toContain(SECRET);
    }
  });

  it('makes a chat request of a text, with its spans in it', () => {
    expect(parseRow('{"id":3,"text":"a b","label":"safe","spans":[{"start":2,"end":3,"entity":"X"}]}', 1)).toEqual({
      kind: 'row',
      row: {
        line: 1,
        id: '3',
        source: '',
        label: 'safe',
        spans: [{ pointer: '/messages/0/content', start: 2, end: 3, type: 'X' }],
        request: '{"model":"auto","messages":[{"role":"user","content":"a b"}]}',
      },
    });
  });

  it('tells nobody looked from nothing there', () => {
    const spansOf = (source: string) => {
      const parsed = parseRow(source, 1);
      return parsed.kind === 'row' ? parsed.row.spans : 'problem';
    };
    expect(spansOf('{"text":"x"}')).toBeUndefined();
    expect(spansOf('{"text":"x","spans":[]}')).toEqual([]);
  });
});

describe('readRows', () => {
  it('reads rows at any chunk boundary, with and without a last newline, past empty lines and a byte order mark', async () => {
    const long = JSON.stringify({ id: 'long', text: 'ü'.repeat(100_000) });
    const path = fileOf(`\ufeff{"id":"a","text":"x"}\r\n\n${long}\n{"id":"c","text":"z"}`);
    const rows = await readAll(path);
    expect(rows.map((each) => (each.kind === 'row' ? [each.row.line, each.row.id] : each))).toEqual([
      [1, 'a'],
      [3, 'long'],
      [4, 'c'],
    ]);
  });

  it.each([
    [
      'bytes that are no UTF-8',
      Buffer.from([...Buffer.from('{"text":"x"}\n{"text":"'), 0xff, 0x22, 0x7d, 0x0a]),
      2,
      'not UTF-8',
    ],
    ['a line without end', `{"text":"x"}\n{"text":"${'y'.repeat(300_000)}`, 2, 'longer than 1000 bytes'],
  ])('ends at %s, naming the line', async (_, content, line, message) => {
    const rows = await readAll(fileOf(content), { maxLineBytes: 1000 });
    expect(rows.at(-1)).toMatchObject({ kind: 'problem', line, message });
    expect(rows).toHaveLength(2);
  });

  it('says why a file cannot be read', async () => {
    expect(await readAll(join(folder, 'none.jsonl'))).toMatchObject([{ kind: 'problem', message: /ENOENT/ }]);
  });
});

/** What comes over the wire: bodies, streams, placeholders. */
import assert from 'node:assert/strict';
import { parseJson } from '../../../router/json/parse.ts';
import { pointerOf } from '../../../router/json/document.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import { createMaskStore } from '../../../router/masking/store.ts';
import { readDataUrl } from '../../../router/protocols/data-url.ts';
import { SseDecoder } from '../../../router/sse.ts';
import { readLines } from '../../../router/upstreams/ollama-lines.ts';
import type { FuzzTarget } from '../fuzzer.ts';

const LIMITS = { maxDepth: 24, maxLeaves: 5_000 };
const JSON_TOKENS = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"a":',
  '"__proto__":',
  'null',
  'true',
  'false',
  '1',
  '-0',
  '1e5',
  '1E+309',
  '"\\u0061"',
  '"\\ud83d\\ude00"',
  '"\\ud800"',
  '\\',
  '"',
  '\ufeff',
  ' ',
];

/** The strict parser against JSON.parse: what it takes JSON.parse takes and means the same, with no key twice; it never takes what JSON.parse refuses. */
const strictJson: FuzzTarget = {
  name: 'json',
  seeds: [
    '{"a":[1,2.5e3,{"b":"c"}],"d":null,"e":"\\u00e9\\n"}',
    '{"x":{"x":{"x":[]}}}',
    '{"tools":[{"function":{"arguments":"{\\"a\\":1}"}}]}',
    '{}',
    '[1]',
  ],
  tokens: JSON_TOKENS,
  check(input) {
    const bytes = Buffer.from(input);
    const parsed = parseJson(bytes, LIMITS);
    let value: unknown;
    let valid = true;
    try {
      value = JSON.parse(bytes.toString());
    } catch {
      valid = false;
    }
    if (parsed.kind === 'problem') return;
    assert.ok(valid, 'took what JSON.parse refuses');
    const pointers = new Set<string>();
    for (const leaf of parsed.document.leaves) {
      // A key shares the pointer of its value.
      const pointer = `${leaf.kind === 'key' ? 'key ' : ''}${pointerOf(leaf)}`;
      assert.ok(!pointers.has(pointer), 'one pointer twice');
      pointers.add(pointer);
    }
    assert.deepEqual(JSON.parse(parsed.document.source), value);
  },
};

const sse: FuzzTarget = {
  name: 'sse',
  bytes: true,
  seeds: [
    'data: {"a":1}\n\ndata: [DONE]\n\n',
    ': hi\r\nevent: x\r\ndata: a\r\ndata: b\r\n\r\n',
    'data\n\n',
    'id: 1\nretry: 5\ndata:x\n\n',
  ],
  tokens: [
    'data:',
    'data: ',
    'event: ',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    ':',
    '[DONE]',
    '\xc3\xa9',
    '\xc3',
    '\xf0\x9f\x98\x80',
  ],
  check(input, random) {
    const bytes = Buffer.from(input, 'latin1');
    assert.deepEqual(decodeSse(random.split(bytes)), decodeSse([bytes]));
  },
};

/** Events up to the first bad byte; a cut may show them before it fails or not, the failure itself must not depend on it. */
function decodeSse(pieces: readonly Buffer[]): unknown {
  const decoder = new SseDecoder(2_000);
  const events: unknown[] = [];
  for (const piece of pieces) {
    const step = decoder.push(piece);
    if (step === 'malformed') return 'malformed';
    events.push(...step);
  }
  return decoder.push(Buffer.alloc(0)) === 'malformed' ? 'malformed' : { events, pending: decoder.pending };
}

const ndjson: FuzzTarget = {
  name: 'ndjson',
  bytes: true,
  seeds: ['{"a":1}\n{"b":2}\n', '\n\n{"done":true}', '{"é":1}\r\n'],
  tokens: ['\n', '\r\n', '{"done":true}', '\xc3\xa9', '\xc3', ' '],
  async check(input, random) {
    const bytes = Buffer.from(input, 'latin1');
    assert.deepEqual(await linesOf(random.split(bytes)), await linesOf([bytes]));
  },
};

async function linesOf(pieces: readonly Buffer[]): Promise<unknown> {
  const lines: unknown[] = [];
  for await (const line of readLines(ReadableOf(pieces))) lines.push(line);
  return lines;
}
async function* ReadableOf(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield piece;
}

const store = createMaskStore(Buffer.alloc(32, 1));
const map = store.open('p', 'fuzz');
const VALUES = ['jane@corp.example', 'a "quoted" \\ value', '4539 5787 6362 1486', 'line\nbreak'];
const TOKENS = VALUES.map(
  (value, index) => map.tokenFor(value, ['EMAIL_ADDRESS', 'PERSON', 'CREDIT_CARD', 'X'][index]!) ?? '',
);

/** Placeholders restored alike for every split, in text and in JSON, and JSON stays JSON. */
const placeholders: FuzzTarget = {
  name: 'placeholders',
  seeds: [
    `see ${TOKENS[0]} and ${TOKENS[1]}`,
    `{"to":"${TOKENS[1]}","n":[1,"${TOKENS[2]}"]}`,
    '[[PERSON_bcdfghjkmn]]',
    `{"a":"{\\"b\\":\\"${TOKENS[1]}\\"}"}`,
  ],
  tokens: [...TOKENS, '[[', ']]', '[', ']', '\\_', '_', '[[EMAIL_ADDRESS_', '"', '\\', '{"a":"', '"}'],
  check(input, random) {
    for (const channel of ['text', 'json'] as const) {
      const whole = restore([input], channel);
      const pieces: string[] = [];
      for (let at = 0; at < input.length;) {
        const size = random.below(5);
        pieces.push(input.slice(at, at + size));
        at += size;
      }
      assert.equal(restore(pieces, channel), whole);
      if (channel === 'json' && isJson(input)) assert.ok(isJson(whole), 'JSON is JSON no more');
      if (!/\[\[/.test(input)) assert.equal(whole, input);
    }
  },
};

function restore(pieces: readonly string[], channel: 'text' | 'json'): string {
  const restorer = createRestorer(map);
  return pieces.map((piece) => restorer.push('s', piece, channel)).join('') + restorer.flush('s');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const dataUrl: FuzzTarget = {
  name: 'data-url',
  seeds: [
    'data:text/plain;base64,aGVsbG8=',
    'data:,hello%20there',
    'data:text/plain;charset=utf-8,x',
    'https://x.example/a.png',
  ],
  tokens: ['data:', ';base64', ',', '%', '%00', 'charset=', 'image/png', '=', '=='],
  check(input) {
    readDataUrl(input);
  },
};

export const WIRE: readonly FuzzTarget[] = [strictJson, sse, ndjson, placeholders, dataUrl];

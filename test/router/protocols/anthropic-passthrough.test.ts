import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRestorer } from '../../../router/masking/restore.ts';
import { createMaskStore } from '../../../router/masking/store.ts';
import { createAnthropicGuard } from '../../../router/protocols/anthropic-passthrough.ts';
import type { GuardOptions } from '../../../router/protocols/protocol.ts';
import { SseDecoder } from '../../../router/sse.ts';
import { type FakeMessage, messageEvents, toMessage } from '../../helpers/fake-anthropic.ts';

const ERROR = '{"type":"error","error":{"type":"api_error"}}';
const SIGNATURE = 'c2lnbmVkIGJ5IHRoZSB1cHN0cmVhbSBpdHNlbGY=';

const VALUES = ['ann@x.org', 'say "hi"\n', 'C:\\new', '😀', '</b>'];
const map = createMaskStore(Buffer.alloc(32, 2)).open('p', 'c');
const TOKENS = VALUES.map((value) => map.tokenFor(value, 'NOTE')!);
const FOREIGN = '[[NOTE_bcdfghjkmn]]';
const expected = (text: string): string =>
  TOKENS.reduce((rest, token, index) => rest.replaceAll(token, () => VALUES[index]!), text);

function run(bytes: Buffer, cuts: readonly number[], options: Partial<GuardOptions> = {}) {
  const notes: [string, string][] = [];
  const guard = createAnthropicGuard({
    includeUsage: true,
    note: (seal, said) => void notes.push([seal, said]),
    ...options,
  });
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  let out = Buffer.alloc(0);
  for (let index = 1; index < edges.length; index++) {
    const passed = guard.push(bytes.subarray(edges[index - 1], edges[index]));
    if (passed === 'overflow') throw new Error('overflow');
    out = Buffer.concat([out, passed]);
  }
  const end = guard.finish(ERROR);
  return { out: out.toString() + end.append, notes, ...end };
}

type Event = Readonly<Record<string, never>> & { readonly type: string };
function eventsIn(text: string): readonly Event[] {
  const decoder = new SseDecoder();
  const events = decoder.push(Buffer.from(text));
  if (events === 'malformed' || decoder.pending) throw new Error('no whole events');
  return events.map(({ event, data }) => {
    const read = JSON.parse(data) as Event;
    expect(event).toBe(read.type);
    return read;
  });
}

/** What a client puts together, block by block; a delta for a block that is not open is a fault. */
function assemble(text: string): readonly Record<string, unknown>[] {
  const blocks: Record<string, unknown>[] = [];
  const open = new Set<number>();
  for (const event of eventsIn(text) as readonly (Event & Record<string, never>)[]) {
    const index = Number(event['index']);
    if (event.type === 'content_block_start') {
      blocks[index] = { ...(event['content_block'] as unknown as object), json: '' };
      open.add(index);
    }
    if (event.type === 'content_block_stop') open.delete(index);
    if (event.type !== 'content_block_delta') continue;
    if (!open.has(index)) throw new Error('a delta outside its block');
    const block = blocks[index]!;
    const delta = event['delta'] as unknown as Record<string, string>;
    if (delta['type'] === 'text_delta') block['text'] = `${String(block['text'])}${delta['text']}`;
    if (delta['type'] === 'thinking_delta') {
      if (block['signature'] !== '') throw new Error('thinking after its signature');
      block['thinking'] = `${String(block['thinking'])}${delta['thinking']}`;
    }
    if (delta['type'] === 'signature_delta') block['signature'] = delta['signature'];
    if (delta['type'] === 'input_json_delta') block['json'] = `${String(block['json'])}${delta['partial_json']}`;
    if (delta['type'] === 'citations_delta')
      block['citations'] = [...((block['citations'] as unknown[]) ?? []), delta['citation']];
  }
  return blocks;
}

const piece = fc.oneof(
  fc.constantFrom(...TOKENS),
  fc.constantFrom('a ', '[', '[[', ']]', '—', '"', '\\', FOREIGN, TOKENS[0]!.slice(0, 9), '[[NOTE_'),
  fc.string({ maxLength: 4 }).map((text) => text.toWellFormed()),
);
const said = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));

describe('a masked reply on its way through', () => {
  it('is restored in text, thinking, tool input and citations, however it is cut, and signed words are noted as they were signed', () => {
    fc.assert(
      // An argument that begins like JSON may be JSON in a string, and is escaped as one.
      fc.property(
        said,
        said,
        said.map((text) => `x${text}`),
        fc.array(fc.nat(10_000), { maxLength: 12 }),
        (text, thinking, argument, cuts) => {
          const reply: FakeMessage = {
            thinking: { text: thinking, signature: SIGNATURE },
            text,
            toolCalls: [{ name: 'f', input: { argument, list: [argument] } }],
            citations: [{ type: 'char_location', cited_text: argument, document_index: 0 }],
          };
          const bytes = Buffer.from([...messageEvents(reply, 'm')].join(''));
          const heard: string[] = [];
          const { out, complete, notes, usage } = run(bytes, cuts, {
            restorer: createRestorer(map),
            heard: { text: (words) => void heard.push(words), call: (id) => void heard.push(`<${id}>`) },
          });
          expect(complete).toBe(true);
          const [thought, talk, call] = assemble(out);
          expect(thought).toMatchObject({ thinking: expected(thinking), signature: SIGNATURE });
          expect(talk).toMatchObject({ text: expected(text), citations: [{ cited_text: expected(argument) }] });
          expect(JSON.parse(String(call?.['json']))).toEqual({
            argument: expected(argument),
            list: [expected(argument)],
          });
          expect(notes).toEqual([[SIGNATURE, thinking]]);
          expect(heard.join('')).toBe(`${expected(text)}<toolu_fake0>`);
          expect(eventsIn(out).at(-1)?.type).toBe('message_stop');
          expect(usage).toEqual({ inputTokens: 12, outputTokens: 7, cachedInputTokens: 0, reasoningTokens: 0 });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is restored the same cut at every single byte, and at all of them', () => {
    const reply: FakeMessage = {
      thinking: { text: `see ${TOKENS[0]}[[`, signature: SIGNATURE },
      text: `to ${TOKENS[0]}, ${FOREIGN} and ${TOKENS[3]}[`,
      toolCalls: [{ name: 'f', input: { a: TOKENS[1] } }],
    };
    const bytes = Buffer.from([...messageEvents(reply, 'm')].join(''));
    const whole = run(bytes, [], { restorer: createRestorer(map) }).out;
    for (let cut = 0; cut < bytes.length; cut++)
      expect(run(bytes, [cut], { restorer: createRestorer(map) }).out).toBe(whole);
    const every = Array.from({ length: bytes.length }, (_, index) => index);
    expect(run(bytes, every, { restorer: createRestorer(map) }).out).toBe(whole);
  });

  it('is restored in one body, and structured output stays JSON', () => {
    const json = JSON.stringify({ who: TOKENS[1] });
    const reply: FakeMessage = {
      thinking: { text: TOKENS[0]!, signature: SIGNATURE },
      text: json,
      toolCalls: [{ name: 'f', input: { a: TOKENS[1] } }],
    };
    const notes: [string, string][] = [];
    const guard = createAnthropicGuard({
      includeUsage: true,
      restorer: createRestorer(map),
      text: 'json',
      note: (seal, words) => void notes.push([seal, words]),
    });
    const read = guard.whole?.(Buffer.from(JSON.stringify(toMessage(reply, 'm'))));
    if (read === undefined || read === 'malformed') throw new Error('no body');
    const message = JSON.parse(read.body.toString()) as { content: Record<string, never>[] };
    expect(message.content[0]).toMatchObject({ thinking: VALUES[0] });
    expect(JSON.parse(message.content[1]!['text']!)).toEqual({ who: VALUES[1] });
    expect(message.content[2]!['input']).toEqual({ a: VALUES[1] });
    expect(notes).toEqual([[SIGNATURE, TOKENS[0]]]);
  });

  it('gives what was held back before an error, of the upstream or of ours', () => {
    const events = [...messageEvents({ text: 'to [[NOTE_' }, 'm')];
    const stop = events.findIndex((event) => event.includes('content_block_stop'));
    const begun = events.slice(0, stop).join('');
    const own = run(Buffer.from(begun), [], { restorer: createRestorer(map) });
    expect(own.complete).toBe(false);
    expect(assemble(own.out)[0]).toMatchObject({ text: 'to [[NOTE_' });
    expect(own.out.endsWith(`event: error\ndata: ${ERROR}\n\n`)).toBe(true);
    const theirs = run(
      Buffer.from(`${begun}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}\n\n`),
      [],
      { restorer: createRestorer(map) },
    );
    expect(theirs.complete).toBe(false);
    expect(assemble(theirs.out)[0]).toMatchObject({ text: 'to [[NOTE_' });
    expect(eventsIn(theirs.out).filter((event) => event.type === 'error')).toHaveLength(1);
    // Its type is kept, and its words are not.
    const raw = run(
      Buffer.from(
        `${begun}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"said ${VALUES[0]}"}}\n\n`,
      ),
      [],
    );
    expect(raw.out).toMatch(/event: error\ndata: [^\n]*overloaded_error[^\n]*\n\n$/);
    expect(raw.out).not.toContain(VALUES[0]);
  });
});

describe('a reply in which nothing was masked', () => {
  const reply: FakeMessage = {
    thinking: { text: 'hm', signature: SIGNATURE },
    redacted: `${SIGNATURE}${SIGNATURE}`,
    blocks: [
      {
        type: 'web_search_tool_result',
        tool_use_id: 's',
        content: [{ type: 'web_search_result', title: 't', url: 'u', encrypted_content: `E${SIGNATURE}` }],
      },
    ],
    text: 'é quoted {"type":"message_stop"} and "stop_reason":"end_turn" ',
    toolCalls: [{ name: 'f', input: { a: 1 } }],
  };
  const bytes = Buffer.from([...messageEvents(reply, 'm')].join(''));

  it('passes as the very bytes that came, at every cut, and its blobs are noted', () => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { out, complete, notes } = run(bytes, [cut]);
      expect(out).toBe(bytes.toString());
      expect(complete).toBe(true);
      expect(notes).toEqual([
        [SIGNATURE, 'hm'],
        [`${SIGNATURE}${SIGNATURE}`, ''],
        [`E${SIGNATURE}`, ''],
      ]);
    }
    const crlf = Buffer.from(bytes.toString().replaceAll('\n', '\r\n'));
    for (let cut = 0; cut <= crlf.length; cut += 3)
      expect(run(crlf, [cut])).toMatchObject({ out: crlf.toString(), complete: true });
  });

  it('ends in an error wherever it is broken off', () => {
    const end = bytes.length - 'event: message_stop\ndata: {"type":"message_stop"}\n\n'.length;
    for (let length = 0; length <= end + 10; length += 7) {
      const { out, complete } = run(bytes.subarray(0, length), []);
      expect(complete).toBe(false);
      expect(out.endsWith(`event: error\ndata: ${ERROR}\n\n`)).toBe(true);
      expect(eventsIn(out).some((event) => event.type === 'message_stop')).toBe(false);
    }
  });

  it('is not whole with a terminator that no stop reason came before', () => {
    const events = [...messageEvents({ text: 'hi' }, 'm')];
    const { out, complete } = run(Buffer.from([...events.slice(0, -2), events.at(-1)].join('')), []);
    expect(complete).toBe(false);
    expect(eventsIn(out).map((event) => event.type)).not.toContain('message_stop');
  });

  it('passes nothing on after its end', () => {
    const { out } = run(Buffer.concat([bytes, bytes]), [bytes.length]);
    expect(out).toBe(bytes.toString());
  });

  it.each(['', '{', '[]', '{"content":[]}', '{"content":[],"stop_reason":null}', '{"stop_reason":"end_turn"}'])(
    'is no whole body: %s',
    (body) => {
      expect(createAnthropicGuard({ includeUsage: true, note: () => {} }).whole?.(Buffer.from(body))).toBe('malformed');
    },
  );
});

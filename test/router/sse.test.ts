import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseDecoder, type ServerSentEvent } from '../../router/sse.ts';

function decode(text: string | Uint8Array, ...cuts: number[]): ServerSentEvent[] {
  const bytes = Buffer.from(text as string);
  const decoder = new SseDecoder();
  const events: ServerSentEvent[] = [];
  const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  for (let index = 1; index < edges.length; index++) {
    const found = decoder.push(bytes.subarray(edges[index - 1], edges[index]));
    if (found === 'malformed') throw new Error('malformed');
    events.push(...found);
  }
  return events;
}

describe('SseDecoder', () => {
  it.each<[string, string, readonly string[]]>([
    ['one event', 'data: a\n\n', ['a']],
    ['no space after the colon', 'data:a\n\n', ['a']],
    ['only one space is taken', 'data:  a\n\n', [' a']],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
    ['CR alone', 'data: a\r\rdata: b\r\r', ['a', 'b']],
    ['mixed line ends', 'data: a\r\n\ndata: b\n\r\n', ['a', 'b']],
    ['several data lines', 'data: a\ndata: b\n\n', ['a\nb']],
    ['an empty data line', 'data:\n\n', ['']],
    ['a field without a colon', 'data\n\n', ['']],
    ['comments', ': keep-alive\n\ndata: a\n: x\n\n', ['a']],
    ['other fields', 'id: 1\nretry: 5\nwhat: x\ndata: a\n\n', ['a']],
    ['an unfinished event', 'data: a\n\ndata: b\n', ['a']],
    ['blank lines only', '\n\n\n', []],
    ['a byte order mark', '\ufeffdata: a\n\n', ['a']],
    ['characters of four bytes', 'data: 😀—é\n\n', ['😀—é']],
    ['line separators of Unicode are no line ends', 'data: a\u2028b\u0085c\n\n', ['a\u2028b\u0085c']],
  ])('reads %s, whole and cut at every byte', (_name, text, data) => {
    const length = Buffer.byteLength(text);
    expect(decode(text).map((event) => event.data)).toEqual(data);
    for (let at = 0; at <= length; at++) expect(decode(text, at).map((event) => event.data)).toEqual(data);
    expect(decode(text, ...Array.from({ length }, (_, index) => index)).map((event) => event.data)).toEqual(data);
  });

  it('reads event names, each for one event', () => {
    expect(decode('event: x\ndata: a\n\ndata: b\n\n')).toEqual([
      { event: 'x', data: 'a' },
      { event: '', data: 'b' },
    ]);
  });

  it('gives the same events for every split', () => {
    const piece = fc.constantFrom('data: ', 'data:é', ':', 'x', '\n', '\r', '\r\n', '\n\n', '😀', 'event: e');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(120), { maxLength: 6 }), (pieces, cuts) => {
        const text = pieces.join('');
        const length = Buffer.byteLength(text);
        expect(decode(text, ...cuts.map((cut) => Math.min(cut, length)))).toEqual(decode(text));
      }),
    );
  });

  it('refuses bad UTF-8 and stays refused', () => {
    const decoder = new SseDecoder();
    expect(decoder.push(Buffer.from([0x64, 0xff]))).toBe('malformed');
    expect(decoder.push(Buffer.from('data: a\n\n'))).toBe('malformed');
  });

  it.each([
    ['an endless line', 'data: xxxxxxxxxx'],
    ['endless data lines', 'data: x\ndata: xxxxxx\n'],
    ['an endless comment', ':xxxxxxxxxxxxxx'],
  ])('stops %s at the cap', (_name, text) => {
    const decoder = new SseDecoder(100);
    const all = Array.from({ length: 20 }, () => decoder.push(Buffer.from(text)));
    expect(all.at(-1)).toBe('malformed');
  });
});

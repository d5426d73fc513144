import { describe, expect, it } from 'vitest';
import { createPassthroughGuard, type PassthroughOptions } from '../../../router/protocols/openai-chat-passthrough.ts';

const chunk = (more: string): string =>
  `data: {"id":"c","choices":[{"index":0,"delta":{"content":"é[DONE]"},${more}}],"usage":null}\n\n`;
const TEXT = chunk('"finish_reason":null');
const STOP = chunk('"finish_reason":"stop"');
const USAGE =
  'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":1}}}\n\n';
const DONE = 'data: [DONE]\n\n';
const ERROR = '{"error":{"code":"upstream_truncated"}}';
const FAILED = `data: ${ERROR}\n\n${DONE}`;

function run(text: string, cuts: readonly number[] = [], options?: PassthroughOptions) {
  const bytes = Buffer.from(text);
  const guard = createPassthroughGuard(options);
  const edges = [0, ...cuts, bytes.length];
  let out = '';
  for (let index = 1; index < edges.length; index++) {
    const passed = guard.push(bytes.subarray(edges[index - 1], edges[index]));
    if (passed === 'overflow') return { out, complete: false, usage: undefined, overflow: true };
    out += passed.toString('latin1');
  }
  const end = guard.finish(ERROR);
  return {
    out: Buffer.from(out, 'latin1').toString() + end.append,
    complete: end.complete,
    usage: end.usage,
    overflow: false,
  };
}

describe('createPassthroughGuard()', () => {
  it.each<[string, string, string]>([
    ['a whole reply', TEXT + STOP + DONE, TEXT + STOP + DONE],
    [
      'a whole reply with CRLF',
      (TEXT + STOP + DONE).replaceAll('\n', '\r\n'),
      (TEXT + STOP + DONE).replaceAll('\n', '\r\n'),
    ],
    ['spaced JSON', TEXT + STOP.replaceAll('":"', '": "') + DONE, TEXT + STOP.replaceAll('":"', '": "') + DONE],
    ['comments', `: ping\n\n${TEXT}${STOP}: ping\n\n${DONE}`, `: ping\n\n${TEXT}${STOP}: ping\n\n${DONE}`],
    ['usage', TEXT + STOP + USAGE + DONE, TEXT + STOP + USAGE + DONE],
    ['no space before the terminator', `${TEXT}${STOP}data:[DONE]\n\n`, `${TEXT}${STOP}data:[DONE]\n\n`],
    ['a terminator without its blank line', TEXT + STOP + DONE.trimEnd(), TEXT + STOP + DONE],
  ])('passes %s, whole and cut at every byte', (_name, text, expected) => {
    const length = Buffer.byteLength(text);
    for (let at = 0; at <= length; at++) expect(run(text, [at])).toMatchObject({ out: expected, complete: true });
    expect(
      run(
        text,
        Array.from({ length }, (_, index) => index),
      ),
    ).toMatchObject({ out: expected, complete: true });
  });

  it.each<[string, string, string]>([
    ['nothing', '', FAILED],
    ['text only', TEXT, TEXT + FAILED],
    ['no terminator', TEXT + STOP, TEXT + STOP + FAILED],
    ['an end inside an event', `${TEXT}data: {"id":"c","cho`, TEXT + FAILED],
    ['an end inside the terminator', `${TEXT}${STOP}data: [DO`, TEXT + STOP + FAILED],
    ['a terminator without a finish reason', TEXT + DONE, TEXT + FAILED],
    [
      'a finish reason that the text only quotes',
      `data: {"choices":[{"delta":{"content":"\\"finish_reason\\":\\"stop\\""},"finish_reason":null}]}\n\n${DONE}`,
      `data: {"choices":[{"delta":{"content":"\\"finish_reason\\":\\"stop\\""},"finish_reason":null}]}\n\n${FAILED}`,
    ],
  ])('ends %s with an error and the terminator, at every split', (_name, text, expected) => {
    const length = Buffer.byteLength(text);
    for (let at = 0; at <= length; at++) expect(run(text, [at])).toMatchObject({ out: expected, complete: false });
  });

  it('passes nothing on after the terminator', () => {
    const guard = createPassthroughGuard();
    guard.push(Buffer.from(TEXT + STOP + DONE));
    expect(guard.push(Buffer.from(TEXT))).toHaveLength(0);
  });

  it('gives whole chunks on without copying them', () => {
    const bytes = Buffer.from(TEXT);
    expect(createPassthroughGuard().push(bytes)).toBe(bytes);
  });

  it('reads usage, and takes its chunk out where the client did not ask', () => {
    const usage = { inputTokens: 3, outputTokens: 4, cachedInputTokens: 1, reasoningTokens: 0 };
    const text = TEXT + STOP + USAGE + DONE;
    for (let at = 0; at <= Buffer.byteLength(text); at++) {
      expect(run(text, [at])).toMatchObject({ usage });
      expect(run(text, [at], { usageChunk: 'drop' })).toMatchObject({ usage, out: TEXT + STOP + DONE, complete: true });
    }
  });

  it('stops an event without end at the cap', () => {
    const guard = createPassthroughGuard();
    const block = Buffer.alloc(1024 * 1024, 0x61);
    const outcomes = Array.from({ length: 20 }, () => guard.push(block));
    expect(outcomes.at(-1)).toBe('overflow');
  });
});

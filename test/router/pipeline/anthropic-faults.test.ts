/** What a Messages client sees when its upstream fails, raw and masked, streamed and whole: the right ending, no words of the upstream, and never half an answer as a whole one. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FakeMessageFault } from '../../helpers/fake-anthropic.ts';
import { COMPLEX, startSluice, type TestSluice } from '../../helpers/sluice.ts';

/** One Sluice for all: the request says which fault it wants. */
let shared: TestSluice;
beforeAll(async () => {
  shared = await startSluice({
    config: 'policy: { onCloudFailure: error }',
    claude: { reply: ({ body }) => (/fault:([a-z0-9-]+)/.exec(body)?.[1] ?? 'reset') as FakeMessageFault },
    claudeMore: ', breaker: { failures: 0 }',
    claudeTimeoutMs: 400,
  });
});
afterAll(() => shared.close());
let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());

const MAIL = 'jane.roe@corp-mail.example';
/** Before any byte: status and type of the error. */
const BEFORE: readonly (readonly [FakeMessageFault, number, string])[] = [
  ['reset', 502, 'api_error'],
  ['close', 502, 'api_error'],
  ['hang-before-headers', 504, 'timeout_error'],
  ['unauthorized', 502, 'api_error'],
  ['model-not-found', 404, 'not_found_error'],
  ['prompt-too-long', 400, 'invalid_request_error'],
  ['overloaded', 429, 'rate_limit_error'],
  ['server-error', 502, 'api_error'],
  ['quotes-the-prompt', 400, 'invalid_request_error'],
  ['silent-200', 502, 'api_error'],
];
/** Inside a stream: how its error event names the failure. */
const INSIDE: readonly (readonly [FakeMessageFault, RegExp])[] = [
  ['truncated', /upstream_truncated/],
  ['reset-mid-stream', /upstream_truncated/],
  ['hang-mid-stream', /upstream_truncated/],
  ['no-terminator', /upstream_truncated/],
  ['no-stop-reason', /upstream_truncated/],
  ['error-mid-stream', /overloaded_error/],
];

const cases = [false, true].flatMap((stream) => [false, true].map((masked) => [stream, masked] as const));
let asked = 0;
async function ask(fault: FakeMessageFault, stream: boolean, masked: boolean): Promise<Response> {
  asked += 1;
  const content = `${COMPLEX} (${asked}, fault:${fault})${masked ? ` for ${MAIL}` : ''}`;
  const body = { model: 'auto', max_tokens: 9, stream, messages: [{ role: 'user', content }] };
  const before = shared.claude.requests.length;
  const response = await shared.ask(body, {}, '/v1/messages');
  expect(response.headers.get('x-sluice-route')).toBe(masked ? 'cloud-masked' : 'cloud');
  expect(shared.claude.requests.length - before).toBe(1);
  return response;
}

describe.each(cases)('an upstream that fails (stream: %s, masked: %s)', (stream, masked) => {
  it.each(BEFORE)('%s is %i %s', async (fault, status, type) => {
    const response = await ask(fault, stream, masked);
    const text = await response.text();
    expect([response.status, (JSON.parse(text) as { error: { type: string } }).error.type]).toEqual([status, type]);
    expect(text).not.toContain('algorithm');
    expect(text).not.toContain(MAIL);
  });

  it('a body cut short is an error', async () => {
    expect((await ask('body-too-short', false, masked)).status).toBe(502);
  });
});

describe.each([false, true])('a stream that breaks (masked: %s)', (masked) => {
  it.each(INSIDE)('%s ends in an error event and no message_stop', async (fault, named) => {
    const response = await ask(fault, true, masked);
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toContain('"text":"Hell"');
    expect(text).toMatch(/event: error\ndata: [^\n]+\n\n$/);
    expect(text.slice(text.lastIndexOf('event: error'))).toMatch(named);
    expect(text).not.toContain('message_stop');
    expect(text.match(/event: error/g)).toHaveLength(1);
  });
});

describe('a reply that comes drop by drop', () => {
  it('is whole, masked or not, and longer than any one silence may be', async () => {
    sluice = await startSluice({
      claude: { reply: ({ body }) => ({ pieces: [...`to ${/\[\[\w+\]\]/.exec(body)?.[0] ?? 'nobody'}.`], gapMs: 15 }) },
      claudeTimeoutMs: 300,
    });
    for (const [more, expected] of [
      ['', 'to nobody.'],
      [` for ${MAIL}`, `to ${MAIL}.`],
    ] as const) {
      const body = {
        model: 'auto',
        max_tokens: 9,
        stream: true,
        messages: [{ role: 'user', content: `${COMPLEX}${more}` }],
      };
      const text = await (await sluice.ask(body, {}, '/v1/messages')).text();
      const said = [...text.matchAll(/"text_delta","text":("[^"]*")/g)].map(
        (match) => JSON.parse(match[1] ?? '""') as string,
      );
      expect(said.join('')).toBe(expected);
      expect(text.endsWith('event: message_stop\ndata: {"type":"message_stop"}\n\n')).toBe(true);
    }
  });
});

describe('a Messages client of another upstream', () => {
  it('is told how long to wait', async () => {
    sluice = await startSluice({ config: 'policy: { onCloudFailure: error }', claude: { replies: ['rate-limited'] } });
    const response = await sluice.ask(
      { model: 'auto', max_tokens: 9, messages: [{ role: 'user', content: COMPLEX }] },
      {},
      '/v1/messages',
    );
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3']);
    expect(await response.text()).toContain('rate_limit_error');
  });

  it.each(['truncated', 'no-terminator', 'bad-json', 'error-mid-stream'] as const)(
    'sees %s of a chat cloud as an error event',
    async (fault) => {
      sluice = await startSluice({ cloud: { replies: [fault] } });
      const text = await (
        await sluice.ask(
          { model: 'auto', max_tokens: 9, stream: true, messages: [{ role: 'user', content: COMPLEX }] },
          {},
          '/v1/messages',
        )
      ).text();
      expect(text).toMatch(/event: error\ndata: [^\n]+\n\n$/);
      expect(text).not.toContain('message_stop');
    },
  );

  it('sees a local server that stops half-way as an error event', async () => {
    sluice = await startSluice({ local: { replies: ['truncated'] } });
    const text = await (
      await sluice.ask(
        { model: 'auto', max_tokens: 9, stream: true, messages: [{ role: 'user', content: 'hi' }] },
        {},
        '/v1/messages',
      )
    ).text();
    expect(text).toMatch(/event: error\ndata: [^\n]+\n\n$|^\{"type":"error"/);
    expect(text).not.toContain('message_stop');
  });
});

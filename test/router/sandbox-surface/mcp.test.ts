import { afterEach, describe, expect, it } from 'vitest';
import type { ToolExecutor } from '../../../sandbox/executor.ts';
import { CARD, recordingExecutor, startSluice, type TestSluice } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(async () => {
  await sluice?.close();
  sluice = undefined;
});
async function start(executor: ToolExecutor = recordingExecutor(() => 'ok')): Promise<TestSluice> {
  sluice = await startSluice({ sandbox: executor });
  return sluice;
}
const send = (body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${sluice?.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const rpc = (method: string, params?: unknown, id: unknown = 1): object => ({
  jsonrpc: '2.0',
  id,
  method,
  ...(params === undefined ? {} : { params }),
});
interface Answer {
  readonly id: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}
const ask = async (body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer> =>
  (await (await send(body, headers)).json()) as Answer;
const EXEC = { name: 'exec', arguments: { command: 'id' } };

describe('the protocol', () => {
  it.each([
    ['no JSON', '{"jsonrpc"', 400, -32700],
    ['a key twice', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', 400, -32700],
    ['a batch', [rpc('ping'), rpc('tools/call', EXEC)], 400, -32600],
    ['another version of JSON-RPC', { ...rpc('ping'), jsonrpc: '1.0' }, 400, -32600],
    ['no method', { jsonrpc: '2.0', id: 1 }, 400, -32600],
    ['a method that is no name', { jsonrpc: '2.0', id: 1, method: 7 }, 400, -32600],
    ['an id that is null', rpc('ping', undefined, null), 400, -32600],
    ['an id that is an object', rpc('ping', undefined, {}), 400, -32600],
    ['an id without end', rpc('ping', undefined, 'x'.repeat(300)), 400, -32600],
    ['an unknown method', rpc('resources/list'), 200, -32601],
    ['a name every object has', rpc('constructor'), 200, -32601],
    ['params in a list', rpc('tools/call', [EXEC]), 200, -32602],
    ['a call of nothing', rpc('tools/call', {}), 200, -32602],
    ['a cursor nobody gave', rpc('tools/list', { cursor: 'x' }), 200, -32602],
    ['initialize without a version', rpc('initialize', {}), 200, -32602],
  ])('%s', async (_what, body, status, code) => {
    const executor = recordingExecutor(() => 'ok');
    await start(executor);
    const response = await send(body);
    expect([response.status, ((await response.json()) as Answer).error?.code]).toEqual([status, code]);
    expect(executor.requests).toEqual([]);
  });

  it.each([
    ['a form', { 'content-type': 'text/plain' }, 415],
    ['a version that is not spoken', { 'mcp-protocol-version': '1999-01-01' }, 400],
  ])('%s is told so in JSON-RPC', async (_what, headers, status) => {
    const executor = recordingExecutor(() => 'ok');
    await start(executor);
    const response = await send(rpc('tools/call', EXEC), headers);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32600 } });
    expect(executor.requests).toEqual([]);
  });

  it.each([
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2099-01-01', '2025-11-25'],
  ])('a client of %s gets %s', async (wanted, given) => {
    await start();
    const { result } = await ask(rpc('initialize', { protocolVersion: wanted, capabilities: {} }));
    expect(result).toMatchObject({
      protocolVersion: given,
      capabilities: { tools: {} },
      serverInfo: { name: 'sluice' },
    });
  });

  it.each([
    ['a notification', { jsonrpc: '2.0', method: 'notifications/initialized' }],
    ['one with a list for params', { jsonrpc: '2.0', method: 'notifications/x', params: [] }],
    ['an answer', { jsonrpc: '2.0', id: 3, result: {} }],
    ['a call that wants no answer', { jsonrpc: '2.0', method: 'tools/call', params: EXEC }],
  ])('%s is taken and not answered, and runs nothing', async (_what, body) => {
    const executor = recordingExecutor(() => 'ok');
    await start(executor);
    const response = await send(body);
    expect([response.status, await response.text()]).toEqual([202, '']);
    expect(executor.requests).toEqual([]);
  });

  it.each(['1', '12345678901234567890', '1.50', '"a\\u0062"', '""'])('the id %s comes back as it was', async (id) => {
    await start();
    const text = await (await send(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`)).text();
    expect(text).toBe(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
  });
});

describe('tools', () => {
  it('are those the policy offers', async () => {
    await start(recordingExecutor(() => '', ['exec', 'read']));
    const { result } = await ask(rpc('tools/list'));
    expect(result?.['tools']).toMatchObject([{ name: 'exec', inputSchema: { type: 'object' } }, { name: 'read' }]);
  });

  it('answer with text for the model and the whole outcome for programs', async () => {
    const executor = recordingExecutor(() => `on file: ${CARD}`);
    await start(executor);
    const { result } = await ask(rpc('tools/call', EXEC));
    expect(result).toMatchObject({
      isError: false,
      content: [{ type: 'text', text: expect.stringMatching(/^on file: 4539.*\n\[sandbox bubblewrap, policy d{12}/) }],
      structuredContent: {
        kind: 'exited',
        receipt: { backend: 'bubblewrap' },
        classification: { label: 'confidential', findings: { CREDIT_CARD: 1 } },
      },
    });
    expect(executor.requests[0]).toMatchObject({ tool: 'exec', arguments: '{"command":"id"}', agent: 'main' });
    expect(sluice?.logged()).not.toContain('4539');
  });

  it('keep what two clients do apart, by the session each was given', async () => {
    const executor = recordingExecutor(() => `on file: ${CARD}`);
    await start(executor);
    const ids: string[] = [];
    for (let client = 0; client < 2; client++) {
      const response = await send(rpc('initialize', { protocolVersion: '2025-11-25' }));
      await response.text();
      ids.push(response.headers.get('mcp-session-id') ?? '');
    }
    expect(new Set(ids).size).toBe(2);
    for (const id of [ids[0], ids[0], ids[1]]) await ask(rpc('tools/call', EXEC), { 'mcp-session-id': id ?? '' });
    expect(executor.requests.map(({ session, label }) => [session, label])).toEqual([
      [`mcp:${ids[0]}`, 'public'],
      [`mcp:${ids[0]}`, 'confidential'],
      [`mcp:${ids[1]}`, 'public'],
    ]);
  });
});

describe('cancelling', () => {
  /** Says when each call began, and ends it when it is aborted. */
  function waiting() {
    const base = recordingExecutor(() => '');
    const began: (() => void)[] = [];
    const executor: ToolExecutor = {
      ...base,
      async run(request, { signal }) {
        began.shift()?.();
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        const outcome = await base.run(request, { signal });
        if (outcome.kind !== 'exited') throw new Error('unexpected');
        const { stdout, stderr, receipt } = outcome;
        return { kind: 'killed', by: 'abort', stdout, stderr, receipt };
      },
    };
    return { executor, next: () => new Promise<void>((resolve) => began.push(resolve)) };
  }
  const cancelled = (requestId: unknown): object => ({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId },
  });

  it('ends the call of that id and session, and no other', async () => {
    const { executor, next } = waiting();
    await start(executor);
    let done = '';
    const calls: Promise<Answer>[] = [];
    for (const [session, id] of [
      ['a', 1],
      ['a', '1'],
      ['b', 1],
    ] as const) {
      const began = next();
      const answer = ask(rpc('tools/call', EXEC, id), { 'mcp-session-id': session });
      void answer.then(() => (done += `${session}${JSON.stringify(id)} `));
      calls.push(answer);
      await began;
    }
    const [first] = calls;
    await (await send(cancelled(1), { 'mcp-session-id': 'c' })).text();
    await (await send(cancelled(1))).text();
    expect(done).toBe('');
    await (await send(cancelled(1), { 'mcp-session-id': 'a' })).text();
    expect((await first)?.result).toMatchObject({ isError: true, structuredContent: { kind: 'killed', by: 'abort' } });
    expect(done).toBe('a1 ');
    await (await send(cancelled('1'), { 'mcp-session-id': 'a' })).text();
    await (await send(cancelled(1), { 'mcp-session-id': 'b' })).text();
    await Promise.all(calls);
  });
});

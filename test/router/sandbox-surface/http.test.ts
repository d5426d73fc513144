import { connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ToolExecutor, ToolRequest } from '../../../sandbox/executor.ts';
import {
  CARD,
  recordingExecutor,
  say,
  startSluice,
  type TestSluice,
  type TestSluiceOptions,
} from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await sluice?.close();
  sluice = undefined;
});
async function start(options: TestSluiceOptions): Promise<TestSluice> {
  sluice = await startSluice(options);
  return sluice;
}
const JSON_TYPE = { 'content-type': 'application/json' };
const send = (body: unknown, headers: Readonly<Record<string, string>> = {}, path = '/sandbox/v1/run') =>
  fetch(`${sluice?.url}${path}`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const RUN = { tool: 'exec', arguments: { command: 'id' } };

interface Ran {
  readonly id: string;
  readonly kind: string;
  readonly stdout: { readonly head: string };
  readonly receipt: { readonly backend: string };
  readonly classification: { readonly verdict: string; readonly label: string; readonly findings: object };
}
const ran = async (body: unknown, headers?: Readonly<Record<string, string>>): Promise<Ran> =>
  (await (await send(body, headers)).json()) as Ran;

/** Runs until it is aborted, as a command that hangs does. */
function hangingExecutor(): { executor: ToolExecutor; started: Promise<void>; aborted: Promise<void> } {
  const started = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const base = recordingExecutor(() => '');
  const executor: ToolExecutor = {
    ...base,
    async run(request: ToolRequest, { signal }) {
      started.resolve();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      aborted.resolve();
      return base.run(request, { signal });
    },
  };
  return { executor, started: started.promise, aborted: aborted.promise };
}

describe('what reaches no tool', () => {
  it.each([
    ['a page of another site', { origin: 'https://evil.example' }, RUN, 403, 'origin_not_allowed'],
    ['a sandboxed page', { origin: 'null' }, RUN, 403, 'origin_not_allowed'],
    ['a form', { 'content-type': 'text/plain' }, RUN, 415, 'wrong_content_type'],
    ['a type that only begins so', { 'content-type': 'application/jsonx' }, RUN, 415, 'wrong_content_type'],
    ['a key twice', {}, '{"tool":"exec","tool":"read","arguments":{}}', 400, 'duplicate_key'],
    ['no JSON', {}, '{"tool":', 400, 'invalid_json'],
    ['an array', {}, '[]', 400, 'not_an_object'],
    ['a field nobody knows', {}, { ...RUN, CANARY: 'host' }, 400, 'unsupported_value'],
    ['no tool', {}, { arguments: {} }, 400, 'missing_field'],
    ['no arguments', {}, { tool: 'exec' }, 400, 'missing_field'],
    ['a tool that is no name', {}, { ...RUN, tool: ['exec'] }, 400, 'wrong_type'],
    ['a session that is no name', {}, { ...RUN, session: 7 }, 400, 'wrong_type'],
    ['a name without end', {}, { ...RUN, session: 'x'.repeat(300) }, 400, 'out_of_range'],
    ['too much', {}, { ...RUN, arguments: { command: 'x'.repeat(5000) } }, 413, 'body_too_large'],
  ])('%s', async (_what, headers, body, status, code) => {
    const executor = recordingExecutor(() => 'out');
    await start({ sandbox: executor, config: 'listen: { maxBodyBytes: 4096 }' });
    const response = await send(body, headers);
    const text = await response.text();
    expect([response.status, (JSON.parse(text) as { error: { code: string } }).error.code]).toEqual([status, code]);
    expect(text).not.toContain('CANARY');
    expect(executor.requests).toEqual([]);
  });

  it('a rebound name in Host', async () => {
    const executor = recordingExecutor(() => 'out');
    const { url } = await start({ sandbox: executor });
    const { port } = new URL(url);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1');
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      const body = JSON.stringify(RUN);
      socket.write(
        `POST /sandbox/v1/run HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    });
    expect(answer).toContain('403');
    expect(executor.requests).toEqual([]);
  });

  it.each([
    ['GET', '/sandbox/v1/run', 'POST'],
    ['POST', '/sandbox/v1/tools', 'GET'],
    ['POST', '/sandbox/v1/status', 'GET'],
    ['GET', '/sandbox/v1/verify', 'POST'],
    ['GET', '/mcp', 'POST'],
    ['DELETE', '/mcp', 'POST'],
  ])('%s %s', async (method, path, allow) => {
    const { url } = await start({ sandbox: recordingExecutor(() => '') });
    const response = await fetch(url + path, { method });
    await response.text();
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
  });
});

describe('a run over HTTP', () => {
  it('is the outcome with its receipt', async () => {
    const executor = recordingExecutor(() => 'uid=65534');
    await start({ sandbox: executor });
    const reply = await ran(RUN, { origin: sluice?.url ?? '' });
    expect(reply).toMatchObject({
      kind: 'exited',
      code: 0,
      stdout: { head: 'uid=65534' },
      receipt: { backend: 'bubblewrap' },
      classification: { verdict: 'clean', label: 'public', findings: {} },
    });
    expect(executor.requests[0]).toMatchObject({ id: reply.id, arguments: '{"command":"id"}', agent: 'main' });
    expect(sluice?.logged()).toContain(reply.id);
  });

  it('labels what a tool brings back, tells counts and no text, and the session keeps the label', async () => {
    const executor = recordingExecutor(({ arguments: text }) => (text.includes('cat') ? `on file: ${CARD}` : 'ok'));
    await start({ sandbox: executor });
    const read = { tool: 'exec', arguments: { command: 'cat customer' }, session: 's1' };
    const first = await send(read);
    expect(first.headers.get('x-sluice-label')).toBe('confidential');
    expect(((await first.json()) as Ran).classification).toEqual({
      verdict: 'sensitive',
      label: 'confidential',
      findings: { CREDIT_CARD: 1 },
    });
    expect((await ran({ ...RUN, session: 's1' })).classification.label).toBe('confidential');
    expect((await ran({ ...RUN, session: 's2' })).classification.label).toBe('public');
    expect(executor.requests.map(({ session, label }) => [session, label])).toEqual([
      ['s1', 'public'],
      ['s1', 'confidential'],
      ['s2', 'public'],
    ]);
    expect(sluice?.logged()).not.toContain('4539');
  });

  it('calls that name no session share one: what one learns closes the network for the next', async () => {
    const executor = recordingExecutor(() => `on file: ${CARD}`);
    await start({ sandbox: executor });
    await ran(RUN);
    await ran(RUN);
    expect(executor.requests.map(({ label }) => label)).toEqual(['public', 'confidential']);
  });

  it('a value cut between head and tail is no way round', async () => {
    const base = recordingExecutor(() => '');
    const executor: ToolExecutor = {
      ...base,
      run: async (request, options) => {
        const outcome = await base.run(request, options);
        if (outcome.kind !== 'exited') throw new Error('unexpected');
        return { ...outcome, stdout: { head: 'card 4539 5787 ', tail: '6362 1486', omittedBytes: 0 } };
      },
    };
    await start({ sandbox: executor });
    expect((await ran(RUN)).classification.findings).toEqual({ CREDIT_CARD: 1 });
  });

  it.each([
    ['raised by the tool', 'label: restricted, when: "\'exec\' in tools"', 'restricted'],
    ['raised by the surface', 'label: restricted, when: "protocol == \'sandbox\'"', 'restricted'],
    ['raised by their number', 'label: restricted, when: "count > 1"', 'restricted'],
    ['lowered', 'label: public, when: "count > 1"', 'public'],
    ['one that does not hold', 'label: restricted, when: "count > 2"', 'confidential'],
  ])('conditions of an entity hold for results too: %s', async (_, condition, label) => {
    await start({
      sandbox: recordingExecutor(() => 'ann.lee@acme.io, bob.ray@acme.io'),
      config: `classify: { entities: { EMAIL_ADDRESS: { label: confidential, threshold: 0.5, maskable: true, conditions: [{ name: own, ${condition} }] } } }`,
    });
    expect((await ran(RUN)).classification.label).toBe(label);
  });

  it('what the arguments hold counts before the call runs', async () => {
    const executor = recordingExecutor(() => 'ok');
    await start({ sandbox: executor });
    await ran({ tool: 'exec', arguments: { command: `echo ${CARD}` } });
    await ran({ tool: 'exec', arguments: JSON.stringify({ command: `echo ${CARD}` }), session: 'other' });
    expect(executor.requests.map(({ label }) => label)).toEqual(['confidential', 'confidential']);
  });

  it('a session is the chat that names itself so', async () => {
    const executor = recordingExecutor(() => 'ok');
    const { ask } = await start({ sandbox: executor });
    await (await ask(say(`My card is ${CARD}`), { 'x-session-id': 'shared' })).text();
    await ran({ ...RUN, session: 'shared' });
    expect(executor.requests[0]?.label).toBe('confidential');
  });

  it.each([
    ['before the call', { command: `echo ${CARD}` }, 'ok', 0],
    ['after it', { command: 'cat' }, `on file: ${CARD}`, 1],
  ])('what cannot be remembered is withheld: %s', async (_when, input, output, runs) => {
    const executor = recordingExecutor(() => output);
    const { context } = await start({ sandbox: executor });
    const { remember } = context.memory;
    vi.spyOn(context.memory, 'remember').mockImplementation((trace, label, options) => {
      if (label !== 'public') throw new Error('CANARY disk full');
      return remember.call(context.memory, trace, label, options);
    });
    const response = await send({ tool: 'exec', arguments: input });
    const text = await response.text();
    expect(response.status).toBe(400);
    expect(text).toContain('store_unavailable');
    expect(text).not.toContain('4539');
    expect(executor.requests.length).toBe(runs);
    expect(sluice?.logged()).not.toContain('CANARY');
  });

  it('ends with its client', async () => {
    const { executor, started, aborted } = hangingExecutor();
    await start({ sandbox: executor });
    const client = new AbortController();
    const reply = fetch(`${sluice?.url}/sandbox/v1/run`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify(RUN),
      signal: client.signal,
    });
    await started;
    client.abort();
    await expect(reply).rejects.toThrow('aborted');
    await aborted;
  });

  it('an executor that throws is an error without its words', async () => {
    const base = recordingExecutor(() => '');
    await start({ sandbox: { ...base, run: () => Promise.reject(new Error('CANARY')) } });
    const response = await send(RUN);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('CANARY');
    expect(sluice?.logged()).not.toContain('CANARY');
  });

  it('a tool nobody has is not named in log or metrics', async () => {
    const executor = recordingExecutor(() => 'ok');
    const { url, logged } = await start({ sandbox: executor });
    await ran({ tool: 'CANARY-4539', arguments: {} });
    expect(logged()).not.toContain('CANARY');
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('sluice_tool_calls_total{tool="unknown",outcome="exited"} 1');
    expect(metrics).not.toContain('CANARY');
  });
});

describe('the other paths', () => {
  it('tools, status and a fresh proof', async () => {
    const { url } = await start({ sandbox: recordingExecutor(() => '', ['exec', 'read']) });
    const get = async (path: string, method = 'GET'): Promise<unknown> =>
      (await fetch(`${url}/sandbox/v1/${path}`, { method })).json();
    expect(await get('tools')).toMatchObject({ tools: [{ name: 'exec', parameters: {} }, { name: 'read' }] });
    expect(await get('status')).toMatchObject({ backend: 'bubblewrap', usable: true, claims: [] });
    expect(await get('verify', 'POST')).toMatchObject({ usable: true });
  });
});

/** Every way in ends in the one executor: what it denies is denied everywhere, with the same code, and nothing reaches a backend beside it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Config } from '../../../config/schema.ts';
import { runCommand } from '../../../router/commands/sandbox-run.ts';
import { createToolExecutor } from '../../../sandbox/client.ts';
import type { ToolExecutor, ToolRequest } from '../../../sandbox/executor.ts';
import { BUNDLED_TOOL_NAMES } from '../../../sandbox/tools/catalogue.ts';
import { runInProcess } from '../../helpers/command.ts';
import { createFakeBackend, type FakeBackend } from '../../helpers/fake-backend.ts';
import { startInProcessBroker } from '../../helpers/in-process-broker.ts';
import { ARGUMENTS } from '../../helpers/planning.ts';
import { COMPLEX, startSluice, type TestSluice } from '../../helpers/sluice.ts';

interface Gate extends ToolExecutor {
  readonly requests: ToolRequest[];
}

/** The real client over the real engine and executor; only the backend is a fake. */
async function openGate(options: {
  readonly sandbox: Record<string, unknown>;
  readonly backend: FakeBackend;
  readonly broker: 'alive' | 'dead';
  readonly stateDir: string;
}): Promise<Gate> {
  const client = await createToolExecutor({
    config: Config.parse({ sandbox: options.sandbox }).sandbox,
    labels: ['public', 'internal', 'confidential', 'restricted'],
    stateDir: options.stateDir,
    start: () => {
      if (options.broker === 'dead') throw Object.assign(new Error('gone'), { code: 'ENOENT' });
      return startInProcessBroker({ backends: [options.backend], graceMs: 50 });
    },
  });
  const requests: ToolRequest[] = [];
  return {
    requests,
    offered: (agent) => client.offered(agent),
    run: (request, runOptions) => {
      requests.push(request);
      return client.run(request, runOptions);
    },
    status: () => client.status(),
    verify: () => client.verify(),
    close: () => client.close(),
  };
}

/** `ran`, or the code of the refusal. */
type Entry = (tool: string, argumentText: string, sluice: TestSluice, gate: Gate) => Promise<string>;
const endOf = (outcome: { readonly kind: string; readonly code?: unknown }): string =>
  outcome.kind === 'refused' ? String(outcome.code) : outcome.kind === 'exited' ? 'ran' : outcome.kind;
const post = async (url: string, body: unknown): Promise<unknown> =>
  (
    await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  ).json();
/** As an object where it is one, so that the value's way is taken and not only the text's. */
const valueOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const ENTRIES: Readonly<Record<string, Entry>> = {
  async 'tool loop'(tool, argumentText, sluice) {
    sluice.cloud.script({ toolCalls: [{ name: tool, arguments: argumentText }] }, { text: 'done' });
    const declared = { type: 'function', function: { name: tool, parameters: { type: 'object', properties: {} } } };
    const reply = await sluice.ask({
      model: 'auto',
      messages: [{ role: 'user', content: COMPLEX }],
      tools: [declared],
    });
    expect(await reply.text()).toContain('done');
    const { messages } = JSON.parse(sluice.cloud.requests.at(-1)?.body ?? '') as {
      messages: readonly { role: string; content: string }[];
    };
    const told = messages.at(-1);
    expect(told?.role).toBe('tool');
    return /^\[not run: ([a-z-]+)\]/.exec(told?.content ?? '')?.[1] ?? (told?.content.startsWith('ok\n') ? 'ran' : '?');
  },
  async http(tool, argumentText, sluice) {
    const body = { tool, arguments: valueOf(argumentText) };
    return endOf((await post(`${sluice.url}/sandbox/v1/run`, body)) as { kind: string });
  },
  async mcp(tool, argumentText, sluice) {
    const params = { name: tool, arguments: valueOf(argumentText) };
    const { result } = (await post(`${sluice.url}/mcp`, { jsonrpc: '2.0', id: 1, method: 'tools/call', params })) as {
      result: { structuredContent: { kind: string }; isError: boolean };
    };
    expect(result.isError).toBe(result.structuredContent.kind !== 'exited');
    return endOf(result.structuredContent);
  },
  async 'command line'(tool, argumentText, _sluice, gate) {
    const command = runCommand(() => Promise.resolve({ ...gate, close: () => Promise.resolve() }));
    const { stdout } = await runInProcess(command, [tool, argumentText, '--json']);
    return endOf(JSON.parse(stdout) as { kind: string });
  },
};

interface Denial {
  readonly sandbox?: Record<string, unknown>;
  readonly unproved?: boolean;
  readonly broker?: 'dead';
  readonly tool?: string;
  readonly arguments?: string;
  readonly end: string;
}
const CASES: Readonly<Record<string, Denial>> = {
  allowed: { end: 'ran' },
  'deny mode': { sandbox: { mode: 'deny' }, end: 'denied-by-policy' },
  'deny list': { sandbox: { agents: { main: { deny: ['*'] } } }, end: 'denied-by-policy' },
  'empty allow list': { sandbox: { agents: { main: { allow: [] } } }, end: 'denied-by-policy' },
  'unknown tool': { tool: 'format_disk', end: 'unknown-tool' },
  'malformed arguments': { arguments: '{"command":', end: 'malformed-arguments' },
  'arguments that choose a backend': { arguments: '{"mode":"host"}', end: 'malformed-arguments' },
  'unproved claim': { unproved: true, end: 'claim-unproved' },
  'dead broker': { broker: 'dead', end: 'broker-unavailable' },
};

describe.each(Object.entries(CASES))('%s', (_name, denial) => {
  const backend = createFakeBackend();
  let stateDir = '';
  let gate: Gate;
  let sluice: TestSluice;
  beforeAll(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'sluice-gate-'));
    if (denial.unproved === true)
      backend.claims = [{ claim: 'no-network', proved: false, evidence: 'connect answered' }];
    gate = await openGate({ sandbox: denial.sandbox ?? {}, backend, broker: denial.broker ?? 'alive', stateDir });
    sluice = await startSluice({
      sandbox: gate,
      config: 'tools: { rules: [{ match: "*", action: sandbox }] }',
    });
  });
  afterAll(async () => {
    await sluice.close();
    rmSync(stateDir, { recursive: true, force: true });
  });

  const rows = Object.entries(ENTRIES).flatMap(([name, entry]) =>
    (denial.tool === undefined ? BUNDLED_TOOL_NAMES : [denial.tool]).map((tool) => ({ name, tool, entry })),
  );
  it.each(rows)('$name: $tool', async ({ tool, entry }) => {
    const argumentText = denial.arguments ?? JSON.stringify(ARGUMENTS[tool] ?? {});
    const before = backend.plans.length;
    gate.requests.length = 0;
    expect(await entry(tool, argumentText, sluice, gate)).toBe(denial.end);
    expect(gate.requests.map((request) => request.tool)).toEqual([tool]);
    expect(backend.plans.slice(before).map((plan) => plan.tool)).toEqual(denial.end === 'ran' ? [tool] : []);
  });
});

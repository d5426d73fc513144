/** The protocol's own people against /mcp: the official SDK's client, and the scenarios of the conformance suite that a server of tools can be asked. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { recordingExecutor, startSluice, type TestSluice } from '../../helpers/sluice.ts';

/** Where .ci/run puts them: a hundred packages that the project itself does not need. */
const PACKAGES = join(homedir(), '.cache/sluice-test/mcp/node_modules/@modelcontextprotocol');
const SDK = join(PACKAGES, 'sdk/dist/esm/client');
const SUITE = join(PACKAGES, 'conformance/dist/index.js');
const MISSING = existsSync(SUITE) && existsSync(SDK) ? '' : 'the MCP packages are not installed: see .ci/run';

/** The others want resources, prompts, sampling, streams, or tools made for the suite. */
const SCENARIOS = ['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection'];

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());

function run(argv: readonly string[], cwd: string): Promise<{ readonly code: number | null; readonly text: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, argv, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('close', (code) => resolve({ code, text }));
  });
}

describe('the conformance suite', () => {
  it.for(SCENARIOS)('%s', { timeout: 60_000 }, async (scenario, context) => {
    if (MISSING !== '') context.skip(MISSING);
    sluice = await startSluice({ sandbox: recordingExecutor(() => 'done', ['exec', 'read']) });
    const directory = mkdtempSync(join(tmpdir(), 'sluice-mcp-'));
    const { code, text } = await run(
      [SUITE, 'server', '--url', `${sluice.url}/mcp`, '--scenario', scenario],
      directory,
    );
    rmSync(directory, { recursive: true, force: true });
    expect([code, text.slice(-2_000)]).toEqual([0, expect.any(String)]);
  });
});

interface OfficialClient {
  connect(transport: unknown): Promise<void>;
  listTools(): Promise<{ readonly tools: readonly { readonly name: string; readonly inputSchema: object }[] }>;
  callTool(call: { name: string; arguments: object }): Promise<{
    readonly isError?: boolean;
    readonly content: readonly { readonly type: string; readonly text: string }[];
    readonly structuredContent?: { readonly kind: string };
  }>;
  ping(): Promise<unknown>;
  close(): Promise<void>;
}

it('the official client connects, lists, calls and is told of a refusal', { timeout: 60_000 }, async (context) => {
  if (MISSING !== '') context.skip(MISSING);
  const executor = recordingExecutor((request) => `ran ${request.arguments}`, ['exec', 'read']);
  sluice = await startSluice({ sandbox: executor });
  const load = (name: string): Promise<Record<string, new (...args: unknown[]) => unknown>> =>
    import(pathToFileURL(join(SDK, name)).href);
  const { Client } = await load('index.js');
  const { StreamableHTTPClientTransport } = await load('streamableHttp.js');
  if (Client === undefined || StreamableHTTPClientTransport === undefined) throw new Error('the SDK has moved');
  const client = new Client({ name: 'test', version: '1.0.0' }) as OfficialClient;
  await client.connect(new StreamableHTTPClientTransport(new URL(`${sluice.url}/mcp`)));
  await client.ping();
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['exec', 'read']);
  const result = await client.callTool({ name: 'exec', arguments: { command: 'id' } });
  expect(result).toMatchObject({ isError: false, structuredContent: { kind: 'exited' } });
  expect(result.content[0]?.text).toContain('ran {"command":"id"}');
  expect(executor.requests).toHaveLength(1);
  await client.close();
});

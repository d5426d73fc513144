/**
 * A whole Sluice in this process, on a free port, between fakes that record every byte: the real provisioning, pipeline, store and server; only models and, where
 * asked, the sandbox are fakes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { parseConfig } from '../../config/load.ts';
import type { Admin } from '../../router/admin/admin.ts';
import { listen } from '../../router/listen.ts';
import type { Context } from '../../router/pipeline/context.ts';
import { provision } from '../../router/provision.ts';
import { LiveContext } from '../../router/reload.ts';
import { createLog } from '../../router/telemetry/log.ts';
import type { BoundedOutput, ToolExecutor, ToolOutcome, ToolRequest } from '../../sandbox/executor.ts';
import { type FakeOllama, startFakeOllama } from './fake-ollama.ts';
import type { FakeOllamaOptions } from './fake-ollama-model.ts';
import { type FakeAnthropic, type FakeAnthropicOptions, startFakeAnthropic } from './fake-anthropic.ts';
import { type FakeOpenAI, type FakeOpenAIOptions, startFakeOpenAI } from './fake-openai.ts';

export interface TestSluice {
  readonly url: string;
  readonly context: Context;
  readonly cloud: FakeOpenAI;
  /** A fake of Anthropic's API; asked only where the options name it. */
  readonly claude: FakeAnthropic;
  readonly local: FakeOllama;
  /** Every byte the cloud ever got, heads included. */
  sentToCloud(): string;
  /** Everything logged so far. */
  logged(): string;
  ask(body: unknown, headers?: Readonly<Record<string, string>>, path?: string): Promise<Response>;
  close(): Promise<void>;
}

export interface TestSluiceOptions {
  /** YAML besides upstreams, stateDir. */
  readonly config?: string;
  readonly cloud?: FakeOpenAIOptions;
  /** Given, an upstream `claude` of kind anthropic comes before the other cloud. */
  readonly claude?: FakeAnthropicOptions;
  /** Of that upstream: the highest label it may see, and further YAML members: `, maxTokens: 9`. */
  readonly claudeSees?: string;
  readonly claudeMore?: string;
  readonly claudeTimeoutMs?: number;
  readonly local?: FakeOllamaOptions;
  readonly sandbox?: 'on' | 'off' | ToolExecutor;
  /** Taken instead of the fakes' own. */
  readonly localUrl?: string;
  readonly cloudUrl?: string;
  readonly stateDir?: string;
  /** Highest label the local upstream may see. */
  readonly homeSees?: string;
  /** Upstreams before all others, as YAML items of the list. */
  readonly firstUpstreams?: readonly string[];
  /** Of the local upstream, further YAML members. */
  readonly homeMore?: string;
  /** Which API the cloud upstream is asked by. */
  readonly cloudApi?: 'chat' | 'responses';
  /** Makes the admin side of it. */
  readonly admin?: (live: LiveContext) => Admin;
  /** The configuration is written to this file first, so that it can be changed and read again. */
  readonly configFile?: string;
}

export async function startSluice(options: TestSluiceOptions = {}): Promise<TestSluice> {
  const cloud = await startFakeOpenAI(options.cloud ?? {});
  const claude = await startFakeAnthropic(options.claude ?? {});
  const local = await startFakeOllama(options.local ?? {});
  const stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const yaml = `
stateDir: "${stateDir}"
upstreams:
${(options.firstUpstreams ?? []).map((each) => `  - ${each}\n`).join('')}  - { kind: ollama, name: home, url: "${options.localUrl ?? local.url}", sees: ${options.homeSees ?? 'restricted'}, connectTimeoutMs: 2000, firstByteTimeoutMs: 3000, idleTimeoutMs: 3000${options.homeMore ?? ''} }
${options.claude === undefined ? '' : `  - { kind: anthropic, name: claude, url: "${claude.url}", model: claude-fake, models: [claude-other], apiKey: env:KEY, sees: ${options.claudeSees ?? 'public'}, connectTimeoutMs: 2000, firstByteTimeoutMs: ${options.claudeTimeoutMs ?? 3000}, idleTimeoutMs: ${options.claudeTimeoutMs ?? 3000}${options.claudeMore ?? ''} }\n`}  - { kind: openai, name: sky, url: "${options.cloudUrl ?? cloud.url}", model: gpt-fake, models: [gpt-other], api: ${options.cloudApi ?? 'chat'}, apiKey: env:KEY, sees: public, connectTimeoutMs: 2000, firstByteTimeoutMs: 3000, idleTimeoutMs: 3000 }
${options.config ?? ''}`;
  if (options.configFile !== undefined) writeFileSync(options.configFile, yaml);
  const loaded = parseConfig(yaml, options.configFile ?? '/test/sluice.yaml', {});
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const provisioned = await provision({
    config: loaded.config,
    digest: loaded.digest,
    environment: { KEY: 'upstream-key-of-the-test' },
    log: createLog('debug', sink),
    models: 'configured',
    sandbox: options.sandbox ?? 'off',
  });
  if (provisioned.kind === 'invalid') throw new Error(JSON.stringify(provisioned.problems));
  const { context } = provisioned;
  const live = new LiveContext({
    context,
    close: provisioned.close,
    configFile: options.configFile ?? '',
    environment: { KEY: 'upstream-key-of-the-test' },
  });
  const listening = await listen(
    () => live.current,
    '127.0.0.1',
    0,
    options.admin === undefined ? {} : { admin: options.admin(live) },
  );
  if (listening.kind === 'failed') throw new Error(listening.code);
  const url = `http://127.0.0.1:${listening.listener.port}`;
  return {
    url,
    get context() {
      return live.current;
    },
    cloud,
    claude,
    local,
    sentToCloud: () => cloud.wire().toString('utf8') + claude.wire().toString('utf8'),
    logged: () => lines.join(''),
    ask: (body, headers = {}, path = '/v1/chat/completions') =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body:
          typeof body === 'string' || body instanceof Uint8Array
            ? (body as NonNullable<RequestInit['body']>)
            : JSON.stringify(body),
      }),
    async close() {
      await listening.listener.drain(50);
      await live.close();
      await Promise.all([cloud.close(), claude.close(), local.close()]);
      if (options.stateDir === undefined) rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/** Text that any policy takes for complex and for nothing else. */
export const COMPLEX =
  'Prove step by step that the algorithm below terminates, derive its worst-case complexity, compare three alternative designs with their trade-offs, and refactor the code so that every invariant holds under concurrency.';
/** Passes Luhn and is no published test number, which near words like `sandbox` is no finding. */
export const CARD = '4539 5787 6362 1486';
export const say = (content: unknown, change: object = {}): object => ({
  model: 'auto',
  messages: [{ role: 'user', content }],
  ...change,
});

const output = (text: string): BoundedOutput => ({ head: text, tail: '', omittedBytes: 0 });

/** An executor that records what it was asked and answers from a function. Nothing runs. */
export function recordingExecutor(
  answer: (request: ToolRequest) => string,
  tools: readonly string[] = ['exec'],
): ToolExecutor & { readonly requests: ToolRequest[] } {
  const requests: ToolRequest[] = [];
  const status = {
    backend: 'bubblewrap',
    usable: true,
    reason: '',
    claims: [],
    probedAt: 1,
    policyDigest: 'd'.repeat(64),
  } as const;
  return {
    requests,
    offered: () =>
      tools.map((name) => ({
        name,
        description: `the ${name} tool`,
        parameters: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
      })),
    run(request): Promise<ToolOutcome> {
      requests.push(request);
      return Promise.resolve({
        kind: 'exited',
        code: 0,
        stdout: output(answer(request)),
        stderr: output(''),
        receipt: {
          tool: request.tool,
          backend: 'bubblewrap',
          policyDigest: status.policyDigest,
          probeAgeMs: 0,
          attested: {},
          durationMs: 1,
        },
      });
    },
    status: () => status,
    verify: () => Promise.resolve(status),
    close: () => Promise.resolve(),
  };
}

/** The words of a chat reply, streamed or whole. */
export function spoken(reply: string): string {
  if (!reply.startsWith('data: ') && !reply.startsWith(':'))
    return (
      (JSON.parse(reply) as { choices: readonly { message: { content: string | null } }[] }).choices[0]?.message
        .content ?? ''
    );
  return reply
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map(
      (event) =>
        (JSON.parse(event.slice('data: '.length)) as { choices?: readonly { delta?: { content?: string | null } }[] })
          .choices?.[0]?.delta?.content ?? '',
    )
    .join('');
}

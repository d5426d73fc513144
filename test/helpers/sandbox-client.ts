/** A sandbox client over an in-process broker and a fake backend, closed when the test ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Config } from '../../config/schema.ts';
import type { SandboxConfig } from '../../config/sandbox-schema.ts';
import type { BrokerEvent } from '../../sandbox/broker/broker.ts';
import { PATIENCE } from '../../sandbox/broker/generation.ts';
import type { Patience } from '../../sandbox/broker/generation.ts';
import { createToolExecutor } from '../../sandbox/client.ts';
import type { SandboxClient } from '../../sandbox/client.ts';
import type { ToolOutcome, ToolRequest } from '../../sandbox/executor.ts';
import { createFakeBackend } from './fake-backend.ts';
import type { FakeBackend, Manner } from './fake-backend.ts';
import { startInProcessBroker } from './in-process-broker.ts';
import type { InProcessBroker, Tap } from './in-process-broker.ts';

export const SECRET = 'CANARY-7f3a';

/** For tests in which a peer is silent: short enough to wait for, long enough for a loaded machine's polite steps before it. */
export const SHORT: Patience = { startMs: 2000, planMs: 500, acceptMs: 500, proveMs: 1000, finishMs: 400 };

export interface Setting {
  readonly client: SandboxClient;
  readonly backend: FakeBackend;
  readonly brokers: readonly InProcessBroker[];
  readonly events: readonly BrokerEvent[];
  readonly run: (request?: Partial<ToolRequest>, signal?: AbortSignal) => Promise<ToolOutcome>;
}

export async function provide(
  options: {
    /** May depend on the state directory. */
    readonly sandbox?: Record<string, unknown> | ((stateDir: string) => Record<string, unknown>);
    readonly manner?: Manner;
    readonly prepare?: (backend: FakeBackend) => void;
    readonly tap?: Tap;
    readonly patience?: Patience;
  } = {},
): Promise<Setting> {
  const stateDir = mkdtempSync(join(tmpdir(), 'sluice-client-'));
  const config: SandboxConfig = Config.parse({
    sandbox: typeof options.sandbox === 'function' ? options.sandbox(stateDir) : (options.sandbox ?? {}),
  }).sandbox;
  const backend = createFakeBackend(options.manner, config.mode === 'deny' ? 'bubblewrap' : config.mode);
  options.prepare?.(backend);
  const brokers: InProcessBroker[] = [];
  const events: BrokerEvent[] = [];
  const client = await createToolExecutor({
    config,
    labels: ['public', 'internal', 'confidential', 'restricted'],
    stateDir,
    onEvent: (event) => events.push(event),
    patience: options.patience ?? PATIENCE,
    start: () => {
      const broker = startInProcessBroker({
        backends: [backend],
        graceMs: 50,
        ...(options.tap === undefined ? {} : { tap: options.tap }),
      });
      brokers.push(broker);
      return broker;
    },
  });
  onTestFinished(async () => {
    await client.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
  const run: Setting['run'] = (request, signal = new AbortController().signal) =>
    client.run({ ...CALL, ...request }, { signal });
  return { client, backend, brokers, events, run };
}

export const CALL: ToolRequest = {
  id: 'call_1',
  tool: 'exec',
  arguments: JSON.stringify({ command: `echo ${SECRET}` }),
  principal: 'alice',
  session: 's1',
  agent: 'main',
  label: 'public',
};

export function refusal(outcome: ToolOutcome): { readonly code: string; readonly message: string } {
  if (outcome.kind !== 'refused') throw new Error(`expected a refusal, not ${outcome.kind}`);
  expect(outcome.receipt.attested).toEqual({});
  return outcome;
}

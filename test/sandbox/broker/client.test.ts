import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Config } from '../../../config/schema.ts';
import type { SandboxConfig } from '../../../config/schema.ts';
import type { BrokerEvent } from '../../../sandbox/broker/broker.ts';
import type { Patience } from '../../../sandbox/broker/generation.ts';
import { createToolExecutor } from '../../../sandbox/client.ts';
import type { SandboxClient } from '../../../sandbox/client.ts';
import type { ToolOutcome, ToolRequest } from '../../../sandbox/executor.ts';
import { createFakeBackend } from '../../helpers/fake-backend.ts';
import type { FakeBackend, Manner } from '../../helpers/fake-backend.ts';
import { startInProcessBroker } from '../../helpers/in-process-broker.ts';
import type { Frame, InProcessBroker, Tap } from '../../helpers/in-process-broker.ts';

const SECRET = 'CANARY-7f3a';
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const SHORT: Patience = { startMs: 400, planMs: 150, acceptMs: 150, proveMs: 300, finishMs: 200 };

interface Setting {
  readonly client: SandboxClient;
  readonly backend: FakeBackend;
  readonly brokers: readonly InProcessBroker[];
  readonly events: readonly BrokerEvent[];
  readonly run: (request?: Partial<ToolRequest>, signal?: AbortSignal) => Promise<ToolOutcome>;
}

async function provide(
  options: {
    readonly sandbox?: Record<string, unknown>;
    readonly manner?: Manner;
    readonly prepare?: (backend: FakeBackend) => void;
    readonly tap?: Tap;
    readonly patience?: Patience;
  } = {},
): Promise<Setting> {
  const stateDir = mkdtempSync(join(tmpdir(), 'sluice-client-'));
  const config: SandboxConfig = Config.parse({ sandbox: options.sandbox ?? {} }).sandbox;
  const backend = createFakeBackend(options.manner, config.mode === 'deny' ? 'bubblewrap' : config.mode);
  options.prepare?.(backend);
  const brokers: InProcessBroker[] = [];
  const events: BrokerEvent[] = [];
  const client = await createToolExecutor({
    config,
    labels: ['public', 'internal', 'confidential', 'restricted'],
    stateDir,
    onEvent: (event) => events.push(event),
    patience: options.patience ?? SHORT,
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
  cleanups.push(async () => {
    await client.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
  const run: Setting['run'] = (request, signal = new AbortController().signal) =>
    client.run({ ...CALL, ...request }, { signal });
  return { client, backend, brokers, events, run };
}

const CALL: ToolRequest = {
  id: 'call_1',
  tool: 'exec',
  arguments: JSON.stringify({ command: `echo ${SECRET}` }),
  principal: 'alice',
  session: 's1',
  agent: 'main',
  label: 'public',
};

function refusal(outcome: ToolOutcome): { readonly code: string; readonly message: string } {
  if (outcome.kind !== 'refused') throw new Error(`expected a refusal, not ${outcome.kind}`);
  expect(outcome.receipt.attested).toEqual({});
  return outcome;
}

describe('a call through the broker', () => {
  test('runs, and its receipt says where, under which policy, how long since the proof and what was attested', async () => {
    const { run, client } = await provide();
    const outcome = await run();
    expect(outcome).toMatchObject({
      kind: 'exited',
      code: 0,
      stdout: { head: 'ok\n' },
      receipt: {
        tool: 'exec',
        backend: 'bubblewrap',
        attested: { seccomp: 2 },
        policyDigest: client.status().policyDigest,
      },
    });
    expect(outcome.receipt.probeAgeMs).toBeGreaterThanOrEqual(0);
    expect(JSON.stringify(outcome.receipt)).not.toContain(SECRET);
  });

  test('the key passes between engine and executor and never through the router', async () => {
    const { run, brokers } = await provide();
    await run();
    const broker = brokers[0] as InProcessBroker;
    const key = /"key":"([^"]+)"/.exec(broker.linkBytes())?.[1];
    expect(key).toHaveLength(44);
    expect(JSON.stringify(broker.frames)).not.toContain(key);
  });

  test('aborting kills what runs', async () => {
    const { run, backend } = await provide({ manner: 'waits' });
    const controller = new AbortController();
    const running = run({}, controller.signal);
    await expect.poll(() => backend.running).toBe(1);
    controller.abort();
    expect(await running).toMatchObject({ kind: 'killed', by: 'abort' });
    expect(backend.running).toBe(0);
  });

  test('an aborted call is not begun', async () => {
    const { run, backend } = await provide();
    expect(refusal(await run({}, AbortSignal.abort())).code).toBe('aborted');
    expect(backend.plans).toHaveLength(0);
  });

  test('offers follow the agent’s rules', async () => {
    const { client } = await provide({ sandbox: { agents: { reader: { allow: ['group:fs-read'] } } } });
    expect(client.offered('reader').map((tool) => tool.name)).toEqual(['read', 'list', 'search']);
    expect(client.offered('anyone')).toHaveLength(8);
    expect(client.offered('__proto__')).toHaveLength(8);
  });

  test('arguments longer than the limit are refused before anything is sent', async () => {
    const { run, brokers } = await provide();
    expect(refusal(await run({ arguments: 'x'.repeat(3_000_000) })).code).toBe('malformed-arguments');
    expect(brokers[0]?.frames.filter(({ frame }) => frame.kind === 'plan')).toHaveLength(0);
  });
});

describe('what stops tool execution', () => {
  const table: readonly (readonly [string, (backend: FakeBackend) => void, string, RegExp])[] = [
    ['a backend that cannot be used', (b) => (b.usable = false), 'sandbox-unavailable', /apt install bubblewrap/],
    [
      'an unproved claim',
      (b) => (b.claims = [{ claim: 'no-vsock', proved: false, evidence: '' }]),
      'claim-unproved',
      /no-vsock/,
    ],
    ['no claim at all', (b) => (b.claims = []), 'claim-unproved', /probe/],
    ['a probe that throws', (b) => (b.claims = 'throws'), 'claim-unproved', /probe/],
    ['an unattested run', (b) => (b.manner = 'unattested'), 'claim-unproved', /attested/],
    ['a backend that throws', (b) => (b.manner = 'throws'), 'broker-unavailable', /may have begun/],
    ['an outcome that is none', (b) => (b.manner = 'garbage'), 'broker-unavailable', /may have begun/],
    ['a failed attestation', (b) => (b.manner = 'not-started'), 'claim-unproved', /Seccomp was 0/],
  ];
  test.each(table)('%s', async (_, prepare, code, message) => {
    const { run } = await provide({ prepare });
    const refused = refusal(await run());
    expect(refused.code).toBe(code);
    expect(refused.message).toMatch(message);
    expect(refused.message).not.toContain('CANARY');
  });

  test('nothing is offered while a claim is unproved, and status names it', async () => {
    const { client } = await provide({
      prepare: (b) => (b.claims = [{ claim: 'no-vsock', proved: false, evidence: 'x' }]),
    });
    expect(client.offered('main')).toEqual([]);
    expect(client.status()).toMatchObject({ usable: false, reason: expect.stringContaining('no-vsock') as string });
  });

  test('verify proves again, and a claim that then holds lets calls run', async () => {
    const { client, backend, run } = await provide({
      prepare: (b) => (b.claims = [{ claim: 'no-vsock', proved: false, evidence: 'x' }]),
    });
    backend.claims = [{ claim: 'no-vsock', proved: true, evidence: 'EAFNOSUPPORT' }];
    expect(await client.verify()).toMatchObject({ usable: true, claims: [{ claim: 'no-vsock', proved: true }] });
    expect((await run()).kind).toBe('exited');
  });

  test('output beyond the plan’s limit is cut at the broker', async () => {
    const { run } = await provide({ manner: 'floods' });
    const outcome = await run();
    if (outcome.kind !== 'exited') throw new Error(outcome.kind);
    expect(outcome.stdout.head.length + outcome.stdout.tail.length).toBeLessThanOrEqual(3 * 65_536);
    expect(outcome.stdout.omittedBytes).toBeGreaterThan(9_000_000);
  });

  test('a policy with a problem keeps the sandbox off and says what', async () => {
    const { run, client } = await provide({ sandbox: { agents: { a: { deny: ['exce'] } } } });
    const refused = refusal(await run());
    expect(refused.code).toBe('sandbox-unavailable');
    expect(refused.message).toContain('sandbox.agents.a.deny.0');
    expect(client.offered('a')).toEqual([]);
  });

  test('mode deny refuses and offers nothing', async () => {
    const { run, client } = await provide({ sandbox: { mode: 'deny' } });
    expect(refusal(await run()).code).toBe('denied-by-policy');
    expect(client.offered('main')).toEqual([]);
    expect(client.status().usable).toBe(false);
  });
});

/** Swap after approval: what the router, or whoever sits in its place, changes on the way from engine to executor. */
describe('a plan that is not the one approved', () => {
  const swap = (change: (plan: { body: string; signature: string }) => { body: string; signature: string }): Tap => {
    return (direction, frame) =>
      direction === 'to-executor' && frame.kind === 'run'
        ? { ...frame, plan: change(frame['plan'] as { body: string; signature: string }) }
        : frame;
  };
  const table: readonly (readonly [string, Tap])[] = [
    ['changed command', swap(({ body, signature }) => ({ body: body.replace(SECRET, 'rm -rf /'), signature }))],
    ['changed mode', swap(({ body, signature }) => ({ body: body.replace('"bubblewrap"', '"host"'), signature }))],
    [
      'changed policy digest',
      swap(({ body, signature }) => ({ body: body.replace(/"policyDigest":"./, '"policyDigest":"0'), signature })),
    ],
    ['one byte of white space', swap(({ body, signature }) => ({ body: `${body} `, signature }))],
    ['forged signature', swap(({ body }) => ({ body, signature: 'a'.repeat(64) }))],
    ['empty signature', swap(({ body }) => ({ body, signature: '' }))],
    ['signature of the wrong length', swap(({ body, signature }) => ({ body, signature: `${signature}00` }))],
    ['a body that is not JSON', swap(({ signature }) => ({ body: '{', signature }))],
  ];
  test.each(table)('%s is refused and nothing runs', async (_, tap) => {
    const { run, backend } = await provide({ tap });
    const refused = refusal(await run());
    expect(refused.code).toBe('denied-by-policy');
    expect(refused.message).toContain('(signature)');
    expect(backend.plans).toHaveLength(0);
  });

  test('a replayed plan runs once', async () => {
    let replay: Frame | undefined;
    const tap: Tap = (direction, frame) => {
      if (direction !== 'to-executor' || frame.kind !== 'run') return frame;
      const swapped = replay === undefined ? frame : { ...frame, plan: replay['plan'] };
      replay ??= frame;
      return swapped;
    };
    const { run, backend } = await provide({ tap });
    expect((await run()).kind).toBe('exited');
    expect(refusal(await run()).message).toContain('(replayed)');
    expect(backend.plans).toHaveLength(1);
  });

  test('a plan signed under one policy is refused by the executor of another', async () => {
    const first = await provide();
    await first.run();
    const stolen = first.brokers[0]?.frames.find(({ frame }) => frame.kind === 'planned')?.frame['plan'];
    const { run, backend } = await provide({
      sandbox: { workspace: 'rw' },
      tap: (direction, frame) =>
        direction === 'to-executor' && frame.kind === 'run' ? { ...frame, plan: stolen } : frame,
    });
    expect(refusal(await run()).message).toContain('(signature)');
    expect(backend.plans).toHaveLength(0);
  });
});

/** Each frame of a call, in order; the n-th is where the failure strikes. */
const STEPS = [
  ['to-engine', 'plan'],
  ['from-engine', 'planned'],
  ['to-executor', 'run'],
  ['from-executor', 'accepted'],
  ['from-executor', 'started'],
  ['from-executor', 'finished'],
] as const;

describe('n-th failure: at every step of a call', () => {
  const failures: readonly (readonly [
    string,
    (frame: Frame, cut: () => void) => Frame | readonly Buffer[] | undefined,
  ])[] = [
    ['killed', (_, cut) => (cut(), undefined)],
    ['silent', () => undefined],
    ['sends garbage', () => [Buffer.from([0, 0, 0, 2, 0xff, 0xfe])]],
    ['sends an endless length', () => [Buffer.from([0xff, 0xff, 0xff, 0xff])]],
    ['adds a member', (frame) => ({ ...frame, extra: 1 })],
    ['answers another call', (frame) => ({ ...frame, sequence: 4_000_000 })],
  ];
  const rows = STEPS.flatMap(([direction, kind]) =>
    failures.map(([name, strike]) => ({ direction, kind, name, strike })),
  );
  test.each(rows)(
    '$direction $kind $name: refused, and the next generation serves',
    async ({ direction, kind, name, strike }) => {
      let struck = 0;
      const { run, backend, events } = await provide({
        sandbox: { timeoutMs: 100 },
        tap: (where, frame, cut) => {
          if (where !== direction || frame.kind !== kind || struck > 0) return frame;
          struck += 1;
          return strike(frame, cut);
        },
      });
      const outcome = await run();
      expect(struck).toBe(1);
      expect(refusal(outcome).code, name).toBe('broker-unavailable');
      const sent = direction.endsWith('executor');
      expect(refusal(outcome).message).toMatch(sent ? /may have begun/ : /Nothing ran/);
      await expect.poll(() => events.filter((event) => event.kind === 'broker-ended').length).toBe(1);
      await expect.poll(async () => (await run()).kind, { timeout: 5000 }).toBe('exited');
      expect(backend.running).toBe(0);
    },
  );

  test('a result that was never started is not believed', async () => {
    const { run } = await provide({
      tap: (where, frame) => (where === 'from-executor' && frame.kind === 'started' ? undefined : frame),
    });
    expect(refusal(await run()).code).toBe('broker-unavailable');
  });

  test('a backend that cannot be stopped takes the executor with it', async () => {
    const { run, events } = await provide({ manner: 'hangs', sandbox: { timeoutMs: 20 } });
    expect(refusal(await run()).code).toBe('broker-unavailable');
    await expect.poll(() => events.some((event) => event.kind === 'broker-ended')).toBe(true);
  });

  test('a backend past its time that does stop is killed by timeout', async () => {
    const { run } = await provide({ manner: 'waits', sandbox: { timeoutMs: 20 } });
    expect(await run()).toMatchObject({ kind: 'killed', by: 'timeout' });
  });

  test('no broker event holds anything of a request', async () => {
    const { run, events } = await provide({ manner: 'garbage' });
    await run();
    expect(JSON.stringify(events)).not.toContain('CANARY');
  });
});

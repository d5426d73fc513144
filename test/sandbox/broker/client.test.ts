import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FakeBackend } from '../../helpers/fake-backend.ts';
import type { Frame, InProcessBroker, Tap } from '../../helpers/in-process-broker.ts';
import { SECRET, provide, refusal } from '../../helpers/sandbox-client.ts';

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
    expect(client.offered('anyone')).toHaveLength(9);
    expect(client.offered('__proto__')).toHaveLength(9);
  });

  test.each(['id', 'tool', 'principal', 'session', 'agent', 'label'])(
    'a %s without end is refused, not thrown',
    async (name) => {
      const { run } = await provide();
      expect(refusal(await run({ [name]: 'x'.repeat(40_000_000) })).code).toBe('malformed-arguments');
    },
  );

  test('the largest file a tool takes arrives whole', async () => {
    const { run, backend } = await provide();
    const content = 'é'.repeat(500_000);
    expect((await run({ tool: 'write', arguments: JSON.stringify({ path: 'x', content }) })).kind).toBe('exited');
    expect(Buffer.from(backend.plans[0]?.stdin ?? '', 'base64').toString('utf8')).toBe(content);
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

  test.each([
    ['the state directory itself', (stateDir: string) => stateDir],
    ['one that holds it', (stateDir: string) => dirname(stateDir)],
    ['a system directory', () => '/etc'],
    ['one that is missing', (stateDir: string) => join(dirname(stateDir), 'none-such')],
  ])('a workspace that is %s', async (_, root) => {
    const { run, backend } = await provide({
      sandbox: (stateDir) => ({ workspace: 'ro', workspaceRoot: root(stateDir) }),
    });
    const refused = refusal(await run());
    expect(refused.code).toBe('sandbox-unavailable');
    expect(refused.message).toContain('sandbox.workspaceRoot');
    expect(backend.plans).toHaveLength(0);
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
      swap(({ body, signature }) => ({
        body: body.replace(/(?<="policyDigest":")./, (digit) => (digit === '0' ? '1' : '0')),
        signature,
      })),
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

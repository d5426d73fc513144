/** Several engines behind one mode: who gets a call, who gets it next, and who never does. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Outcome } from '../../../sandbox/backend.ts';
import { createFleet } from '../../../sandbox/backends/fleet.ts';
import type { FleetOptions } from '../../../sandbox/backends/fleet.ts';
import type { ExecutionPlan } from '../../../sandbox/plan.ts';
import { createFakeBackend } from '../../helpers/fake-backend.ts';
import { never, shell } from './fixture.ts';

const lost: Outcome = { kind: 'not-started', cause: 'unavailable', detail: 'ECONNRESET' };

function provide(names: readonly string[], changes: Partial<FleetOptions> & { readonly capacity?: number } = {}) {
  const fakes = new Map(names.map((name) => [name, createFakeBackend('polite', 'docker')]));
  const fleet = createFleet({
    mode: 'docker',
    staleMs: 60_000,
    firstRestMs: 20,
    members: names.map((name) => ({
      name,
      kind: 'tls',
      capacity: changes.capacity ?? 8,
      backend: fakes.get(name) as ReturnType<typeof createFakeBackend>,
    })),
    ...changes,
  });
  onTestFinished(() => fleet.close());
  const fake = (name: string) => fakes.get(name) as ReturnType<typeof createFakeBackend>;
  const run = (plan: Partial<ExecutionPlan> = {}, signal = never()) =>
    fleet.run(shell('true', { mode: 'docker', endpoints: names, ...plan }), { signal });
  const at = (outcome: Outcome): unknown => ('attested' in outcome ? outcome.attested.endpoint : outcome.detail);
  return { fleet, fake, run, at, ready: async () => void (await fleet.available(), await fleet.prove()) };
}
/** What a fake answers from now on. */
const answers = (backend: ReturnType<typeof createFakeBackend>, outcome: Outcome) => {
  const original = backend.run.bind(backend);
  const spy = vi.spyOn(backend, 'run').mockImplementation(async (plan) => {
    backend.plans.push(plan);
    return outcome;
  });
  return () => spy.mockImplementation(original);
};

describe('a call goes', () => {
  it('nowhere before a proof, and to nobody whose claims are not proved', async () => {
    const { fleet, fake, run, at, ready } = provide(['one', 'two']);
    expect(await run()).toMatchObject({ kind: 'not-started', cause: 'unavailable' });
    fake('one').claims = [{ claim: 'no-network', proved: false, evidence: 'reached' }];
    await ready();
    for (let call = 0; call < 4; call++) expect(at(await run())).toBe('two');
    expect(fake('one').plans).toEqual([]);
    expect(fleet.endpoints?.().map(({ name, state }) => [name, state])).toEqual([
      ['one', 'unproved'],
      ['two', 'ready'],
    ]);
    // What the mode claims is what holds of those that get calls.
    expect((await fleet.prove()).map(({ claim, proved }) => [claim, proved])).toEqual([['two: no-network', true]]);
  });

  it('to those its plan names and no other; a plan that names none goes nowhere', async () => {
    const { run, at, ready, fake } = provide(['one', 'two']);
    await ready();
    for (let call = 0; call < 4; call++) expect(at(await run({ endpoints: ['two'] }))).toBe('two');
    const { endpoints: _, ...unnamed } = shell('true', { mode: 'docker', endpoints: [] });
    expect(await run({ ...unnamed, endpoints: [] })).toMatchObject({ kind: 'not-started' });
    expect(fake('one').plans).toEqual([]);
  });

  it('to the least filled for its capacity, and to none that is full', async () => {
    const { run, fake, ready } = provide(['one', 'two'], { capacity: 2 });
    await ready();
    fake('one').manner = 'waits';
    fake('two').manner = 'waits';
    const abort = new AbortController();
    const calls = Array.from({ length: 4 }, () => run({}, abort.signal));
    expect([fake('one').running, fake('two').running]).toEqual([2, 2]);
    expect(await run()).toMatchObject({
      kind: 'not-started',
      cause: 'unavailable',
      detail: 'one: it is full; two: it is full',
    });
    abort.abort();
    expect((await Promise.all(calls)).map(({ kind }) => kind)).toEqual(Array.from({ length: 4 }, () => 'killed'));
  });

  it('to the same one again when it shares state, spread over all by scope', async () => {
    const { run, at, ready } = provide(['one', 'two', 'three']);
    await ready();
    const scopes = Array.from({ length: 30 }, (_, index) => ({ home: '/home', scopeKey: `scope-${index}` }));
    const places = async (): Promise<readonly unknown[]> => {
      const found: unknown[] = [];
      for (const scope of scopes) found.push(at(await run(scope)));
      return found;
    };
    const first = await places();
    const again = await places();
    expect(again).toEqual(first);
    expect(new Set(first).size).toBe(3);
  });
});

describe('when an engine is lost', () => {
  it('before the handover another gets the call, once', async () => {
    const { run, at, ready, fake } = provide(['one', 'two']);
    await ready();
    answers(fake('one'), lost);
    for (let call = 0; call < 3; call++) expect(at(await run())).toBe('two');
    expect(fake('two').plans).toHaveLength(3);
  });

  it.each([
    ['unknown', { kind: 'unknown', detail: 'lost', attested: { seccomp: 2 } }],
    [
      'killed',
      {
        kind: 'killed',
        by: 'abort',
        stdout: { head: '', tail: '', omittedBytes: 0 },
        stderr: { head: '', tail: '', omittedBytes: 0 },
        attested: { seccomp: 2 },
      },
    ],
    ['a plan it cannot do', { kind: 'not-started', cause: 'plan-unsupported', detail: 'too large' }],
    ['not attested', { kind: 'not-started', cause: 'attestation-failed', detail: 'Seccomp was 0' }],
  ] as const)('%s is told and not run anywhere else', async (_what, outcome) => {
    const { run, ready, fake } = provide(['one', 'two']);
    await ready();
    answers(fake('one'), outcome as Outcome);
    answers(fake('two'), outcome as Outcome);
    expect(await run()).toMatchObject({ kind: outcome.kind });
    expect(fake('one').plans.length + fake('two').plans.length).toBe(1);
  });

  it('a call that is cancelled meanwhile is not tried elsewhere', async () => {
    const { run, ready, fake } = provide(['one', 'two']);
    await ready();
    const abort = new AbortController();
    for (const name of ['one', 'two'])
      vi.spyOn(fake(name), 'run').mockImplementation(async (plan) => {
        fake(name).plans.push(plan);
        abort.abort();
        return lost;
      });
    await run({}, abort.signal);
    expect(fake('one').plans.length + fake('two').plans.length).toBe(1);
  });

  it('that engine gets no more calls, and is proved again before it does', async () => {
    const { fleet, run, at, ready, fake } = provide(['one', 'two']);
    await ready();
    let told = 0;
    fleet.watchEndpoints?.(() => told++);
    const restore = answers(fake('one'), lost);
    const { proofs } = fake('one');
    for (let call = 0; call < 4; call++) await run();
    expect(fleet.endpoints?.()[0]).toMatchObject({ name: 'one', state: 'resting' });
    fake('one').claims = [{ claim: 'no-network', proved: false, evidence: 'another machine' }];
    restore();
    await expect.poll(() => fake('one').proofs).toBeGreaterThan(proofs);
    for (let call = 0; call < 3; call++) expect(at(await run())).toBe('two');
    fake('one').claims = [{ claim: 'no-network', proved: true, evidence: '' }];
    await expect.poll(() => fleet.endpoints?.()[0]?.state).toBe('ready');
    expect(told).toBeGreaterThan(1);
    expect(new Set([at(await run()), at(await run())])).toEqual(new Set(['one', 'two']));
  });

  it('a hung proof is one that failed, and keeps no other back', async () => {
    const { fleet, run, at, ready, fake } = provide(['one', 'two'], { proveMs: 50, firstRestMs: 60_000 });
    fake('one').claims = 'hangs';
    await ready();
    expect(fleet.endpoints?.()[0]).toMatchObject({ state: 'unproved', reason: 'its probes did not end in time' });
    expect(at(await run())).toBe('two');
  });

  it('all of them: nothing runs, and the reasons are told', async () => {
    const { fleet, run, ready, fake } = provide(['one', 'two'], { firstRestMs: 60_000 });
    fake('one').usable = false;
    fake('two').usable = false;
    await ready();
    expect(await fleet.available()).toMatchObject({
      usable: false,
      reason: expect.stringContaining('two: bwrap is missing') as string,
    });
    expect(await run()).toMatchObject({ kind: 'not-started', cause: 'unavailable' });
  });

  it('a proof grows old', async () => {
    let now = 1000;
    const { run, ready } = provide(['one'], { staleMs: 500, now: () => now });
    await ready();
    expect(await run()).toMatchObject({ kind: 'exited', attested: { endpoint: 'one', endpointProbeAgeMs: 0 } });
    now += 400;
    expect(await run()).toMatchObject({ kind: 'exited', attested: { endpointProbeAgeMs: 400 } });
    now += 400;
    expect(await run()).toMatchObject({ kind: 'not-started', detail: 'one: its last proof is too old' });
  });

  it('what nobody attested is not made to look as if somebody had', async () => {
    const { run, ready, fake } = provide(['one']);
    await ready();
    fake('one').manner = 'unattested';
    expect(await run()).toMatchObject({ kind: 'exited', attested: {} });
    const outcome = await run();
    expect('attested' in outcome && Object.keys(outcome.attested)).toEqual([]);
  });
});

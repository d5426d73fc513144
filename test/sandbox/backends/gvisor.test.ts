/** Mode `docker+gvisor` on a real engine with a real runsc, where one that is new enough can be had. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Sandbox } from '../../../config/sandbox-schema.ts';
import { callThroughPlanner } from '../../../sandbox/attack/call-through-planner.ts';
import { runAttacks } from '../../../sandbox/attack/run-attacks.ts';
import type { Backend } from '../../../sandbox/backend.ts';
import { createDockerBackend } from '../../../sandbox/backends/docker.ts';
import { GVISOR_PROBES } from '../../../sandbox/backends/docker/probes.ts';
import { toSandboxPolicy } from '../../../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../../../sandbox/tools/catalogue.ts';
import { OWN_ATTACKS } from '../attack/own-attacks.ts';
import { describeBackend } from './conformance.case.ts';
import { containersOn, RUNSC_FLAGS, startGvisorEngine } from './docker-engine.ts';
import type { TestEngine } from './docker-engine.ts';
import { area, never, shell } from './fixture.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 90_000 });

const home = area();
let test: TestEngine;
let backend: Backend;
let unusable = '';
const on = (socket: string, state: string): Backend =>
  createDockerBackend({
    mode: 'docker+gvisor',
    socket,
    image: 'sluice-test',
    uid: 65534,
    gid: 65534,
    stateDir: join(home.path, state),
  });
const gvisor = (script: string) => shell(script, { mode: 'docker+gvisor' });

beforeAll(async () => {
  test = await startGvisorEngine();
  backend = on(test.socket, 'state');
  const available = await backend.available();
  // A runsc that is too old is refused, which is what the mode promises; then there is nothing more to test.
  unusable = test.missing !== '' ? test.missing : available.usable ? '' : available.reason;
  // A fault of ours is not an old runsc.
  if (unusable.includes('cannot be seen')) throw new Error(unusable);
});
afterAll(async () => {
  await backend.close();
  await test.stop();
  home.remove();
});
afterEach(async () => {
  const left = unusable === '' ? await containersOn(test.engine) : 0;
  if (left > 0) throw new Error(`${left} containers are left behind`);
});

describeBackend('docker+gvisor', {
  backend: () => backend,
  missing: () => unusable,
  confines: true,
  directory: () => home.path,
});

describe('gVisor', () => {
  it('sandboxes on it prove every claim', async (context) => {
    if (unusable !== '') context.skip(unusable);
    const reports = await backend.prove();
    expect(reports.filter(({ proved }) => !proved)).toEqual([]);
    expect(reports.map(({ claim }) => claim)).toEqual(GVISOR_PROBES.map(({ claim }) => claim));
  });

  it('programs run on its kernel, and the receipt says what was not seen from outside', async (context) => {
    if (unusable !== '') context.skip(unusable);
    const outcome = await backend.run(
      gvisor('cat /proc/version; ls / > /dev/null && stat / > /dev/null && echo works'),
      {
        signal: never(),
      },
    );
    expect(outcome).toMatchObject({
      kind: 'exited',
      stdout: { head: expect.stringMatching(/gvisor[^\n]*\nworks\n$/) as string },
      attested: { isolation: 'docker+gvisor', sentrySeccomp: 2, notSeenFromOutside: expect.any(String) as string },
    });
  });

  it('none of our own attacks gets out of it', async (context) => {
    if (unusable !== '') context.skip(unusable);
    const policy = toSandboxPolicy(
      Sandbox.parse({ mode: 'docker+gvisor', workspace: 'rw' }),
      ['public'],
      BUNDLED_TOOL_NAMES,
    );
    const site = { scopesRoot: join(home.path, 'scopes'), egressRoot: join(home.path, 'egress') };
    const callTool = callThroughPlanner(backend, policy, site, never());
    const report = await runAttacks(OWN_ATTACKS, backend, { uid: 65534, gid: 65534, signal: never(), callTool });
    expect(report.attempts.filter(({ verdict }) => verdict === 'ESCAPED' || verdict === 'not-run')).toEqual([]);
  });

  it.for(['--oci-seccomp', '--network=none'])(
    'a runsc without %s attests nothing and runs nothing',
    async (flag, context) => {
      if (unusable !== '') context.skip(unusable);
      const weak = await startGvisorEngine(RUNSC_FLAGS.filter((each) => each !== flag));
      const one = on(weak.socket, `without${flag}`);
      const outcome = await one.run(gvisor('echo ran'), { signal: never() });
      await one.close();
      await weak.stop();
      expect(outcome).toMatchObject({ kind: 'not-started' });
    },
  );
});

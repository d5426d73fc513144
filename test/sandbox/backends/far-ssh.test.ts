/** Endpoints through a real sshd: the same conformance, keys and host keys that are not the right ones, two with one dead. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Sandbox } from '../../../config/sandbox-schema.ts';
import type { SandboxEndpoint } from '../../../config/sandbox-endpoint-schema.ts';
import type { Backend } from '../../../sandbox/backend.ts';
import { farImage } from '../../../sandbox/backends/docker/far-image.ts';
import { createFarDockerBackend } from '../../../sandbox/backends/far-docker.ts';
import { chooseBackends } from '../../../sandbox/broker/choose-backends.ts';
import { HoneyKey } from '../../../sandbox/watch/honey.ts';
import { describeBackend } from './conformance.case.ts';
import { containersOn } from './docker-engine.ts';
import { startFarEngine } from './far-engine.ts';
import type { FarEngine } from './far-engine.ts';
import { area, never, shell } from './fixture.ts';
import { startSshd } from './sshd.ts';
import type { TestSshd } from './sshd.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const home = area();
const stateDir = join(home.path, 'state');
let far: FarEngine;
let sshd: TestSshd;
let missing = '';
let backend: Backend;
const endpoint = (changes: Partial<SandboxEndpoint> = {}): SandboxEndpoint => ({
  name: 'over-ssh',
  url: `ssh://${sshd.user}@127.0.0.1:${sshd.port}${far.test.socket}`,
  key: sshd.key,
  knownHosts: sshd.knownHosts,
  capacity: 4,
  ...changes,
});
const on = (changes: Partial<SandboxEndpoint> = {}): Backend =>
  createFarDockerBackend({
    mode: 'docker',
    endpoint: endpoint(changes),
    image: { repository: 'sluice-test', make: () => farImage({ stateDir, uid: 65534, gid: 65534, include: [] }) },
    uid: 65534,
    gid: 65534,
    stateDir,
  });
const tunnels = (): number => readdirSync('/tmp').filter((name) => name.startsWith('sluice-ssh-')).length;

beforeAll(async () => {
  far = await startFarEngine(home.path);
  sshd = await startSshd(join(home.path, 'sshd'));
  missing = far.missing || sshd.missing;
  if (missing === '') {
    // The far user may use the engine, as one in group docker may.
    chmodSync(dirname(far.test.socket), 0o711);
    chmodSync(far.test.socket, 0o666);
  }
  backend = on();
});
afterAll(async () => {
  await backend.close();
  await sshd.stop();
  await far.stop();
  home.remove();
});

describeBackend('docker over ssh', {
  backend: () => backend,
  missing: () => missing,
  confines: true,
  directory: () => home.path,
});

describe('an endpoint over ssh', () => {
  const reasonOf = async (changes: Partial<SandboxEndpoint>): Promise<string> => {
    const one = on(changes);
    const available = await one.available();
    await one.close();
    return available.usable ? 'usable' : available.reason;
  };

  it('a changed host key, an unknown host, a strange key and a missing file each open nothing', async (context) => {
    if (missing !== '') context.skip(missing);
    const before = tunnels();
    const changed = join(home.path, 'changed_hosts');
    writeFileSync(changed, `[127.0.0.1]:${sshd.port} ${readFileSync(join(home.path, 'sshd/client.pub'), 'utf8')}`);
    expect(await reasonOf({ knownHosts: `file:${changed}` })).toContain('shows another host key');
    writeFileSync(join(home.path, 'no_hosts'), '');
    expect(await reasonOf({ knownHosts: `file:${join(home.path, 'no_hosts')}` })).toContain('shows another host key');
    expect(await reasonOf({ key: `file:${join(home.path, 'sshd/host')}` })).toContain('does not take the key');
    expect(await reasonOf({ key: 'file:/nonexistent' })).toContain('cannot be read');
    expect(await reasonOf({ url: `ssh://far@127.0.0.1:1/var/run/docker.sock` })).toContain('no ssh connection');
    expect(await reasonOf({ url: `ssh://far@127.0.0.1:${sshd.port}/nonexistent.sock` })).toContain('does not answer');
    expect(tunnels()).toBe(before);
  });

  it('with two endpoints of which one is dead every call runs on the other, and receipts say where', async (context) => {
    if (missing !== '') context.skip(missing);
    const sandbox = Sandbox.parse({
      mode: 'docker',
      docker: {
        image: 'sluice-test',
        endpoints: [
          far.endpoint({ name: 'over-tls' }),
          endpoint(),
          far.endpoint({ name: 'dead', url: 'tcp://127.0.0.1:1' }),
        ],
      },
    });
    const fleet = chooseBackends({
      modes: ['docker'],
      sandbox,
      labels: ['public'],
      stateDir: join(home.path, 'fleet'),
      guarded: [],
      scopesRoot: join(home.path, 'scopes'),
      egressRoot: join(home.path, 'egress'),
      honey: new HoneyKey(),
    }).get('docker') as Backend;
    onTestFinished(() => fleet.close());
    const run = () =>
      fleet.run(shell('cat /opt/backup/* | wc -l', { mode: 'docker', endpoints: ['over-tls', 'over-ssh', 'dead'] }), {
        signal: never(),
      });
    expect(await fleet.available()).toEqual({ usable: true });
    expect((await fleet.prove()).every(({ proved }) => proved)).toBe(true);
    expect(fleet.endpoints?.().map(({ name, state }) => [name, state])).toEqual([
      ['over-tls', 'ready'],
      ['over-ssh', 'ready'],
      ['dead', 'unusable'],
    ]);
    const used = new Set<unknown>();
    for (let call = 0; call < 4; call++) {
      const outcome = await run();
      expect(outcome).toMatchObject({
        kind: 'exited',
        code: 0,
        stdout: { head: '9\n' },
        attested: { seenBy: 'witness', endpointProbeAgeMs: expect.any(Number) as number },
      });
      if (outcome.kind === 'exited') used.add(outcome.attested.endpoint);
    }
    expect(used).toEqual(new Set(['over-tls', 'over-ssh']));
    // One is lost while nothing runs: the other gets every call, none fails.
    far.relay.mode = 'cut';
    for (let call = 0; call < 4; call++)
      expect(await run()).toMatchObject({ kind: 'exited', attested: { endpoint: 'over-ssh' } });
    far.relay.mode = 'open';
    await expect.poll(() => fleet.endpoints?.()[0]?.state, { timeout: 60_000, interval: 250 }).toBe('ready');
    await fleet.close();
    await backend.close();
    await expect.poll(() => containersOn(far.test.engine), { timeout: 20_000 }).toBe(0);
  });
});

/** Modes `docker` and `docker+gvisor` on an engine as on another machine: a real one, over TLS, with a relay to cut. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Sandbox } from '../../../config/sandbox-schema.ts';
import { callThroughPlanner } from '../../../sandbox/attack/call-through-planner.ts';
import { runAttacks } from '../../../sandbox/attack/run-attacks.ts';
import type { Backend } from '../../../sandbox/backend.ts';
import { connectEndpoint } from '../../../sandbox/backends/docker/connect.ts';
import type { ContainerSite } from '../../../sandbox/backends/docker/container-options.ts';
import { EngineFault } from '../../../sandbox/backends/docker/engine.ts';
import type { Engine } from '../../../sandbox/backends/docker/engine.ts';
import { createFarDockerBackend } from '../../../sandbox/backends/far-docker.ts';
import type { FarOptions, FarReplaced } from '../../../sandbox/backends/far-docker.ts';
import { farImage } from '../../../sandbox/backends/docker/far-image.ts';
import { CONTAINER_PROBES } from '../../../sandbox/backends/docker/probes.ts';
import { toSandboxPolicy } from '../../../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../../../sandbox/tools/catalogue.ts';
import { HoneyKey } from '../../../sandbox/watch/honey.ts';
import { OWN_ATTACKS } from '../attack/own-attacks.ts';
import { createAuthority } from './authority.ts';
import { describeBackend } from './conformance.case.ts';
import { startFarEngine } from './far-engine.ts';
import type { FarEngine } from './far-engine.ts';
import { area, LIMITS, never, shell } from './fixture.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const home = area();
let far: FarEngine;
let backend: Backend;
const on = (changes: Partial<FarOptions> = {}, replaced: FarReplaced = {}): Backend => {
  const stateDir = join(home.path, 'state');
  return createFarDockerBackend(
    {
      mode: 'docker',
      endpoint: far.endpoint(),
      image: { repository: 'sluice-test', make: () => farImage({ stateDir, uid: 65534, gid: 65534, include: [] }) },
      uid: 65534,
      gid: 65534,
      stateDir,
      ...changes,
    },
    replaced,
  );
};
const docker = (script: string, changes: Parameters<typeof shell>[1] = {}) =>
  shell(script, { mode: 'docker', ...changes });

beforeAll(async () => {
  far = await startFarEngine(home.path);
  backend = on();
});
afterAll(async () => {
  await backend.close();
  await far.stop();
  home.remove();
});

describeBackend('docker at an endpoint', {
  backend: () => backend,
  missing: () => far.missing,
  confines: true,
  directory: () => home.path,
});

/** Every test from here on must leave no sandbox behind, whatever it did. */
const left = async (): Promise<number> => (await running()).filter((name) => !name.includes('witness')).length;
async function running(): Promise<readonly string[]> {
  const answer = await far.test.engine.ask({ method: 'GET', path: '/containers/json?all=1' });
  return (answer as readonly { readonly Names: readonly string[] }[]).map(({ Names }) => Names[0] ?? '');
}
async function untilNoneIsLeft(): Promise<void> {
  for (let look = 0; look < 200; look++) {
    if ((await left()) === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('a sandbox was left behind');
}
const skipUnlessThere = (context: { skip(reason: string): void }): void => {
  if (far.missing !== '') context.skip(far.missing);
};

describe('an endpoint', () => {
  afterEach(async () => {
    if (far.missing !== '') return;
    far.relay.mode = 'open';
    await untilNoneIsLeft();
  });

  it('sandboxes on it prove every claim', async (context) => {
    skipUnlessThere(context);
    expect(await backend.available()).toEqual({ usable: true });
    const reports = await backend.prove();
    expect(reports.filter(({ proved }) => !proved)).toEqual([]);
    expect(reports.map(({ claim }) => claim)).toEqual(CONTAINER_PROBES.map(({ claim }) => claim));
  });

  it('none of our own attacks gets out of it', async (context) => {
    skipUnlessThere(context);
    const policy = toSandboxPolicy(Sandbox.parse({ mode: 'docker', workspace: 'rw' }), ['public'], BUNDLED_TOOL_NAMES);
    const site = { scopesRoot: join(home.path, 'scopes'), egressRoot: join(home.path, 'egress') };
    const callTool = callThroughPlanner(backend, policy, site, never());
    const report = await runAttacks(OWN_ATTACKS, backend, { uid: 65534, gid: 65534, signal: never(), callTool });
    expect(report.attempts.filter(({ verdict }) => verdict === 'ESCAPED' || verdict === 'not-run')).toEqual([]);
    expect(report.passed).toBe(true);
  });

  it('the witness sees from outside what was weakened, and nothing is handed over', async (context) => {
    skipUnlessThere(context);
    const weaker: readonly [string, (site: ContainerSite) => ContainerSite][] = [
      ['root', (site) => ({ ...site, uid: 0, gid: 0 })],
      [
        'no filter',
        (site) => ({
          ...site,
          seccomp: () =>
            ({ defaultAction: 'SCMP_ACT_ALLOW', architectures: [], syscalls: [] }) as unknown as ReturnType<
              ContainerSite['seccomp']
            >,
        }),
      ],
      ['a directory of the machine', (site) => ({ ...site, isFar: false, system: ['/usr'], node: process.execPath })],
    ];
    for (const [what, weaken] of weaker) {
      const weak = on({}, { weaken });
      const outcome = await weak.run(docker('true'), { signal: never() });
      const claims = what === 'no filter' ? await weak.prove() : [];
      await weak.close();
      if (what === 'no filter')
        expect(claims.filter(({ proved }) => !proved).map(({ claim }) => claim)).toContain('system-calls');
      else expect([what, outcome]).toMatchObject([what, { kind: 'not-started', cause: 'attestation-failed' }]);
    }
  });

  it('what is read-only there cannot be changed there, and what only another may read is not carried', async (context) => {
    skipUnlessThere(context);
    const source = join(home.path, 'carried');
    mkdirSync(source);
    chmodSync(source, 0o755);
    writeFileSync(join(source, 'open'), 'open');
    writeFileSync(join(source, 'closed'), 'CANARY', { mode: 0o600 });
    const script =
      'cat * 2>&1; for one in . open; do chmod 777 $one 2>/dev/null && echo changed; done; (: > new) 2>/dev/null && echo made; true';
    const at = (access: 'ro' | 'rw') =>
      backend.run(docker(script, { workspace: { access, source }, cwd: '/workspace' }), { signal: never() });
    expect(await at('ro')).toMatchObject({ kind: 'exited', stdout: { head: 'open' } });
    // The directory is root's: what the sandbox's user may not change here, it may not change from there.
    const outcome = await at('rw');
    expect(outcome).toMatchObject({
      kind: 'exited',
      stderr: { head: expect.stringContaining('change set') as string },
    });
    expect(readdirSync(source).toSorted()).toEqual(['closed', 'open']);
    expect(JSON.stringify(outcome)).not.toContain('CANARY');
  });

  it('a call that is killed changes nothing here; one that ends changes all it changed there', async (context) => {
    skipUnlessThere(context);
    const source = join(home.path, 'atomic');
    mkdirSync(source);
    chmodSync(source, 0o777);
    writeFileSync(join(source, 'old'), 'old');
    chmodSync(join(source, 'old'), 0o666);
    const work = 'mkdir -p a/b; echo new > a/b/new; rm old; ln -s a/b/new link; chmod 000 a/b/new';
    const run = (script: string, wallMs: number) =>
      backend.run(
        docker(script, { workspace: { access: 'rw', source }, cwd: '/workspace', limits: { ...LIMITS, wallMs } }),
        { signal: never() },
      );
    expect(await run(`${work}; sleep 30`, 1500)).toMatchObject({ kind: 'killed', by: 'timeout' });
    expect(readdirSync(source)).toEqual(['old']);
    // A daemon it leaves behind does not hold up what comes back.
    expect(await run(`(setsid sleep 60 &) ; ${work}; exit 3`, 10_000)).toMatchObject({ kind: 'exited', code: 3 });
    expect(readdirSync(source).toSorted()).toEqual(['a', 'link']);
    expect(readFileSync(join(source, 'link'), 'utf8')).toBe('new\n');
  });

  it('an unfit certificate opens nothing, on either side', async (context) => {
    skipUnlessThere(context);
    const other = createAuthority(join(home.path, 'other'));
    const ended = far.authority.issue('expired', 'client', -1);
    const reasonOf = async (changes: Parameters<FarEngine['endpoint']>[0]): Promise<string> => {
      const one = on({ endpoint: far.endpoint(changes) });
      const available = await one.available();
      await one.close();
      return available.usable ? 'usable' : available.reason;
    };
    expect(await reasonOf({ ca: other.ca })).toContain('certificate of endpoint far is not good');
    expect(await reasonOf(other.issue('stranger', 'client'))).toMatch(/no TLS that is trusted|does not answer/);
    expect(await reasonOf(ended)).toMatch(/no TLS that is trusted|does not answer/);
    expect(await reasonOf({ key: 'file:/nonexistent' })).toContain('cannot be read');
    // localhost is in the certificate; another name of the same address is not.
    expect(await reasonOf({ url: `tcp://ip6-localhost:${far.relay.port}` })).not.toBe('usable');
    const { port, close } = await plainServer();
    expect(await reasonOf({ url: `tcp://127.0.0.1:${port}` })).toMatch(/no TLS that is trusted|does not answer/);
    await close();
  });

  it('an expired certificate of the engine opens nothing', async (context) => {
    skipUnlessThere(context);
    const { cert, key } = far.authority.issue('old-engine', 'server', -1);
    const read = (reference: string): Buffer => readFileSync(reference.slice('file:'.length));
    const server = createTlsServer({ cert: read(cert), key: read(key) }, (socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const one = on({ endpoint: far.endpoint({ url: `tcp://127.0.0.1:${port}` }) });
    expect(await one.available()).toMatchObject({
      usable: false,
      reason: expect.stringContaining('CERT_HAS_EXPIRED') as string,
    });
    await one.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it('killed while a command runs: its end is unknown, it is not run again, and it does not run on there', async (context) => {
    skipUnlessThere(context);
    const one = on();
    expect(await one.available()).toEqual({ usable: true });
    const source = join(home.path, 'cut');
    mkdirSync(source);
    chmodSync(source, 0o777);
    const call = one.run(
      docker('echo begun > mark; sleep 60', {
        workspace: { access: 'rw', source },
        cwd: '/workspace',
        limits: { ...LIMITS, wallMs: 50_000 },
      }),
      { signal: never() },
    );
    await new Promise((resolve) => setTimeout(resolve, 2500));
    far.relay.mode = 'cut';
    expect(await call).toMatchObject({ kind: 'unknown' });
    expect(readdirSync(source)).toEqual([]);
    // The witness there lost us, and ended what it had on its leash; the container is removed when the endpoint is back.
    const asleep = async (): Promise<number> => {
      const answer = await far.test.engine.ask({ method: 'GET', path: '/containers/json' });
      return (answer as readonly unknown[]).length;
    };
    await expect.poll(asleep, { timeout: 20_000 }).toBe(0);
    expect(await one.run(docker('true'), { signal: never() })).toMatchObject({
      kind: 'not-started',
      cause: 'unavailable',
    });
    far.relay.mode = 'open';
    expect(await one.run(docker('echo back'), { signal: never() })).toMatchObject({
      kind: 'exited',
      stdout: { head: 'back\n' },
    });
    await expect.poll(left, { timeout: 20_000 }).toBe(0);
    await one.close();
  });

  it('one that is deaf is given up on in time, before and after the handover', async (context) => {
    skipUnlessThere(context);
    const one = on();
    expect(await one.available()).toEqual({ usable: true });
    const call = one.run(docker('sleep 60', { limits: { ...LIMITS, wallMs: 4000 } }), { signal: never() });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    far.relay.mode = 'deaf';
    expect(await call).toMatchObject({ kind: 'unknown' });
    expect(await one.run(docker('true'), { signal: never() })).toMatchObject({
      kind: 'not-started',
      cause: 'unavailable',
    });
    far.relay.mode = 'open';
    await one.close();
  });

  it('a fault at any request leaves nothing behind and reports nothing as done that was not', async (context) => {
    skipUnlessThere(context);
    const source = join(home.path, 'nth');
    mkdirSync(source);
    chmodSync(source, 0o777);
    const ends: string[] = [];
    for (let nth = 1; nth < 60; nth++) {
      let asked = 0;
      const count = (): void => {
        if (++asked === nth) throw new EngineFault('ECONNRESET', 0);
      };
      const { engine } = connectEndpoint(far.endpoint());
      const faulty: Engine = {
        place: engine.place,
        ask: async (request) => (count(), engine.ask(request)),
        attach: async (container) => (count(), engine.attach(container)),
        execute: async (execution) => (count(), engine.execute(execution)),
      };
      const one = on({ honey: new HoneyKey() }, { connected: { engine: faulty, close: () => Promise.resolve() } });
      const outcome = await one.run(
        docker(`echo ${nth} > made; echo ran`, { workspace: { access: 'rw', source }, cwd: '/workspace' }),
        { signal: never() },
      );
      await one.close();
      ends.push(outcome.kind);
      const made = readFileSync(join(source, 'made'), { flag: 'a+', encoding: 'utf8' });
      if (outcome.kind === 'exited') {
        expect(outcome).toMatchObject({ code: 0, stdout: { head: 'ran\n' } });
        expect(made).toBe(`${nth}\n`);
      } else expect(made).not.toBe(`${nth}\n`);
      if (asked < nth) break;
    }
    expect(ends.length).toBeGreaterThan(12);
    expect(ends[0]).toBe('not-started');
    expect(ends).toContain('unknown');
    expect(ends.at(-1)).toBe('exited');
    await backend.prove();
  });
});

async function plainServer(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((_request, response) => response.end('{"ApiVersion":"1.41"}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

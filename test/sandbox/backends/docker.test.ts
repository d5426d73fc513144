import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Sandbox } from '../../../config/sandbox-schema.ts';
import { callThroughPlanner } from '../../../sandbox/attack/call-through-planner.ts';
import { runAttacks } from '../../../sandbox/attack/run-attacks.ts';
import type { Backend } from '../../../sandbox/backend.ts';
import { createDockerBackendWith } from '../../../sandbox/backends/docker.ts';
import type { DockerOptions } from '../../../sandbox/backends/docker.ts';
import type { ContainerSite } from '../../../sandbox/backends/docker/container-options.ts';
import { EngineFault } from '../../../sandbox/backends/docker/engine.ts';
import type { Engine } from '../../../sandbox/backends/docker/engine.ts';
import { OWNER_LABEL } from '../../../sandbox/backends/docker/leftovers.ts';
import { CONTAINER_PROBES } from '../../../sandbox/backends/docker/probes.ts';
import { toSandboxPolicy } from '../../../sandbox/policy.ts';
import { BUNDLED_TOOLS } from '../../../sandbox/tools/catalogue.ts';
import { OWN_ATTACKS } from '../attack/own-attacks.ts';
import { describeBackend } from './conformance.case.ts';
import { containersOn, startEngine } from './docker-engine.ts';
import type { TestEngine } from './docker-engine.ts';
import { area, never, shell } from './fixture.ts';

const home = area();
let test: TestEngine;
let backend: Backend;
const optionsFor = (socket: string, state = 'state'): DockerOptions => ({
  mode: 'docker',
  socket,
  image: 'sluice-test',
  uid: 65534,
  gid: 65534,
  stateDir: join(home.path, state),
});
const docker = (script: string) => shell(script, { mode: 'docker' });

beforeAll(async () => {
  test = await startEngine();
  backend = createDockerBackendWith(optionsFor(test.socket), {});
}, 60_000);
afterAll(async () => {
  await backend.close();
  await test.stop();
  home.remove();
});

describeBackend('docker', {
  backend: () => backend,
  missing: () => test.missing,
  confines: true,
  directory: () => home.path,
});

describe('a docker engine', () => {
  /** Every test here must leave no container behind, whatever it did. */
  afterEach(async () => {
    const left = test.missing === '' ? await containersOn(test.engine) : 0;
    if (left > 0) throw new Error(`${left} containers are left behind`);
  });

  it('sandboxes on it prove every claim', { timeout: 120_000 }, async (context) => {
    if (test.missing !== '') context.skip(test.missing);
    expect(await backend.available()).toEqual({ usable: true });
    const reports = await backend.prove();
    expect(reports.filter(({ proved }) => !proved)).toEqual([]);
    expect(reports.map(({ claim }) => claim)).toEqual(CONTAINER_PROBES.map(({ claim }) => claim));
  });

  it('none of our own attacks gets out of it', { timeout: 120_000 }, async (context) => {
    if (test.missing !== '') context.skip(test.missing);
    const tools = [...BUNDLED_TOOLS.keys()];
    const policy = toSandboxPolicy(Sandbox.parse({ mode: 'docker', workspace: 'rw' }), ['public', 'internal'], tools);
    const site = { scopesRoot: join(home.path, 'scopes'), egressRoot: join(home.path, 'egress') };
    const callTool = callThroughPlanner(backend, policy, site, never());
    const report = await runAttacks(OWN_ATTACKS, backend, { uid: 65534, gid: 65534, signal: never(), callTool });
    expect(report.attempts.filter(({ verdict }) => verdict === 'ESCAPED' || verdict === 'not-run')).toEqual([]);
    expect(report.passed).toBe(true);
  });

  const allowAll: ContainerSite['seccomp'] = () =>
    ({ defaultAction: 'SCMP_ACT_ALLOW', architectures: [], syscalls: [] }) as unknown as ReturnType<
      ContainerSite['seccomp']
    >;
  it('reports as unproved what no longer holds', { timeout: 120_000 }, async (context) => {
    if (test.missing !== '') context.skip(test.missing);
    const weaken = (site: ContainerSite): ContainerSite => ({
      ...site,
      seccomp: allowAll,
      system: [...site.system, home.path],
    });
    const weak = createDockerBackendWith(optionsFor(test.socket, 'weak'), { weaken });
    const reports = await weak.prove();
    await weak.close();
    const unproved = reports.filter(({ proved }) => !proved).map(({ claim }) => claim);
    expect(unproved).toEqual(expect.arrayContaining(['filesystem-read', 'system-calls', 'tripwire']));
  });

  it('a container as root does not attest, and nothing is handed to it', async (context) => {
    if (test.missing !== '') context.skip(test.missing);
    const weaken = (site: ContainerSite): ContainerSite => ({ ...site, uid: 0, gid: 0 });
    const weak = createDockerBackendWith(optionsFor(test.socket, 'root'), { weaken });
    const outcome = await weak.run(docker('true'), { signal: never() });
    await weak.close();
    expect(outcome).toMatchObject({ kind: 'not-started', cause: 'attestation-failed' });
  });

  it(
    'a fault at any request leaves nothing behind and reports nothing as done that was not',
    { timeout: 120_000 },
    async (context) => {
      if (test.missing !== '') context.skip(test.missing);
      const ends: string[] = [];
      for (let nth = 1; ; nth++) {
        let asked = 0;
        const count = (): void => {
          if (++asked === nth) throw new EngineFault('ECONNRESET', 0);
        };
        const faulty: Engine = {
          place: test.socket,
          ask: async (request) => (count(), test.engine.ask(request)),
          attach: async (container) => (count(), test.engine.attach(container)),
          execute: async (execution) => (count(), test.engine.execute(execution)),
        };
        const one = createDockerBackendWith(optionsFor(test.socket, `nth-${nth}`), { engine: faulty });
        const outcome = await one.run(docker('echo ran'), { signal: never() });
        await one.close();
        ends.push(outcome.kind === 'killed' ? `killed by ${outcome.by}` : outcome.kind);
        if (outcome.kind === 'exited') expect(outcome).toMatchObject({ code: 0, stdout: { head: 'ran\n' } });
        expect(await containersOn(test.engine)).toBe(0);
        if (asked < nth) break;
      }
      expect(ends.length).toBeGreaterThan(7);
      expect(ends[0]).toBe('not-started');
      // A lost answer about the end is never an exit status.
      expect(ends).toContain('killed by abort');
    },
  );

  it('containers of a service that was killed do not outlive it', async (context) => {
    if (test.missing !== '') context.skip(test.missing);
    const script = join(home.path, 'killed.ts');
    const module = join(import.meta.dirname, '../../../sandbox/backends/docker.ts');
    writeFileSync(
      script,
      `import { createDockerBackend } from ${JSON.stringify(module)};
      const backend = createDockerBackend(${JSON.stringify(optionsFor(test.socket, 'killed'))});
      await backend.run(${JSON.stringify(docker('sleep 25'))}, { signal: new AbortController().signal });`,
    );
    const child = spawn(process.execPath, [script], { stdio: 'ignore' });
    await expect.poll(() => containersOn(test.engine), { timeout: 20_000 }).toBe(1);
    child.kill('SIGKILL');
    await expect.poll(() => containersOn(test.engine), { timeout: 20_000 }).toBe(0);
  });

  it('leftovers are told from what is in use by their label', async (context) => {
    if (test.missing !== '') context.skip(test.missing);
    expect(await backend.available()).toEqual({ usable: true });
    const [image] = (await test.engine.ask({ method: 'GET', path: '/images/json' })) as readonly {
      readonly Id: string;
    }[];
    const plant = (labels: Readonly<Record<string, string>>) =>
      test.engine.ask({
        method: 'POST',
        path: '/containers/create',
        body: { Image: image?.Id, Cmd: ['/bin/true'], Labels: labels },
      });
    await plant({ [OWNER_LABEL]: '1-1-0123456789abcdef', 'io.sluice.sandbox.deadline': '1' });
    await plant({ [OWNER_LABEL]: 'not one of ours' });
    const next = createDockerBackendWith(optionsFor(test.socket, 'next'), {});
    expect(await next.available()).toEqual({ usable: true });
    await next.close();
    expect(await containersOn(test.engine)).toBe(1);
    const [kept] = (await test.engine.ask({ method: 'GET', path: '/containers/json?all=1' })) as readonly {
      readonly Id: string;
    }[];
    await test.engine.ask({ method: 'DELETE', path: `/containers/${kept?.Id}?force=1` });
  });
});

describe('no usable engine', () => {
  const tried = async (socket: string) => {
    const one = createDockerBackendWith(optionsFor(socket, 'none'), {});
    const available = await one.available();
    const outcome = await one.run(docker('true'), { signal: never() });
    await one.close();
    expect(outcome).toMatchObject({ kind: 'not-started', cause: 'unavailable' });
    return available.usable ? '' : available.reason;
  };

  it('a socket that is not there names the package', async () => {
    expect(await tried(join(home.path, 'no.sock'))).toContain('apt-get install docker.io');
  });

  it('a file that is no engine, and a server that hangs up, say so', async () => {
    const file = join(home.path, 'file.sock');
    writeFileSync(file, '');
    expect(await tried(file)).toContain('systemctl start docker');
    const path = join(home.path, 'hangup.sock');
    const server = createSocketServer((socket) => socket.destroy()).listen(path);
    expect(await tried(path)).toContain('systemctl start docker');
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    ['old', '{"ApiVersion":"1.40"}', 200],
    ['not JSON', 'hello', 200],
    ['an error', '{"message":"secret text of the engine"}', 500],
  ])('an engine that answers with %s is refused without its words', async (what, text, status) => {
    const path = join(home.path, `${what.replace(' ', '-')}.sock`);
    const server = createServer((_request, response) => response.writeHead(status).end(text)).listen(path);
    const reason = await tried(path);
    await new Promise((resolve) => server.close(resolve));
    expect(reason).toContain('update Docker to 20.10 or newer');
    expect(reason).not.toContain('secret');
  });
});

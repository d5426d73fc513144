/** The planted files in real sandboxes: found and read by who looks, untouched by who does not, gone afterwards. */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Backend, RunOptions } from '../../../sandbox/backend.ts';
import { createBubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { createDockerBackend } from '../../../sandbox/backends/docker.ts';
import { HoneyKey } from '../../../sandbox/watch/honey.ts';
import { startEngine } from '../backends/docker-engine.ts';
import type { TestEngine } from '../backends/docker-engine.ts';
import { area, never, options, shell } from '../backends/fixture.ts';

const home = area();
const honey = new HoneyKey();
const state = (name: string): string => join(home.path, name);
let engine: TestEngine;
const backends = new Map<'bubblewrap' | 'docker', Backend>();

beforeAll(async () => {
  engine = await startEngine();
  backends.set('bubblewrap', createBubblewrapBackend({ ...options(state('bubblewrap'), 1), honey }));
  backends.set(
    'docker',
    createDockerBackend({
      mode: 'docker',
      socket: engine.socket,
      image: 'sluice-test',
      uid: 65534,
      gid: 65534,
      stateDir: state('docker'),
      honey,
    }),
  );
}, 60_000);
afterAll(async () => {
  for (const backend of backends.values()) await backend.close();
  await engine.stop();
  home.remove();
});

describe.each(['bubblewrap', 'docker'] as const)('honey credentials in %s', (mode) => {
  const backend = (): Backend => backends.get(mode) as Backend;
  const seen = { tokens: [] as string[], read: 0, output: '' };
  const watch: NonNullable<RunOptions['watch']> = {
    planted: (tokens) => void seen.tokens.push(...tokens),
    output: (_, chunk) => void (seen.output += chunk.toString()),
    canaryRead: () => void (seen.read += 1),
    processes: () => undefined,
  };
  const run = (script: string) => backend().run(shell(script, { mode }), { signal: never(), watch });

  beforeEach(async (context) => {
    const available = await backend().available();
    if (!available.usable) context.skip(available.reason);
    Object.assign(seen, { tokens: [], read: 0, output: '' });
  });

  it('who reads them is seen, and what was read is known again', async (context) => {
    if (mode === 'docker' && process.getuid?.() !== 0) context.skip('docker shows reading to a service that is root');
    await run('cat /opt/backup/deploy.yaml');
    expect(seen.read).toBe(1);
    expect(seen.tokens).toHaveLength(3);
    expect(seen.tokens.filter((token) => seen.output.includes(token))).toHaveLength(1);
    expect(honey.isIn(seen.output)).toBe(true);
  });

  it('an access time that is set back tells as much', async (context) => {
    if (mode === 'docker' && process.getuid?.() !== 0) context.skip('docker shows reading to a service that is root');
    await run('cat /opt/backup/* > /dev/null; touch -a -d @86400 /opt/backup/*; chmod 777 /opt/backup; true');
    expect(seen.read).toBe(1);
  });

  it('who only walks by is not accused', async () => {
    await run('ls -lR /opt /usr/bin > /dev/null; find / -name "*.ini" 2>/dev/null | wc -l; stat /opt/backup/*');
    expect(seen.read).toBe(0);
    expect(honey.isIn(seen.output)).toBe(false);
  });

  it('they cannot be changed, removed or joined', async (context) => {
    if (process.getuid?.() !== 0) context.skip('they belong to the sandbox’s user where the service is not root');
    const outcome = await run(
      'for file in /opt/backup/*; do (: >> $file) && echo CHANGED; rm -f $file && echo REMOVED; done 2>/dev/null; (: > /opt/backup/new) 2>/dev/null && echo MADE; exit 0',
    );
    expect(outcome).toMatchObject({ kind: 'exited', code: 0, stdout: { head: '' } });
  });

  it('are new for each sandbox, in neither environment nor receipt, and gone after it', async () => {
    await run('true');
    const first = seen.tokens;
    seen.tokens = [];
    const outcome = await run('env; cat /proc/1/environ /proc/self/environ');
    expect(seen.tokens.filter((token) => first.includes(token))).toEqual([]);
    expect(honey.isIn(seen.output)).toBe(false);
    if ('detail' in outcome) throw new Error(outcome.detail);
    for (const token of seen.tokens) expect(JSON.stringify(outcome.attested)).not.toContain(token);
    await backend().close();
    const left = readdirSync(state(mode), { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => name.includes('honey'))).toEqual([]);
  });
});

/** A service that is not root: its sandboxes own the planted files, and may do to them what an owner may. */
describe('honey credentials of an unprivileged service', () => {
  const USER = 64_010;
  const rows: readonly (readonly [string, string, number])[] = [
    ['reading', 'cat /opt/backup/storage.csv > /dev/null', 1],
    ['setting the access time back', 'cat /opt/backup/* > /dev/null; touch -a -d @86400 /opt/backup/*', 1],
    [
      'setting both times back',
      'cat /opt/backup/* > /dev/null; touch -r /opt/backup/deploy.yaml /opt/backup/storage.csv',
      1,
    ],
    [
      'reading as the owner without an access time',
      'python3 -c "import os; print(os.read(os.open(\'/opt/backup/storage.csv\', os.O_RDONLY | os.O_NOATIME), 9))"; cat /opt/backup/storage.csv',
      1,
    ],
    ['copying', 'cp /opt/backup/storage.csv /tmp/copy', 1],
    ['overwriting', 'chmod 600 /opt/backup/storage.csv && : > /opt/backup/storage.csv', 1],
    ['walking by', 'ls -lR /opt > /dev/null; find / -name "*.csv" > /dev/null 2>&1; stat /opt/backup/*', 0],
  ];

  it('sees who opens one', async (context) => {
    if (process.getuid?.() !== 0) context.skip('every other test of this file is one of an unprivileged service then');
    const file = join(home.path, 'unprivileged.ts');
    const url = (path: string): string => JSON.stringify(join(import.meta.dirname, '../../..', path));
    writeFileSync(
      file,
      `import { createBubblewrapBackend } from ${url('sandbox/backends/bubblewrap.ts')};
      import { HoneyKey } from ${url('sandbox/watch/honey.ts')};
      const backend = createBubblewrapBackend({ ...${JSON.stringify(options(join(home.path, 'unprivileged')))}, honey: new HoneyKey() });
      const seen = [];
      for (const plan of ${JSON.stringify(rows.map(([, script]) => shell(script)))}) {
        let read = 0;
        const watch = { planted() {}, output() {}, processes() {}, canaryRead: () => void (read += 1) };
        const outcome = await backend.run(plan, { signal: new AbortController().signal, watch });
        seen.push([outcome.kind, outcome.detail ?? read]);
      }
      await backend.close();
      console.log(JSON.stringify(seen));`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, [file], { uid: USER, gid: USER, env: {} });
    if (stdout.length === 0) throw new Error(stderr.toString().slice(0, 1000));
    const seen = JSON.parse(stdout.toString()) as readonly (readonly [string, number | string])[];
    if (/user namespaces/.test(String(seen[0]?.[1]))) context.skip(String(seen[0]?.[1]));
    expect(rows.map(([what], index) => [what, ...(seen[index] ?? [])])).toEqual(
      rows.map(([what, , read]) => [what, 'exited', read]),
    );
  });
});

/** The planted files in real sandboxes: found and read by who looks, untouched by who does not, gone afterwards. */
import { readdirSync } from 'node:fs';
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
    if (process.getuid?.() !== 0) context.skip('reading is seen where the service is root');
    await run('cat /opt/backup/deploy.yaml');
    expect(seen.read).toBe(1);
    expect(seen.tokens).toHaveLength(3);
    expect(seen.tokens.filter((token) => seen.output.includes(token))).toHaveLength(1);
    expect(honey.isIn(seen.output)).toBe(true);
  });

  it('an access time that is set back tells as much', async (context) => {
    if (process.getuid?.() !== 0) context.skip('reading is seen where the service is root');
    await run('cat /opt/backup/* > /dev/null; touch -a -d @86400 /opt/backup/*; chmod 777 /opt/backup; true');
    expect(seen.read).toBe(1);
  });

  it('who only walks by is not accused', async () => {
    await run('ls -lR /opt /usr/bin > /dev/null; find / -name "*.ini" 2>/dev/null | wc -l; stat /opt/backup/*');
    expect(seen.read).toBe(0);
    expect(honey.isIn(seen.output)).toBe(false);
  });

  it('they cannot be changed, removed or joined', async () => {
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
    if (outcome.kind === 'not-started') throw new Error(outcome.detail);
    for (const token of seen.tokens) expect(JSON.stringify(outcome.attested)).not.toContain(token);
    await backend().close();
    const left = readdirSync(state(mode), { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => name.includes('honey'))).toEqual([]);
  });
});

/** Five bombs at once, and everybody else's work meanwhile. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createBubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { area, LIMITS, never, options, plan, shell } from './fixture.ts';

const home = area();
const backend = createBubblewrapBackend(options(join(home.path, 'state'), 1));
afterAll(async () => {
  await backend.close();
  home.remove();
});

const bounded = (wallMs: number) => ({ limits: { ...LIMITS, wallMs } });
/** Its own title, so that what is left of it can be looked for. */
const MARK = `bomb-${process.pid}`;
const BOMBS = {
  fork: shell(`: ${MARK}; f() { f | f & }; f; sleep 60`, bounded(3_000)),
  memory: plan(
    ['/opt/node/bin/node', '-e', `const kept = []; for (;;) kept.push(Buffer.alloc(16 << 20, 1)); // ${MARK}`],
    bounded(8_000),
  ),
  disk: shell(
    `: ${MARK}; for place in /tmp /home/agent /dev/shm; do cat /dev/zero > $place/fill; done 2>/dev/null; for i in $(seq 200); do head -c 100000000 /dev/zero > /tmp/f$i; done 2>/dev/null; exit 3`,
    bounded(8_000),
  ),
  output: shell(`: ${MARK}; yes & yes >&2`, bounded(8_000)),
  time: shell(`: ${MARK}; trap '' TERM INT HUP; while :; do :; done`, bounded(1_500)),
} as const;

const alive = (): readonly string[] =>
  readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(MARK);
    } catch {
      return false;
    }
  });

it(
  'bombs end as what they are while other calls are answered, and nothing of them stays',
  { timeout: 90_000 },
  async (context) => {
    const available = await backend.available();
    if (!available.usable) context.skip(available.reason);
    const ended: string[] = [];
    const bombs = Promise.all(
      Object.entries(BOMBS).map(async ([name, bomb]) => {
        const outcome = await backend.run(bomb, { signal: never() });
        ended.push(name);
        return [name, outcome.kind === 'killed' ? outcome.by : outcome.kind] as const;
      }),
    );
    const answers: string[] = [];
    while (ended.length < Object.keys(BOMBS).length) {
      const outcome = await backend.run(shell('echo ok'), { signal: never() });
      answers.push(outcome.kind === 'exited' ? outcome.stdout.head : outcome.kind);
    }
    const ends = Object.fromEntries(await bombs);
    expect(ends['fork']).toMatch(/timeout|memory|exited/);
    expect(ends['memory']).toMatch(existsSync('/sys/fs/cgroup') ? /memory|exited|timeout/ : /exited|timeout/);
    expect(ends['disk']).toMatch(/exited|timeout/);
    expect(ends['output']).toBe('output-limit');
    expect(ends['time']).toBe('timeout');
    expect(answers.length).toBeGreaterThan(3);
    expect(answers.filter((answer) => answer !== 'ok\n')).toEqual([]);
    await expect.poll(alive, { timeout: 10_000 }).toEqual([]);
  },
);

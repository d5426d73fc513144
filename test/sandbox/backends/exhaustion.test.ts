import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useBubblewrap } from './bubblewrap-fixture.ts';
import { options, shell } from './fixture.ts';

const { home } = useBubblewrap();

/** In a process of its own, whose descriptors are all taken but a few: one more is left each time, until a call works. */
it('an executor without a descriptor to spare refuses, survives, and leaves nothing', { timeout: 120_000 }, () => {
  const stateDir = join(home.path, 'state-exhausted');
  const file = join(home.path, 'exhausted.ts');
  const backend = JSON.stringify(join(import.meta.dirname, '../../../sandbox/backends/bubblewrap.ts'));
  writeFileSync(
    file,
    `import { closeSync, openSync, readdirSync } from 'node:fs';
    import { createBubblewrapBackend } from ${backend};
    const backend = createBubblewrapBackend(${JSON.stringify(options(stateDir))});
    const run = async () => {
      const outcome = await backend.run(${JSON.stringify(shell('echo ran'))}, { signal: new AbortController().signal });
      return outcome.kind === 'not-started' ? outcome.cause + ': ' + outcome.detail : outcome.kind + ' ' + outcome.stdout.head;
    };
    const first = await run();
    const before = readdirSync('/proc/self/fd').length;
    const seen = [];
    for (let spare = 0; spare < 70; spare++) {
      const held = [];
      try { for (;;) held.push(openSync('/dev/null', 'r')); } catch {}
      for (let count = 0; count < spare; count++) closeSync(held.pop());
      seen.push(await run());
      for (const descriptor of held) closeSync(descriptor);
    }
    const last = await run();
    const after = readdirSync('/proc/self/fd').length;
    const left = readdirSync(${JSON.stringify(stateDir)}, { recursive: true }).filter((name) => /filter|arguments|launcher|honey/.test(name));
    console.log(JSON.stringify({ first, last, seen, left, leaked: after - before }));
    await backend.close();`,
  );
  const { stdout, stderr } = spawnSync('/bin/bash', ['-c', `ulimit -n 1100; exec '${process.execPath}' '${file}'`]);
  if (stdout.length === 0) throw new Error(stderr.toString().slice(0, 1000));
  const { seen, ...rest } = JSON.parse(stdout.toString()) as { readonly seen: readonly string[] };
  expect(rest).toMatchObject({ first: 'exited ran\n', last: 'exited ran\n', left: [] });
  expect((rest as { readonly leaked?: number }).leaked).toBeLessThanOrEqual(2);
  const refused = seen.filter((one) => one.startsWith('unavailable: this machine is out of descriptors'));
  expect(refused.length).toBeGreaterThan(3);
  expect(seen.filter((one) => one !== 'exited ran\n' && !refused.includes(one))).toEqual([]);
  expect(seen.at(-1)).toBe('exited ran\n');
});

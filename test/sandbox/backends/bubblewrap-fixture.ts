/** A bubblewrap backend for the tests of one file, which are skipped with its reason where there is none. */
import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Outcome } from '../../../sandbox/backend.ts';
import { createBubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import type { BubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { area, never, options, shell } from './fixture.ts';
import type { Area } from './fixture.ts';

export interface BubblewrapFixture {
  readonly home: Area;
  readonly backend: BubblewrapBackend;
  run(script: string, changes?: Parameters<typeof shell>[1]): Promise<Outcome>;
  /** A directory of this name that the sandbox's user can write. */
  workspace(name: string): string;
}

/** To be called once, outside of any test. */
export function useBubblewrap(): BubblewrapFixture {
  const home = area();
  const backend = createBubblewrapBackend(options(join(home.path, 'state')));
  let unusable = '';
  beforeAll(async () => {
    const available = await backend.available();
    unusable = available.usable ? '' : available.reason;
  });
  beforeEach((context) => {
    // A reason that names no cure is a failure; one that does means there is nothing to test on this machine.
    if (!/^$|apt-get install bubblewrap|user namespaces|docker/.test(unusable)) throw new Error(unusable);
    if (unusable !== '') context.skip(unusable);
  });
  afterAll(async () => {
    await backend.close();
    home.remove();
  });
  return {
    home,
    backend,
    run: (script, changes = {}) => backend.run(shell(script, changes), { signal: never() }),
    workspace(name) {
      const path = join(home.path, name);
      mkdirSync(path);
      chmodSync(path, 0o777);
      return path;
    },
  };
}

/** What a call wrote; throws when nothing ran. */
export function ran(outcome: Outcome): string {
  if ('detail' in outcome) throw new Error(`${outcome.kind}: ${outcome.detail}`);
  return outcome.stdout.head + outcome.stdout.tail;
}

/** Processes whose command line holds the marker, as the host sees them. */
export const alive = (marker: string): number =>
  readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(marker);
    } catch {
      return false;
    }
  }).length;

import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createBubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { area, options } from '../backends/fixture.ts';
import { race } from './race.ts';

const home = area();
const backend = createBubblewrapBackend(options(join(home.path, 'state')));
afterAll(async () => {
  await backend.close();
  home.remove();
});

/** `node test/sandbox/races/run.ts` does it 10,000 times. */
it(
  'nothing outside is read or written while a workspace is swapped under the host and the sandbox',
  { timeout: 120_000 },
  async (context) => {
    if (process.getuid?.() !== 0) context.skip('the host side races as root, which this is not');
    const available = await backend.available();
    if (!available.usable) context.skip(available.reason);
    const report = await race(50, backend);
    expect(report.breaches).toEqual([]);
    // Every kind of work came to its end in the middle of the swapping, not only to an error.
    for (const name of ['copy', 'apply', 'guard', 'sockets', 'sandbox'])
      expect(report.done[name], name).toBeGreaterThan(2);
  },
);

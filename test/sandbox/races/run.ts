/** The long run: `node test/sandbox/races/run.ts [rounds]`, 10,000 when not said. Needs root. Exit 1 for a breach. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { race } from './race.ts';

const state = mkdtempSync(join(tmpdir(), 'sluice-races-'));
chmodSync(state, 0o711);
const backend = createBubblewrapBackend({ uid: 65534, gid: 65534, pool: 0, stateDir: state });
const report = await race(Number(process.argv[2] ?? 10_000), backend);
await backend.close();
rmSync(state, { recursive: true, force: true });
process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
process.exit(report.breaches.length === 0 ? 0 : 1);

/**
 * What the host does to a workspace while somebody inside swaps its parts for links out: copying, guarding, reverting and
 * applying as root, and the sandbox's own reads and writes. After every round nothing outside may have been read or written.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from '../../../sandbox/backend.ts';
import { createChangeStore } from '../../../sandbox/guard/change-store.ts';
import { guardWorkspace } from '../../../sandbox/guard/guard.ts';
import { holdsSocket } from '../../../sandbox/guard/tree.ts';
import { never, shell } from '../backends/fixture.ts';

const UID = 65534;
/** What an attacker in the same workspace does, as fast as it can: a directory, a file and a protected name become links. */
const SWAPPER = `
const fs = require('node:fs'); const [ws, outside] = process.argv.slice(1);
const quietly = (action) => { try { action(); } catch {} };
process.chdir(ws); process.stdout.write('on\\n');
for (;;) {
  quietly(() => fs.renameSync('d', 'aside')); quietly(() => fs.symlinkSync(outside, 'd'));
  quietly(() => fs.writeFileSync('aside/.envrc', 'SBXEVIL')); quietly(() => fs.writeFileSync('d/planted', 'SBXEVIL'));
  quietly(() => fs.unlinkSync('d')); quietly(() => fs.renameSync('aside', 'd'));
  quietly(() => fs.unlinkSync('f')); quietly(() => fs.symlinkSync(outside + '/secret', 'f'));
  quietly(() => fs.unlinkSync('f')); quietly(() => fs.writeFileSync('f', 'inside'));
  quietly(() => fs.unlinkSync('.envrc')); quietly(() => fs.symlinkSync(outside + '/.envrc', '.envrc'));
  quietly(() => fs.unlinkSync('.envrc')); quietly(() => fs.writeFileSync('.envrc', 'SBXEVIL'));
}`;

export interface RaceReport {
  readonly rounds: number;
  /** Rounds of each kind of work that came to their end. */
  readonly done: Readonly<Record<string, number>>;
  /** What got out or in, by kind of work; empty when nothing did. */
  readonly breaches: readonly string[];
}

/** Every name, size, owner, mode, time and content beneath it: any write shows. */
function fingerprint(directory: string): string {
  return readdirSync(directory)
    .toSorted()
    .map((name) => {
      const path = join(directory, name);
      const { mtimeNs, ctimeNs, mode, uid } = statSync(path, { bigint: true });
      return [name, mtimeNs, ctimeNs, mode, uid, readFileSync(path, 'latin1')].join(' ');
    })
    .join('\n');
}

/** Own steps, because Node's recursive listing goes through links, and links may well be copied as links. */
function holds(directory: string, canary: string): boolean {
  return readdirSync(directory).some((name) => {
    const path = join(directory, name);
    const stat = lstatSync(path);
    if (stat.isDirectory()) return holds(path, canary);
    return stat.isFile() && readFileSync(path, 'latin1').includes(canary);
  });
}

/** `backend` takes part when given; the others need root, to be what the service is at its most dangerous. */
export async function race(rounds: number, backend?: Backend): Promise<RaceReport> {
  const base = mkdtempSync(join(tmpdir(), 'sluice-race-'));
  chmodSync(base, 0o755);
  const [outside, workspace] = [join(base, 'outside'), join(base, 'workspace')];
  const canary = `CANARY-${randomBytes(8).toString('hex')}`;
  mkdirSync(outside);
  for (const name of ['secret', '.envrc', 'package.json', 'applied'])
    writeFileSync(join(outside, name), `${canary}\n`, { mode: 0o644 });
  mkdirSync(join(workspace, 'd'), { recursive: true });
  for (const name of ['d/secret', 'd/applied', 'f', 'package.json']) writeFileSync(join(workspace, name), 'inside');
  for (const name of ['', 'd', 'd/secret', 'd/applied', 'f', 'package.json'])
    chownSync(join(workspace, name), UID, UID);

  const swapper = spawn(process.execPath, ['-e', SWAPPER, '--', workspace, outside], {
    uid: UID,
    gid: UID,
    env: {},
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const over = new Promise((resolve) => swapper.once('close', resolve));
  await new Promise((resolve) => swapper.stdout.once('data', resolve));

  const before = fingerprint(outside);
  const breaches: string[] = [];
  const done: Record<string, number> = {};
  const store = createChangeStore({
    directory: join(base, 'changes'),
    maxEntries: 1_000,
    maxBytes: 1 << 20,
    owner: { uid: UID, gid: UID },
  });
  const works: Readonly<Record<string, (round: number) => Promise<void>>> = {
    async copy() {
      const copy = await store.open(workspace);
      if ('kind' in copy) return;
      if (holds(copy.path, canary)) breaches.push('copy: something outside was read into it');
      copy.discard();
    },
    async apply(round) {
      const copy = await store.open(workspace);
      if ('kind' in copy) return;
      // A call would write here in its sandbox; on this side of it a link that was copied is not to be followed.
      if (lstatSync(join(copy.path, 'd'), { throwIfNoEntry: false })?.isDirectory() !== true) return copy.discard();
      writeFileSync(join(copy.path, 'd/applied'), `round ${round}`);
      writeFileSync(join(copy.path, 'd/new'), `round ${round}`);
      const { id } = await copy.finish();
      await store.apply(id, { despiteGuard: true });
      store.discard(id);
    },
    async guard() {
      const quarantine = join(base, 'quarantine');
      const guarded = await guardWorkspace(workspace, { policy: 'revert', quarantine });
      await new Promise((resolve) => setImmediate(resolve));
      await guarded.finish();
      rmSync(quarantine, { recursive: true, force: true });
    },
    async sockets() {
      await holdsSocket(workspace, 1_000);
    },
    async sandbox() {
      if (backend === undefined) return;
      const script = `for i in 1 2 3 4 5 6 7 8; do cat d/secret f /proc/*/root${outside}/secret /proc/*/cwd/../..${outside}/secret; echo x > d/made; echo x > f; done 2>/dev/null; true`;
      const plan = shell(script, {
        mode: backend.mode,
        workspace: { access: 'rw', source: workspace },
        cwd: '/workspace',
      });
      const outcome = await backend.run(plan, { signal: never() });
      if (JSON.stringify(outcome).includes(canary)) breaches.push('sandbox: something outside was read');
    },
  };
  try {
    for (let round = 0; round < rounds && breaches.length < 5; round++)
      for (const [name, work] of Object.entries(works)) {
        // A sandbox takes as long as twenty rounds of the others.
        if (name === 'sandbox' && round % 20 !== 0) continue;
        // What vanishes under it makes a step fail, which is safe; only what it did counts.
        await work(round).then(
          () => void (done[name] = (done[name] ?? 0) + 1),
          () => undefined,
        );
        if (fingerprint(outside) !== before) breaches.push(`${name}: something outside was written in round ${round}`);
      }
  } finally {
    swapper.kill('SIGKILL');
    await over;
    rmSync(base, { recursive: true, force: true });
  }
  return { rounds, done, breaches };
}

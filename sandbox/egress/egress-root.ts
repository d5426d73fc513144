/**
 * The directory for one broker's proxy sockets. In /tmp, because a socket's path is at most 107 bytes; named after the
 * engine's process, so that what a killed broker left can be told from what is in use.
 */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const NAME = /^sluice-egress-(\d{1,10})-[0-9a-f]{16}$/;

export function nameEgressRoot(pid: number): string {
  return `/tmp/sluice-egress-${pid}-${randomBytes(8).toString('hex')}`;
}

/** Fails when it exists: in /tmp anyone could have made it first. */
export async function makeEgressRoot(path: string): Promise<void> {
  await sweep(dirname(path));
  // Entered by the sandbox's user on the way to its own socket, listed by nobody.
  await mkdir(path, { mode: 0o711 });
}

/** Removes our own directories of brokers that are gone. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const pid = Number(NAME.exec(name)?.[1] ?? process.pid);
    if (isAlive(pid)) continue;
    const path = join(parent, name);
    const stat = await lstat(path).catch(() => undefined);
    if (stat?.isDirectory() === true && stat.uid === process.getuid?.())
      await rm(path, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Someone else's process with this number.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Ends what a killed executor left of bwrap. Its sandboxes die with it (die-with-parent), but for a moment: the process bwrap
 * has just made waits for its parent to map its user, is not yet tied to anybody, and where the parent dies then it waits for
 * ever. It has run nothing and holds the files it was to be given, by which it is known. Fails quiet: a process that cannot be
 * looked at is not ours.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** `abandoned` are staging directories whose executor is gone. */
export function endOrphans(abandoned: readonly string[]): void {
  if (abandoned.length === 0) return;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'latin1') === 'bwrap\n' && holdsAny(pid, abandoned))
        process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Gone meanwhile, or of another user.
    }
  }
}

function holdsAny(pid: string, directories: readonly string[]): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
    const target = readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    return directories.some((directory) => target.startsWith(`${directory}/`));
  });
}

/**
 * Closes what a process was born with beyond what it was meant to get. A descriptor that a shell left open passed through
 * Node and bwrap into a sandbox (Node itself seals only up to the first gap). Descriptors opened by this process are
 * close-on-exec and stay.
 */
import { closeSync, readFileSync, readdirSync } from 'node:fs';

const CLOSE_ON_EXEC = 0o2000000;

/** Keeps descriptors up to `last`. Where there is no /proc nothing can be listed, and no Linux sandbox either. */
export function sealDescriptors(last: number): void {
  let names: readonly string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return;
  }
  for (const name of names) {
    const descriptor = Number(name);
    if (descriptor <= last) continue;
    try {
      const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) closeSync(descriptor);
    } catch {
      // Gone meanwhile: the descriptor of the listing itself.
    }
  }
}

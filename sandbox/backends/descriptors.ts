/**
 * Descriptors that would leak into every child. Node seals only the first sixteen and stops at the first gap, so what the
 * service was started with (a shell's redirections, a supervisor's sockets) passes through bwrap into the sandbox.
 * Fails closed: what cannot be sealed is seen by the attestation of each sandbox, which then does not run.
 */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

const CLOSE_ON_EXEC = 0o2000000;

function inheritable(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    // Already closed: the directory listing itself was one of them.
    return false;
  }
}

/** Descriptors beyond standard error that a child of this process would inherit. None can be listed where there is no /proc, and no sandbox runs there either. */
export function inheritableDescriptors(): readonly number[] {
  let names: readonly string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return [];
  }
  return names.map(Number).filter((descriptor) => descriptor > 2 && inheritable(descriptor));
}

/**
 * Closes what this process inherited. Node and libuv open everything of their own close-on-exec, so what is left without the
 * flag came from whoever started the service.
 */
export function closeInheritedDescriptors(keep: readonly number[] = []): readonly number[] {
  const closed = inheritableDescriptors().filter((descriptor) => !keep.includes(descriptor));
  for (const descriptor of closed) {
    try {
      closeSync(descriptor);
    } catch {
      // Gone meanwhile.
    }
  }
  return closed;
}

/** Most descriptors this process may have; infinite where that is not told. */
export function descriptorLimit(): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

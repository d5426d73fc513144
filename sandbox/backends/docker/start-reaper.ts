/** Starts the process that removes our containers when this one is killed. Closing it makes it look once more and end. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { siblingModule } from '../../sibling.ts';

const ENTRY = fileURLToPath(siblingModule('reaper', import.meta.url));

export interface Reaper {
  readonly ended: Promise<void>;
  close(): void;
}

export function startReaper(socket: string, owner: string): Reaper {
  const child = spawn(process.execPath, [ENTRY, socket, owner], {
    cwd: '/',
    env: {},
    // A session of its own: a signal to the service's group is what it is there to survive.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  child.stdin.on('error', () => undefined);
  child.unref();
  return {
    ended,
    close() {
      child.ref();
      child.stdin.end();
    },
  };
}

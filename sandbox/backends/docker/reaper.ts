/**
 * Entry of a small process that outlives the service by a moment: when the pipe from it ends, however it ended, the service's
 * containers are removed. Arguments: the engine's socket and the owner.
 */
import { openEngine } from './engine.ts';
import { removeAllOf } from './leftovers.ts';

const [socket, owner] = process.argv.slice(2);
const ATTEMPTS = 10;
const PAUSE_MS = 300;

async function reap(engineSocket: string, ownerName: string): Promise<void> {
  const engine = openEngine(engineSocket);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // A second look: a request for one more may have been under way when the service died.
    const done = await removeAllOf(engine, ownerName).then(
      () => attempt > 0,
      () => false,
    );
    if (done) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

if (socket !== undefined && owner !== undefined) {
  process.stdin.resume();
  process.stdin.once('error', () => undefined);
  process.stdin.once('close', () => void reap(socket, owner));
}

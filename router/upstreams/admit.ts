/**
 * The run-time half of clearance: what every cloud upstream asks before it touches a request. A type can be cast; this
 * cannot. Throws DoorFault: reaching it with something uncleared is a fault of the program, never of the request.
 */
import { isCleared, type Cleared } from '../clearance.ts';
import { DoorFault } from './failure.ts';

const CLOUD_PATHS: ReadonlySet<string> = new Set([
  '/chat/completions',
  '/responses',
  '/completions',
  '/embeddings',
  '/messages',
]);

export function admit(cleared: Cleared, upstream: string): void {
  if (!isCleared(cleared)) throw new DoorFault('not_cleared');
  // Clearance weighed the label against this upstream's ceiling and no other's.
  if (cleared.upstream !== upstream) throw new DoorFault('wrong_upstream');
  if (!CLOUD_PATHS.has(cleared.path)) throw new DoorFault('path_not_allowed');
}

/**
 * The bridge inside a sandbox with egress: listens on its own loopback (the network namespace is the sandbox's alone) and
 * carries each connection to the broker's proxy through the one Unix socket that is mounted. Then runs the command as its
 * child and ends as it ends. It decides nothing: whoever goes round it reaches the same proxy.
 */
import { readFileSync } from 'node:fs';
import { EGRESS_SOCKET_INSIDE, NODE_INSIDE } from '../tools/programs.ts';

/** Where the bridge listens; loopback of the sandbox's own network namespace. */
export const BRIDGE_URL = 'http://127.0.0.1:3128';

const BRIDGE = readFileSync(new URL('./inside/bridge.cjs', import.meta.url), 'utf8');

export function bridged(argv: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return [NODE_INSIDE, '-e', BRIDGE, '--', EGRESS_SOCKET_INSIDE, ...argv];
}

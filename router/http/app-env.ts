/** What a handler finds beside its request: Node's own request and response, and who was let in. */
import type { HttpBindings } from '@hono/node-server';
import type { Caller } from '../principals/principal.ts';

export interface AppEnv {
  Bindings: HttpBindings;
  Variables: {
    /** Set by the gate before every path that is not open. */
    caller: Caller;
  };
}

/** Entry of the executor's process. */
import { createEgress } from '../egress/egress.ts';
import { chooseBackends } from './choose-backends.ts';
import { serveExecutor } from './executor-service.ts';
import { inheritedChannels, outliveGroupSignals, sealInherited } from './inherited.ts';
import { sandboxOwner } from './sandbox-owner.ts';

sealInherited();
outliveGroupSignals();
serveExecutor({
  ...inheritedChannels(),
  createBackends: chooseBackends,
  createEgress,
  ownerOf: (bound) => sandboxOwner(bound.sandbox.uid),
  done: () => process.exit(0),
});

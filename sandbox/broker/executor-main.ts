/** Entry of the executor's process. */
import { createEgress } from '../egress/egress.ts';
import { chooseBackends } from './choose-backends.ts';
import { serveExecutor } from './executor-service.ts';
import { LAST_INHERITED, inheritedChannels, outliveGroupSignals } from './inherited.ts';
import { sandboxOwner } from './sandbox-owner.ts';
import { sealDescriptors } from './seal-descriptors.ts';

sealDescriptors(LAST_INHERITED);
outliveGroupSignals();
serveExecutor({
  ...inheritedChannels(),
  createBackends: chooseBackends,
  createEgress,
  ownerOf: (bound) => sandboxOwner(bound.sandbox.uid),
  done: () => process.exit(0),
});

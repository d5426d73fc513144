/** The executor's entry with real backends whose claims are taken for proved: these tests start it hundreds of times. */
import type { Backend } from '../../../sandbox/backend.ts';
import { chooseBackends } from '../../../sandbox/broker/choose-backends.ts';
import { serveExecutor } from '../../../sandbox/broker/executor-service.ts';
import { inheritedChannels, outliveGroupSignals, sealInherited } from '../../../sandbox/broker/inherited.ts';
import type { Mode } from '../../../sandbox/executor.ts';
import { sandboxOwner } from '../../../sandbox/broker/sandbox-owner.ts';
import { createEgress } from '../../../sandbox/egress/egress.ts';

sealInherited();
outliveGroupSignals();
serveExecutor({
  ...inheritedChannels(),
  createBackends: (bound) =>
    new Map(
      Array.from(chooseBackends(bound), ([mode, backend]): readonly [Mode, Backend] => [
        mode,
        { ...backend, prove: () => Promise.resolve([{ claim: 'taken for proved', proved: true, evidence: '' }]) },
      ]),
    ),
  createEgress,
  ownerOf: (bound) => sandboxOwner(bound.sandbox.uid),
  done: () => process.exit(0),
});

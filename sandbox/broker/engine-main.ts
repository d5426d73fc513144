/** Entry of the policy engine's process. */
import { serveEngine } from './engine.ts';
import { inheritedChannels, outliveGroupSignals, sealInherited } from './inherited.ts';

sealInherited();
outliveGroupSignals();
serveEngine({ ...inheritedChannels(), done: () => process.exit(0) });

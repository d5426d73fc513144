/** Entry of the policy engine's process. */
import { serveEngine } from './engine.ts';
import { LAST_INHERITED, inheritedChannels, outliveGroupSignals } from './inherited.ts';
import { sealDescriptors } from './seal-descriptors.ts';

sealDescriptors(LAST_INHERITED);
outliveGroupSignals();
serveEngine({ ...inheritedChannels(), done: () => process.exit(0) });

import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { createBubblewrapBackend } from '../../../sandbox/backends/bubblewrap.ts';
import { ALLOW_HOST_PHRASE, createHostBackend } from '../../../sandbox/backends/host.ts';
import { describeBackend } from './conformance.case.ts';
import { area, options } from './fixture.ts';

const home = area();
const bubblewrap = createBubblewrapBackend(options(join(home.path, 'state')));
const host = createHostBackend({ allowHost: ALLOW_HOST_PHRASE, uid: 65534, gid: 65534 });
let unusable = '';

beforeAll(async () => {
  const available = await bubblewrap.available();
  unusable = available.usable ? '' : available.reason;
});
afterAll(async () => {
  await bubblewrap.close();
  await host.close();
  home.remove();
});

const directory = (): string => home.path;
describeBackend('bubblewrap', { backend: () => bubblewrap, missing: () => unusable, confines: true, directory });
describeBackend('host', { backend: () => host, missing: () => '', confines: false, directory });

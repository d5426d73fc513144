/** On systems without a backend of their own every tool is refused with the way out, and nothing is started. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Sandbox } from '../../../config/sandbox-schema.ts';
import { chooseBackends } from '../../../sandbox/broker/choose-backends.ts';
import type { Bound } from '../../../sandbox/broker/executor-service.ts';
import { HoneyKey } from '../../../sandbox/watch/honey.ts';
import { never, shell } from '../backends/fixture.ts';

const real = process.platform;
const pretend = (platform: string): void => void Object.defineProperty(process, 'platform', { value: platform });
let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'sluice-elsewhere-'));
});
afterEach(() => {
  pretend(real);
  rmSync(stateDir, { recursive: true, force: true });
});

const bound = (mode: Bound['modes'][number]): Bound => ({
  modes: [mode],
  sandbox: Sandbox.parse({ mode }),
  labels: ['public'],
  stateDir,
  guarded: [],
  scopesRoot: join(stateDir, 'scopes'),
  egressRoot: join(stateDir, 'egress'),
  honey: new HoneyKey(),
});

describe.each(['win32', 'darwin', 'freebsd'])('on %s', (platform) => {
  it.each([
    ['bubblewrap', /Linux only: run Sluice on Linux \(on Windows in WSL 2\), or set sandbox\.mode to deny/],
    ['docker', /Linux/],
    ['host', /needs sandbox\.allowHost/],
    ['deny', /Every tool is denied/],
  ] as const)('%s says why it cannot be used, proves nothing and runs nothing', async (mode, reason) => {
    pretend(platform);
    const backend = chooseBackends(bound(mode)).get(mode);
    expect(await backend?.available()).toMatchObject({ usable: false, reason: expect.stringMatching(reason) });
    expect((await backend?.prove())?.filter(({ proved }) => proved)).toEqual([]);
    const outcome = await backend?.run(shell('true', { mode }), { signal: never() });
    expect(outcome).toMatchObject({ kind: 'not-started', cause: 'unavailable' });
    await backend?.close();
    expect(readdirSync(stateDir)).toEqual([]);
  });
});

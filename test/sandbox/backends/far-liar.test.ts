/** A machine that answers for an endpoint and lies: what it can be given, and what it can do here. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../sandbox/backend.ts';
import { createFarDockerBackend } from '../../../sandbox/backends/far-docker.ts';
import { createLyingEngine } from '../../helpers/lying-engine.ts';
import type { Lie } from '../../helpers/lying-engine.ts';
import { LIMITS, never, shell } from './fixture.ts';

const LAYER = 'b'.repeat(64);
let area: string;
let source: string;
beforeEach(() => {
  area = mkdtempSync(join(tmpdir(), 'sluice-liar-'));
  chmodSync(area, 0o755);
  source = join(area, 'project');
  mkdirSync(source);
  chmodSync(source, 0o777);
  writeFileSync(join(source, 'old'), 'old');
  chmodSync(join(source, 'old'), 0o666);
});
afterEach(() => rmSync(area, { recursive: true, force: true }));

async function callTo(lie: Lie): Promise<{ readonly outcome: Outcome; readonly handed: string }> {
  const { engine, handed } = createLyingEngine(lie, LAYER);
  const backend = createFarDockerBackend(
    {
      mode: 'docker',
      endpoint: { name: 'liar', url: 'tcp://localhost:1', capacity: 1 },
      image: {
        repository: 'sluice-test',
        make: () => Promise.resolve({ digest: LAYER, bytes: 0, stream: () => (async function* () {})() }),
      },
      uid: 65534,
      gid: 65534,
      stateDir: join(area, 'state'),
    },
    { connected: { engine, close: () => Promise.resolve() } },
  );
  const outcome = await backend.run(
    shell('echo CANARY-of-the-command', {
      mode: 'docker',
      workspace: { access: 'rw', source },
      cwd: '/workspace',
      limits: { ...LIMITS, wallMs: 3000 },
    }),
    { signal: never() },
  );
  await backend.close();
  return { outcome, handed: handed() };
}
const files = (): readonly string[] => readdirSync(source).toSorted();

describe.skipIf(process.getuid?.() !== 0)('an engine that lies', () => {
  it('is believed when it does not: the same fake, honest, changes the workspace', async () => {
    const { outcome, handed } = await callTo('none');
    expect(outcome).toMatchObject({
      kind: 'exited',
      code: 0,
      stdout: { head: 'ran\n' },
      attested: { seenBy: 'witness' },
    });
    expect(handed).toContain('CANARY-of-the-command');
    // What it says of the tree is the tree: it could not be otherwise.
    expect(files()).toEqual(['new']);
  });

  it.each([
    ['another image', 'unavailable'],
    ['privileged', 'attestation-failed'],
    ['no filter', 'attestation-failed'],
    ['a mount of its machine', 'attestation-failed'],
    ['witness talks nonsense', 'unavailable'],
    ['witness is silent', 'unavailable'],
  ] as const)('%s: it is handed nothing, neither command nor files', { timeout: 20_000 }, async (lie, cause) => {
    const { outcome, handed } = await callTo(lie);
    expect(outcome).toMatchObject({ kind: 'not-started', cause });
    expect(handed).toBe('');
    expect(files()).toEqual(['old']);
  });

  it.each(['a file outside', 'a link, and a file through it', 'a file without end', 'entries without end'] as const)(
    '%s: all of it is refused, the agent is told, and nothing here changes',
    { timeout: 60_000 },
    async (lie) => {
      const { outcome } = await callTo(lie);
      expect(outcome).toMatchObject({
        kind: 'exited',
        stderr: { head: expect.stringContaining('none of it is in place') as string },
        attested: { carriedBack: 'refused', guardRules: 'not-carried' },
      });
      expect(files()).toEqual(['old']);
      expect(readFileSync(join(source, 'old'), 'utf8')).toBe('old');
      const everything = readdirSync(area, { recursive: true }).map(String);
      expect(everything.filter((path) => path.includes('escaped'))).toEqual([]);
      expect(existsSync(join(tmpdir(), 'escaped'))).toBe(false);
      expect(readdirSync(join(area, 'state', 'changes'))).toEqual([]);
    },
  );

  it.each(['cut short', 'an exit code that is none'] as const)('%s: its end is unknown', async (lie) => {
    expect((await callTo(lie)).outcome).toMatchObject({ kind: 'unknown' });
    expect(files()).toEqual(['old']);
  });

  it('never begun, it says, and is given the call no second time elsewhere', async () => {
    expect((await callTo('never begun')).outcome).toMatchObject({ kind: 'not-started', cause: 'plan-unsupported' });
  });

  it('output without end is cut like any other', async () => {
    const { outcome } = await callTo('output without end');
    expect(outcome).toMatchObject({ kind: 'killed', by: 'output-limit' });
    if (outcome.kind === 'killed')
      expect(outcome.stdout.head.length + outcome.stdout.tail.length).toBeLessThanOrEqual(LIMITS.outputBytes);
  });
});

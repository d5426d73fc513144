import { mkdirSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bubblewrapArguments } from '../../../sandbox/backends/bubblewrap-arguments.ts';
import { createBubblewrapBackend, createBubblewrapBackendWith } from '../../../sandbox/backends/bubblewrap.ts';
import type { CgroupController } from '../../../sandbox/backends/cgroup.ts';
import { prologue } from '../../../sandbox/backends/handover.ts';
import type { Parts } from '../../../sandbox/backends/start-bwrap.ts';
import type { ExecutionPlan } from '../../../sandbox/plan.ts';
import type { RunPlan } from '../../../sandbox/probes/probe.ts';
import { proveClaims, PROBES } from '../../../sandbox/probes/prove.ts';
import { seccompBytes } from '../../../sandbox/seccomp/filter.ts';
import { area, never, options } from '../backends/fixture.ts';

const home = area();
const strong = createBubblewrapBackend(options(join(home.path, 'state')));
let unusable = '';

beforeAll(async () => {
  const available = await strong.available();
  unusable = available.usable ? '' : available.reason;
});
beforeEach((context) => {
  if (unusable !== '') context.skip(unusable);
});
afterAll(async () => {
  await strong.close();
  home.remove();
});

describe('prove()', () => {
  it('proves every claim of a sandbox as it is shipped', async () => {
    const reports = await strong.prove();
    expect(reports.filter(({ proved }) => !proved)).toEqual([]);
    expect(reports.map(({ claim }) => claim)).toEqual([...PROBES.map(({ claim }) => claim), 'landlock-where-present']);
    expect(reports.length).toBeGreaterThan(20);
    expect(new Set(reports.map(({ claim }) => claim)).size).toBe(reports.length);
    expect(reports.filter(({ evidence }) => evidence === '' || evidence.includes('canary-'))).toEqual([]);
  });
});

type Arguments = readonly string[];
const edited =
  (edit: (all: string[]) => void): Parts['buildArguments'] =>
  (...parameters) => {
    const all = [...bubblewrapArguments(...parameters)];
    edit(all);
    return all;
  };
const at = (all: Arguments, ...words: readonly string[]): number => {
  const found = all.findLastIndex((_, index) => words.every((word, offset) => all[index + offset] === word));
  if (found < 0) throw new Error(`the arguments have no ${words.join(' ')} to weaken`);
  return found;
};
const dropped = (...words: readonly string[]) => edited((all) => void all.splice(at(all, ...words), words.length));
const swapped = (from: readonly string[], to: readonly string[]) =>
  edited((all) => void all.splice(at(all, ...from), from.length, ...to));
/** Put in while the root can still take mount points. */
const added = (...words: readonly string[]) =>
  edited((all) => void all.splice(at(all, '--remount-ro', '/'), 0, ...words));
const isRootWithCapabilities = edited((all) => {
  all.splice(at(all, '--uid'), 4, '--uid', '0', '--gid', '0');
  all.splice(at(all, '--cap-drop', 'ALL'), 2, '--cap-add', 'ALL');
  all.splice(at(all, '--ro-bind', '/proc/sys', '/proc/sys'), 3);
});

const ALLOW_ALL = Buffer.from([0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]);
const noFilter = { filter: () => ALLOW_ALL };
const limitsWithout =
  (flag: string): Parts['prologue'] =>
  (limits) =>
    prologue(limits)
      .split('\n')
      .filter((line) => !line.includes(`ulimit -${flag}`))
      .join('\n');
const noGroups: CgroupController = {
  controllers: [],
  create: () => ({
    controllers: [],
    join: () => Promise.resolve(),
    processPeak: () => Promise.resolve(0),
    holds: () => true,
    memoryKills: () => Promise.resolve(0),
    remove: () => Promise.resolve(),
  }),
  close: () => undefined,
};
/** Attestation would stop most of these before a probe sees them; here the probes are on their own. */
const blind: Pick<Parts, 'judge'> = {
  judge: () => ({ kind: 'attested', attestation: { isolation: 'bubblewrap', cgroup: '' } }),
};

/** Landlock would hold some of these by itself: here each layer is on its own. */
const alone = { askLandlock: () => Promise.resolve(0) };

type Weakening = Partial<Parts> & { readonly cgroups?: CgroupController };
const WEAKENINGS: readonly (readonly [string, string, Weakening])[] = [
  [
    'filesystem-read',
    'a directory of the host mounted somewhere',
    { buildArguments: added('--ro-bind', home.path, '/elsewhere') },
  ],
  ['filesystem-write', 'a writable root', { buildArguments: dropped('--remount-ro', '/') }],
  ['filesystem-write', 'a writable /dev', { buildArguments: dropped('--remount-ro', '/dev') }],
  [
    'workspace',
    'a read-only workspace mounted writable',
    {
      buildArguments: edited(
        (all) =>
          void all.splice(at(all, '/workspace') - 2, 1, all[at(all, '/workspace') - 2]?.replace('--ro-', '--') ?? ''),
      ),
    },
  ],
  [
    'mounts-outside-workspace',
    'a mask inside the workspace',
    {
      buildArguments: edited((all) =>
        all.includes('--bind-fd') || all.includes('--bind')
          ? void all.splice(at(all, '--remount-ro', '/'), 0, '--ro-bind', '/dev/null', '/workspace/.git/mask')
          : undefined,
      ),
    },
  ],
  [
    'disk-limit',
    'an unbounded /tmp',
    { buildArguments: edited((all) => void all.splice(at(all, '--perms', '1777', '--tmpfs', '/tmp') - 2, 2)) },
  ],
  ['file-size-limit', 'no file size limit', { prologue: limitsWithout('f') }],
  [
    'kernel-settings',
    'root of its namespace with a writable /proc/sys',
    { buildArguments: isRootWithCapabilities, ...noFilter },
  ],
  ['system-calls', 'a filter that allows everything', noFilter],
  ['tripwire', 'a filter that allows everything', noFilter],
  ['no-capabilities', 'capabilities kept', { buildArguments: isRootWithCapabilities }],
  ['unprivileged-user', 'uid 0 inside', { buildArguments: swapped(['--uid', '1000'], ['--uid', '0']) }],
  ['unprivileged-user', 'set-id bits allowed', noFilter],
  ['no-namespaces', 'user namespaces allowed', { buildArguments: dropped('--disable-userns'), ...noFilter }],
  [
    'processes-hidden',
    'the host name',
    { buildArguments: swapped(['--hostname', 'sandbox'], ['--hostname', 'real-host']) },
  ],
  ['no-network', 'the network of the host', { buildArguments: dropped('--unshare-net') }],
  ['no-host-sockets', 'Unix sockets allowed', { filter: () => seccompBytes(process.arch, { unixSockets: true }) }],
  ['clean-environment', 'a variable from outside', { buildArguments: added('--setenv', 'LEAKED', 'x') }],
  [
    'no-inherited-descriptors',
    'an open descriptor',
    { prologue: (limits) => `exec 7</etc/passwd\n${prologue(limits)}` },
  ],
  [
    'no-terminal',
    'one more device',
    {
      buildArguments: edited(
        (all) => void all.splice(at(all, '--dev', '/dev') + 2, 0, '--dev-bind', '/dev/null', '/dev/extra'),
      ),
    },
  ],
  ['process-limit', 'no process limit', { prologue: limitsWithout('p'), cgroups: noGroups }],
  [
    'memory-limit',
    'a control group that was announced and does not limit',
    {
      prologue: limitsWithout('d'),
      cgroups: noGroups,
      judge: () => ({ kind: 'attested', attestation: { isolation: 'bubblewrap', cgroup: 'memory' } }),
    },
  ],
];

const proveOne = async (claim: string, run: RunPlan): Promise<boolean> => {
  const [report] = await proveClaims({
    directory: home.path,
    uid: 65534,
    run,
    probes: PROBES.filter((probe) => probe.claim === claim),
  });
  if (report === undefined) throw new Error(`there is no claim ${claim}`);
  // A sandbox that did not start proves nothing either way, and would make this table vacuous.
  expect(report.evidence).not.toMatch(
    claim === 'mounts-outside-workspace' ? /^$/ : /not started|did not start|did not run/,
  );
  return report.proved;
};

describe('a probe fails when its claim does not hold', () => {
  it.each(WEAKENINGS)('%s: %s', async (claim, _what, weakening) => {
    const weak = createBubblewrapBackendWith(options(join(home.path, 'state')), {
      ...blind,
      ...alone,
      ...weakening,
    });
    const proved = await proveOne(claim, (plan) => weak.run(plan, { signal: never() }));
    await weak.close();
    expect(proved).toBe(false);
  });

  const rerouted: readonly (readonly [string, string, (plan: ExecutionPlan) => ExecutionPlan])[] = [
    ['time-limit', 'a loop that ends by itself', (plan) => ({ ...plan, argv: ['/bin/true'] })],
    ['output-limit', 'more output kept', (plan) => ({ ...plan, limits: { ...plan.limits, outputBytes: 128 * 1024 } })],
  ];
  it.each(rerouted)('%s: %s', async (claim, _what, change) => {
    expect(await proveOne(claim, (plan) => strong.run(change(plan), { signal: never() }))).toBe(false);
  });

  it('nothing-persists: /tmp shared between calls', async () => {
    const shared = join(home.path, 'shared-tmp');
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    const weak = createBubblewrapBackendWith(options(join(home.path, 'state')), {
      ...blind,
      ...alone,
      buildArguments: added('--bind', shared, '/tmp'),
    });
    const proved = await proveOne('nothing-persists', (plan) => weak.run(plan, { signal: never() }));
    await weak.close();
    expect(proved).toBe(false);
  });

  it('every claim has a row that breaks it', () => {
    const broken = new Set([...WEAKENINGS.map(([claim]) => claim), 'time-limit', 'output-limit', 'nothing-persists']);
    expect(PROBES.map(({ claim }) => claim).filter((claim) => !broken.has(claim))).toEqual([]);
  });

  it.each([
    ['nothing starts', () => Promise.resolve({ kind: 'not-started', cause: 'unavailable', detail: 'x' } as const)],
    ['everything throws', () => Promise.reject(new Error('x'))],
    [
      'every call succeeds in silence',
      () =>
        Promise.resolve({
          kind: 'exited',
          code: 0,
          stdout: { head: '', tail: '', omittedBytes: 0 },
          stderr: { head: '', tail: '', omittedBytes: 0 },
          attested: {},
        } as const),
    ],
  ])('no claim is proved when %s', async (_what, run) => {
    const reports = await proveClaims({ directory: home.path, uid: 65534, run });
    expect(reports.filter(({ proved }) => proved)).toEqual([]);
    expect(reports).toHaveLength(PROBES.length);
  });
});

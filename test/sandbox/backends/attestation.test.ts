import { describe, expect, it } from 'vitest';
import { judge } from '../../../sandbox/backends/attestation.ts';
import type { Expectation, Observation } from '../../../sandbox/backends/attestation.ts';
import { dataLimit } from '../../../sandbox/backends/handover.ts';
import type { Profile } from '../../../sandbox/backends/profile.ts';

const profile: Profile = {
  workspace: { access: 'rw', source: '/w' },
  home: '',
  egressSocket: '',
  memoryBytes: 1000,
  processes: 10,
  diskBytes: 1,
  fileBytes: 100,
};
const namespaces = (suffix: string) =>
  Object.fromEntries(
    ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'].map((name) => [name, `${name}:[${suffix}]`]),
  );
const good: Observation = {
  status: {
    Seccomp: '2',
    Seccomp_filters: '1',
    NoNewPrivs: '1',
    CapInh: '0000000000000000',
    CapPrm: '0000000000000000',
    CapEff: '0000000000000000',
    CapBnd: '0000000000000000',
    CapAmb: '0000000000000000',
    Uid: '65534\t65534\t65534\t65534',
    Gid: '65534\t65534\t65534\t65534',
    Groups: '',
  },
  namespaces: namespaces('2'),
  descriptors: [0, 1, 2, 3],
  limits: {
    'Max processes': 10,
    'Max open files': 1024,
    'Max file size': 100,
    'Max core file size': 0,
    'Max data size': dataLimit(1000),
  },
  mounts: { '/workspace': '1:2' },
  environment: '',
};
const expectation: Expectation = {
  profile,
  uid: 65534,
  gid: 65534,
  ownNamespaces: namespaces('1'),
  landlock: 0,
  mounts: { '/workspace': '1:2' },
};
const status = (changes: Readonly<Record<string, string>>): Observation => ({
  ...good,
  status: { ...good.status, ...changes },
});
const limits = (changes: Readonly<Record<string, number>>): Observation => ({
  ...good,
  limits: { ...good.limits, ...changes },
});

describe('judge()', () => {
  it('attests what is as it should be, and names the namespace', () => {
    expect(judge({ init: good, shell: good }, expectation, ['memory'])).toMatchObject({
      kind: 'attested',
      attestation: { uid: 65534, pidNamespace: 'pid:[2]', cgroup: 'memory' },
    });
  });

  it.each<readonly [string, Observation, RegExp]>([
    ['no filter', status({ Seccomp: '0' }), /Seccomp/],
    ['a filter that may be absent', status({ Seccomp: '' }), /Seccomp/],
    ['privileges to be gained', status({ NoNewPrivs: '0' }), /NoNewPrivs/],
    ['one capability in the bounding set', status({ CapBnd: '0000000000000001' }), /CapBnd/],
    ['an ambient capability', status({ CapAmb: '0000000000200000' }), /CapAmb/],
    ['a saved uid of root', status({ Uid: '65534\t65534\t0\t65534' }), /Uid/],
    ['another group', status({ Gid: '0\t0\t0\t0' }), /Gid/],
    ['supplementary groups', status({ Groups: '65534 27' }), /groups/],
    ['a field the kernel did not give', { ...good, status: {} }, /Seccomp/],
    ['a shared user namespace', { ...good, namespaces: { ...good.namespaces, user: 'user:[1]' } }, /user namespace/],
    ['a namespace nobody could read', { ...good, namespaces: {} }, /namespace/],
    ['another directory mounted', { ...good, mounts: { '/workspace': '1:3' } }, /another directory/],
    ['nothing mounted', { ...good, mounts: {} }, /another directory/],
    ['a descriptor too many', { ...good, descriptors: [0, 1, 2, 3, 9] }, /inherited/],
    ['unlimited processes', limits({ 'Max processes': Number.POSITIVE_INFINITY }), /processes/],
    ['more processes than planned', limits({ 'Max processes': 11 }), /processes/],
    ['limits nobody could read', { ...good, limits: {} }, /limited/],
    ['a limit that is not a number', limits({ 'Max file size': Number.NaN }), /file size/],
    ['core dumps', limits({ 'Max core file size': 1 }), /core/],
  ])('refuses %s in the shell', (_what, shell, detail) => {
    const judgement = judge({ init: good, shell }, expectation, []);
    expect(judgement).toMatchObject({ kind: 'mismatch', detail: expect.stringMatching(detail) });
  });

  it.each<readonly [string, Observation, RegExp]>([
    ['no filter', status({ Seccomp: '0' }), /init: Seccomp/],
    ['an environment', { ...good, environment: 'TOKEN=x\0' }, /init: its environment/],
    ['more than a directory in its environment', { ...good, environment: 'PWD=/\0TOKEN=x\0' }, /init: its environment/],
  ])('refuses %s in init', (_what, init, detail) => {
    expect(judge({ init, shell: good }, expectation, [])).toMatchObject({
      kind: 'mismatch',
      detail: expect.stringMatching(detail),
    });
  });

  it('never accepts root, expected or not', () => {
    const root = status({ Uid: '0\t0\t0\t0' });
    expect(judge({ init: root, shell: root }, { ...expectation, uid: 0 }, [])).toMatchObject({ kind: 'mismatch' });
  });
});

/** Which machines may run a call, decided from the policy alone; and what is wrong with endpoints before anything starts. */
import { describe, expect, it } from 'vitest';
import { Config } from '../../config/schema.ts';
import { sshArguments } from '../../sandbox/backends/docker/ssh-tunnel.ts';
import { parseEndpoint } from '../../sandbox/endpoints.ts';
import { explainTool } from '../../sandbox/explain-tool.ts';
import { planCall } from '../../sandbox/planner.ts';
import { policyProblems } from '../../sandbox/policy-problems.ts';
import { toSandboxPolicy } from '../../sandbox/policy.ts';
import type { SandboxPolicy } from '../../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../../sandbox/tools/catalogue.ts';

const LABELS = ['public', 'internal', 'restricted'];
const HERE = { name: 'here', url: 'unix:///var/run/docker.sock' };
const TLS = { name: 'rack', url: 'tcp://rack:2376', ca: 'file:/k/ca', cert: 'file:/k/cert', key: 'file:/k/key' };
const SSH = {
  name: 'far',
  url: 'ssh://sluice@far',
  key: 'file:/k/id',
  knownHosts: 'file:/k/hosts',
  upToLabel: 'internal',
};
const policyOf = (endpoints: readonly unknown[], sandbox: Record<string, unknown> = {}): SandboxPolicy =>
  toSandboxPolicy(
    Config.parse({ sandbox: { mode: 'docker', ...sandbox, docker: { endpoints } } }).sandbox,
    LABELS,
    BUNDLED_TOOL_NAMES,
  );
const planned = (policy: SandboxPolicy, label: string, tool = 'exec', text = '{"command":"id"}') =>
  planCall({ id: '1', tool, arguments: text, principal: 'p', session: 's', agent: 'a', label }, policy, {
    scopesRoot: '/scopes',
    egressRoot: '/egress',
    nonce: '0123456789abcdef0123456789abcdef',
  });
const places = (...parameters: Parameters<typeof planned>): unknown => {
  const answer = planned(...parameters);
  return answer.kind === 'plan' ? answer.plan.endpoints : answer.code;
};

describe('which machines may be given a call', () => {
  const all = [HERE, TLS, SSH];
  it.each([
    ['public', ['here', 'rack', 'far']],
    ['internal', ['here', 'far']],
    ['restricted', ['here']],
    ['no such label', ['here']],
  ])('of a conversation labelled %s', (label, names) => {
    expect(places(policyOf(all), label)).toEqual(names);
  });

  it('none: the call is refused, and the text says where to look', () => {
    const answer = planned(policyOf([TLS, SSH]), 'restricted');
    expect(answer).toMatchObject({
      kind: 'refused',
      code: 'denied-by-policy',
      message: expect.stringContaining('sandbox explain exec') as string,
    });
  });

  it.each([
    ['a directory the operator named', { workspace: 'ro', workspaceRoot: '/work' }],
    ['a home agents share', { scope: 'shared' }],
    ['a home of one agent, whatever it talked about', { scope: 'agent' }],
  ])('%s counts as the highest label', (_what, sandbox) => {
    expect(places(policyOf(all, sandbox), 'public')).toEqual(['here']);
    expect(places(policyOf([{ ...SSH, upToLabel: 'restricted' }], sandbox), 'public')).toEqual(['far']);
  });

  it('what one conversation keeps goes where that conversation may', () => {
    expect(places(policyOf(all, { scope: 'session', workspace: 'rw' }), 'public')).toEqual(['here', 'rack', 'far']);
  });

  it('with the network open only this machine', () => {
    const egress = {
      network: 'egress',
      egress: { allow: [{ host: 'example.com', methods: ['GET'] }], upToLabel: 'public' },
    };
    expect(places(policyOf(all, egress), 'public')).toEqual(['here']);
    // Above that label there is no network, so nothing keeps it here.
    expect(places(policyOf(all, egress), 'internal')).toEqual(['here', 'far']);
  });

  it('a session that may change kept files only this machine', () => {
    const start = '{"action":"start","command":"sh"}';
    expect(places(policyOf(all), 'public', 'session', start)).toEqual(['here', 'rack', 'far']);
    expect(places(policyOf(all, { workspace: 'rw' }), 'public', 'session', start)).toEqual(['here']);
  });

  it('no argument and no other mode names one', () => {
    expect(places(policyOf(all), 'public', 'exec', '{"command":"id","endpoints":["far"]}')).toBe('malformed-arguments');
    expect(planned(policyOf(all, { mode: 'bubblewrap' }), 'public')).toMatchObject({ kind: 'plan' });
    expect(places(policyOf(all, { mode: 'bubblewrap' }), 'public')).toBeUndefined();
    expect(places(policyOf([]), 'public')).toBeUndefined();
  });

  it('explain says what keeps each from it, and the key', () => {
    const { endpoints } = explainTool(policyOf(all), { agent: 'a', principal: 'p' }, 'exec', 'internal');
    expect(endpoints).toEqual([
      { name: 'here', far: false, upToLabel: '', key: 'sandbox.docker.endpoints.0' },
      { name: 'rack', far: true, upToLabel: 'public', obstacle: 'label', key: 'sandbox.docker.endpoints.1.upToLabel' },
      { name: 'far', far: true, upToLabel: 'internal', key: 'sandbox.docker.endpoints.2' },
    ]);
  });
});

describe('an endpoint that cannot be used is a problem of the policy', () => {
  it('a good one is none', () => {
    expect(policyProblems(policyOf([HERE, TLS, SSH]))).toEqual([]);
  });
  it.each([
    ['plain TCP', { ...TLS, url: 'http://rack:2375' }, '.url'],
    ['no certificate authority', { ...TLS, ca: undefined }, '.ca'],
    ['no client certificate', { ...TLS, cert: undefined }, '.cert'],
    ['no host keys', { ...SSH, knownHosts: undefined }, '.knownHosts'],
    ['no key', { ...SSH, key: undefined }, '.key'],
    ['host keys for TLS', { ...TLS, knownHosts: 'file:/k' }, '.knownHosts'],
    ['a label that is none', { ...SSH, upToLabel: 'secret' }, '.upToLabel'],
    ['a name twice', { ...HERE, url: 'unix:///other.sock' }, '.name'],
    ['a key in a workspace', { ...SSH, key: 'file:/work/id' }, '.key'],
  ])('%s', (_what, endpoint, key) => {
    const problems = policyProblems(policyOf([HERE, endpoint], { workspaceRoot: '/work' }));
    expect(problems).toEqual([expect.stringContaining(`sandbox.docker.endpoints.1${key}`)]);
  });
  it('a network that no endpoint could be given', () => {
    const egress = { network: 'egress', egress: { allow: [{ host: 'example.com', methods: ['GET'] }] } };
    expect(policyProblems(policyOf([TLS], egress))).toEqual([expect.stringContaining('where the proxy is')]);
    expect(policyProblems(policyOf([TLS, HERE], egress))).toEqual([]);
  });
});

describe('addresses', () => {
  it.each([
    ['unix:///run/d.sock', { kind: 'local', socket: '/run/d.sock' }],
    ['tcp://10.0.0.1:2376', { kind: 'tls', host: '10.0.0.1', port: 2376 }],
    ['tcp://[::1]:2376', { kind: 'tls', host: '::1', port: 2376 }],
    ['ssh://u@h', { kind: 'ssh', user: 'u', host: 'h', port: 22, socket: '/var/run/docker.sock' }],
    [
      'ssh://u@h:2222/run/user/7/docker.sock',
      { kind: 'ssh', user: 'u', host: 'h', port: 2222, socket: '/run/user/7/docker.sock' },
    ],
  ])('%s', (url, address) => {
    expect(parseEndpoint(url)).toEqual(address);
  });
  it.each([
    '',
    'tcp://h',
    'tcp://h:0',
    'tcp://h:99999',
    'tcp://u@h:1',
    'tcp://h:1/x',
    'ssh://h',
    'ssh://-oProxyCommand=x@h',
    'ssh://u@-oProxyCommand=x',
    'ssh://u:p@h',
    'ssh://u@h h',
    'ssh://u@h/x?y',
    'ssh://u@h/a b',
    'unix://relative',
    'unix:///a b',
    'https://h:1',
    'fd://',
    'npipe:////./pipe/docker_engine',
  ])('%j is none', (url) => {
    expect(parseEndpoint(url)).toBeUndefined();
  });
  it('ssh is told everything and reads no file of the user’s', () => {
    const words = sshArguments(
      { user: 'u', host: 'h', port: 22, socket: '/d.sock', key: '/k', knownHosts: '/hosts' },
      '/tmp/x/engine.sock',
    );
    expect(words.slice(0, 2)).toEqual(['-F', '/dev/null']);
    for (const option of [
      'BatchMode=yes',
      'StrictHostKeyChecking=yes',
      'UserKnownHostsFile="/hosts"',
      'GlobalKnownHostsFile=/dev/null',
      'IdentitiesOnly=yes',
      'IdentityAgent=none',
      'ForwardAgent=no',
      'PasswordAuthentication=no',
    ])
      expect(words).toContain(option);
    expect(words.slice(-2)).toEqual(['--', 'h']);
  });
});

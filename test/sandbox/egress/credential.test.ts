/** Credentials that the proxy adds: where they go, where they must not go, and that nothing on the inside ever holds one. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Config } from '../../../config/schema.ts';
import { readCredentials } from '../../../sandbox/egress/credentials.ts';
import { EchoFilter } from '../../../sandbox/egress/echo-filter.ts';
import { policyProblems } from '../../../sandbox/policy-problems.ts';
import { toSandboxPolicy } from '../../../sandbox/policy.ts';
import { spellingsOf } from '../../../sandbox/spellings.ts';
import { BUNDLED_TOOL_NAMES } from '../../../sandbox/tools/catalogue.ts';
import { startOrigin, startProxy } from '../../helpers/proxy-client.ts';

const SECRET = 'CANARY-s3cr3t-9f27b1';
const directory = mkdtempSync(join(tmpdir(), 'sluice-credential-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const fileWith = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};
const file = fileWith('token', `${SECRET}\n`);
const allowing = (credential: object = {}, rule: object = {}) => [
  {
    host: 'api.example.com',
    ports: [443, 80],
    methods: ['GET', 'POST'],
    paths: ['/v1'],
    credential: { secret: `file:${file}`, ...credential },
    ...rule,
  },
  { host: 'api.example.com', ports: [443], methods: ['GET'], paths: ['/open'] },
  { host: 'other.example.com', ports: [443, 80], methods: ['GET', 'CONNECT'] },
];
const rulesOf = (allow: unknown) => Config.parse({ sandbox: { egress: { allow } } }).sandbox.egress.allow;
const start = async (allow: unknown, reply?: Parameters<typeof startOrigin>[0]) => {
  const origin = await startOrigin(reply);
  const proxy = await startProxy({ allow, origin, credentials: readCredentials(rulesOf(allow), []) });
  return { origin, proxy };
};
const get = (url: string, headers = ''): string => `GET ${url} HTTP/1.1\r\n${headers}\r\n`;

describe('a credential is added', () => {
  it.each([
    ['bearer', {}, `authorization: Bearer ${SECRET}`],
    ['basic', { scheme: 'basic' }, `authorization: Basic ${Buffer.from(SECRET).toString('base64')}`],
    ['none', { scheme: 'none', header: 'X-Api-Key' }, `X-Api-Key: ${SECRET}`],
  ])('%s, over TLS, counted, and nothing of it in the event', async (_, credential, line) => {
    const { origin, proxy } = await start(allowing(credential));
    expect(await proxy.send(get('https://api.example.com/v1/x'))).toMatch(/^HTTP\/1.1 200/);
    expect(origin.received()).toContain(`\r\n${line}\r\n`);
    expect(proxy.tlsFor).toEqual(['api.example.com']);
    await expect.poll(() => proxy.events).toMatchObject([{ code: 'relayed', credentials: 1 }]);
    expect(JSON.stringify(proxy.events)).not.toContain(SECRET);
  });

  it('in place of what the program sent, and asking for a reply that can be read', async () => {
    const { origin, proxy } = await start(allowing());
    await proxy.send(get('https://api.example.com/v1', 'AUTHORIZATION: Bearer mine\r\nAccept-Encoding: gzip\r\n'));
    expect(origin.received()).not.toContain('mine');
    expect(origin.received().match(/^accept-encoding:.*$/gim)).toEqual(['Accept-Encoding: identity']);
    expect(origin.received().match(/^authorization:/gim)).toHaveLength(1);
  });

  it('to a plain request that the rule upgrades, which then goes over TLS', async () => {
    const { origin, proxy } = await start(allowing({}, { ports: [443], upgrade: true }));
    expect(await proxy.send(get('http://api.example.com/v1', 'Host: api.example.com\r\n'))).toMatch(/^HTTP\/1.1 200/);
    expect([proxy.tlsFor, proxy.dialled]).toEqual([['api.example.com'], ['93.184.216.34:443']]);
    expect(origin.received()).toContain(SECRET);
    expect(origin.received()).toContain('\r\nHost: api.example.com\r\n');
  });

  it('anew from the file for each call', () => {
    const path = fileWith('rotated', 'first-secret');
    const rules = rulesOf(allowing({ secret: `file:${path}` }));
    expect(readCredentials(rules, []).get('sandbox.egress.allow.0')?.value).toBe('Bearer first-secret');
    writeFileSync(path, 'second-secret\n');
    expect(readCredentials(rules, []).get('sandbox.egress.allow.0')?.value).toBe('Bearer second-secret');
  });
});

describe('a credential is not sent', () => {
  const table: readonly (readonly [string, string, RegExp])[] = [
    ['to another path of its host', get('https://api.example.com/open'), /^HTTP\/1.1 200/],
    ['to another host', get('https://other.example.com/v1'), /^HTTP\/1.1 200/],
    ['in plain http to another host', get('http://other.example.com/v1'), /^HTTP\/1.1 200/],
    ['in plain http', get('http://api.example.com/v1'), /^HTTP\/1.1 403[\s\S]*https only/],
    ['in plain http on the port of https', get('http://api.example.com:443/v1'), /^HTTP\/1.1 403/],
    ['through a tunnel', 'CONNECT api.example.com:443 HTTP/1.1\r\n\r\n', /^HTTP\/1.1 403/],
    ['to a host that only says so', get('https://other.example.com/v1', 'Host: api.example.com\r\n'), /^HTTP\/1.1 400/],
  ];
  it.each(table)('%s', async (_, request, answer) => {
    const { origin, proxy } = await start(allowing());
    expect(await proxy.send(request)).toMatch(answer);
    expect(origin.received()).not.toContain(SECRET);
    await expect.poll(() => proxy.events).toMatchObject([{ credentials: 0 }]);
  });

  it('after a redirect to another host: what follows is the program’s own request', async () => {
    const moved =
      'HTTP/1.1 302 Found\r\nLocation: https://other.example.com/v1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
    const { origin, proxy } = await start(allowing(), moved);
    const answer = await proxy.send(get('https://api.example.com/v1'));
    const before = origin.received().length;
    const location = /Location: (\S+)/.exec(answer)?.[1] ?? '';
    await proxy.send(get(location, 'Authorization: Bearer guess\r\n'));
    expect(origin.received().slice(before)).toContain('guess');
    expect(origin.received().slice(before)).not.toContain(SECRET);
    expect(answer).not.toContain(SECRET);
  });

  const bad: readonly (readonly [string, () => string])[] = [
    ['that is missing', () => join(directory, 'none')],
    ['that is empty', () => fileWith('empty', '')],
    ['too short to keep out of a reply', () => fileWith('short', 'abc')],
    ['of two lines', () => fileWith('lines', 'secret-one\r\nX-Evil: 1')],
    ['that is a directory', () => directory],
    ['that lies where a sandbox sees it', () => visibleFile('direct')],
    ['behind a link to where a sandbox sees it', () => linkTo(visibleFile('linked'))],
  ];
  const visible = join(directory, 'workspace');
  mkdirSync(visible, { recursive: true });
  const visibleFile = (name: string): string => fileWith(join('workspace', name), SECRET);
  const linkTo = (path: string): string => {
    const link = join(directory, 'link');
    symlinkSync(path, link);
    return link;
  };
  it.each(bad)('from a file %s: the request is refused', async (_, make) => {
    const allow = allowing({ secret: `file:${make()}` });
    const origin = await startOrigin();
    const proxy = await startProxy({ allow, origin, credentials: readCredentials(rulesOf(allow), [visible]) });
    expect(await proxy.send(get('https://api.example.com/v1'))).toMatch(/^HTTP\/1.1 502[\s\S]*tell the operator/);
    expect(proxy.dialled).toEqual([]);
    await expect.poll(() => proxy.events).toMatchObject([{ code: 'credential-unavailable', credentials: 0 }]);
    chmodSync(directory, 0o700);
  });
});

describe('a reply that holds the credential', () => {
  const head = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n';
  it.each(spellingsOf(SECRET))('as %s is cut before its last byte', async (spelling) => {
    const { proxy } = await start(allowing(), `${head}you sent ${spelling} to us`);
    const answer = await proxy.send(get('https://api.example.com/v1'));
    expect(answer).not.toContain(spelling);
    await expect.poll(() => proxy.events).toMatchObject([{ code: 'credential-echoed' }]);
  });

  it('byte by byte, across every cut', () => {
    fc.assert(
      fc.property(fc.constantFrom(...spellingsOf(SECRET)), fc.integer({ min: 1, max: 9 }), (spelling, size) => {
        const filter = new EchoFilter([SECRET]);
        const text = Buffer.from(`${head}${'x'.repeat(50)}${spelling}${'y'.repeat(50)}`);
        let passed = '';
        for (let at = 0; at < text.length; at += size) {
          const filtered = filter.push(text.subarray(at, at + size));
          if (filtered.kind === 'cut') {
            expect(passed).not.toContain(spelling.slice(0, -1));
            return;
          }
          passed += filtered.bytes.toString('latin1');
        }
        throw new Error('it passed');
      }),
    );
  });

  it('compressed, though it was asked not to be, is cut', async () => {
    const { proxy } = await start(allowing(), `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n${'x'.repeat(100)}`);
    expect(await proxy.send(get('https://api.example.com/v1'))).not.toContain('xxx');
    await expect.poll(() => proxy.events).toMatchObject([{ code: 'credential-echoed' }]);
  });

  it('and any other passes whole', async () => {
    const body = `${SECRET.slice(0, 12)} and ${SECRET.slice(0, 5)} ${'€'.repeat(20)} ${SECRET.slice(0, -1)}`;
    const { proxy } = await start(allowing(), `${head}${body}`);
    const answer = await proxy.send(get('https://api.example.com/v1'));
    expect(Buffer.from(answer, 'latin1').toString('utf8')).toBe(`${head}${body}`);
  });
});

describe('a policy with a credential that cannot be kept', () => {
  it.each([
    ['from the environment', allowing({ secret: 'env:TOKEN' }), /credential\.secret: needs file:/],
    ['for a wildcard', allowing({}, { host: '*.example.com' }), /credential: needs a host named exactly/],
    ['for tunnels only', allowing({}, { methods: ['CONNECT'] }), /credential: cannot be added inside a tunnel/],
  ])('%s is unfit', (_, allow, problem) => {
    const { sandbox } = Config.parse({ sandbox: { egress: { allow } } });
    const problems = policyProblems(toSandboxPolicy(sandbox, ['public'], BUNDLED_TOOL_NAMES));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });
});

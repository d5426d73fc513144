/** Clouds that cannot be reached for the reasons of real life: a name that does not resolve, certificates that do not hold, a port nobody listens on. A real process, real TLS. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliProcess, runCli, startServe } from '../helpers/cli.ts';
import { type FakeOllama, startFakeOllama } from '../helpers/fake-ollama.ts';
import { makeCertificate, type OriginCertificate } from '../helpers/origin-certificate.ts';
import { refusedPort } from '../helpers/rude-server.ts';
import { COMPLEX, say, spoken } from '../helpers/sluice.ts';
import { endsProperly } from '../helpers/stream-ending.ts';
import { MODELS, SURFACES } from '../leaks/hunt/surfaces.ts';

const ANSWER = JSON.stringify({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'from the cloud' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
});
/** Trusted are all but the one that only signed itself. */
const CERTIFICATES: Readonly<Record<string, OriginCertificate>> = {
  good: makeCertificate('localhost'),
  expired: makeCertificate('localhost', -60_000),
  otherhost: makeCertificate('cloud.example'),
  selfsigned: makeCertificate('localhost'),
};
const UNREACHABLE = [
  ['expired', 502, 'cloud_upstream_failed'],
  ['otherhost', 502, 'cloud_upstream_failed'],
  ['selfsigned', 502, 'cloud_upstream_failed'],
  ['nameless', 502, 'cloud_upstream_failed'],
  ['closed', 502, 'cloud_upstream_failed'],
  ['silent', 504, 'upstream_timeout'],
] as const;

const directory = mkdtempSync(join(tmpdir(), 'network-'));
const servers: Server[] = [];
/** Requests that arrived, by server: what was read after the handshake. */
const arrived: Record<string, number> = {};
let local: FakeOllama;
let falling: CliProcess & { readonly url: string };
let telling: CliProcess & { readonly url: string };

beforeAll(async () => {
  local = await startFakeOllama({ models: MODELS, reply: () => ({ text: 'home' }) });
  const urls: Record<string, string> = {
    nameless: 'https://no-such-host.invalid',
    closed: `https://localhost:${await refusedPort()}`,
    // A port that takes the handshake and says nothing.
    silent: local.url.replace('http://127.0.0.1', 'https://localhost'),
  };
  for (const [name, { certificate, key }] of Object.entries(CERTIFICATES)) {
    const server = createServer({ cert: certificate, key }, (request, response) => {
      if (request.method === 'POST') arrived[name] = (arrived[name] ?? 0) + 1;
      request.resume();
      if (request.method === 'GET')
        return void response
          .setHeader('content-type', 'application/json')
          .end(JSON.stringify({ object: 'list', data: [{ id: `m-${name}`, object: 'model' }] }));
      response.setHeader('content-type', 'application/json').end(ANSWER);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
    urls[name] = `https://localhost:${(server.address() as AddressInfo).port}`;
  }
  const trusted = join(directory, 'trusted.pem');
  writeFileSync(
    trusted,
    ['good', 'expired', 'otherhost'].map((name) => CERTIFICATES[name]?.certificate ?? '').join(''),
  );
  const serve = (then: 'local' | 'error') => {
    const file = join(directory, `${then}.yaml`);
    writeFileSync(
      file,
      `stateDir: ${join(directory, then)}
sandbox: { mode: deny }
policy: { onCloudFailure: ${then} }
upstreams:
  - { kind: ollama, name: home, url: "${local.url}", sees: restricted }
${Object.entries(urls)
  .map(
    ([name, url]) =>
      `  - { kind: openai, name: ${name}, url: "${url}/v1", model: m-${name}, sees: public, connectTimeoutMs: 1500, breaker: { failures: 0 } }\n`,
  )
  .join('')}`,
    );
    // The switch that half the world sets to get past a bad certificate; it must change nothing.
    return startServe(['-c', file], { NODE_EXTRA_CA_CERTS: trusted, NODE_TLS_REJECT_UNAUTHORIZED: '0' });
  };
  [falling, telling] = await Promise.all([serve('local'), serve('error')]);
}, 60_000);
afterAll(async () => {
  for (const each of [falling, telling]) each?.child.kill('SIGTERM');
  await Promise.all([falling?.exited, telling?.exited]);
  await local.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(directory, { recursive: true, force: true });
});

const ask = (url: string, path: string, body: unknown): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const CHAT = '/v1/chat/completions';

it('the control: a certificate that holds is spoken to', async () => {
  const reply = await ask(falling.url, CHAT, say(COMPLEX, { model: 'm-good' }));
  expect([reply.headers.get('x-sluice-route'), spoken(await reply.text())]).toEqual(['cloud', 'from the cloud']);
  expect(arrived['good']).toBe(1);
});

describe.each(UNREACHABLE)('%s', (name, status, code) => {
  const talking = SURFACES.filter(({ home }) => home !== true).slice(0, name === 'silent' ? 1 : undefined);
  it.each(talking.map((surface) => [surface.name, surface] as const))(
    '%s: falls inwards, streamed or not, with its own last word',
    async (_, surface) => {
      for (const stream of [false, true]) {
        const body = surface.body(`${COMPLEX} ${name} ${String(stream)}`, stream) as object;
        const reply = await ask(falling.url, surface.path, { ...body, model: `m-${name}` });
        const text = await reply.text();
        expect([reply.status, reply.headers.get('x-sluice-route')], text.slice(0, 300)).toEqual([200, 'local']);
        expect(reply.headers.get('x-sluice-reason')).toMatch(/^cloud-failed/);
        if (surface.sealed === true) continue;
        expect(text).toContain('home');
        if (stream) expect(endsProperly(text)).toBe(true);
      }
      expect(arrived[name] ?? 0).toBe(0);
    },
  );

  it('is told once as a fault of the upstream where policy says so, without a word of why', async () => {
    for (const stream of [false, true]) {
      const reply = await ask(telling.url, CHAT, say(`${COMPLEX} ${String(stream)}`, { model: `m-${name}`, stream }));
      const text = await reply.text();
      expect([reply.status, (JSON.parse(text) as { error: { code: string } }).error.code]).toEqual([status, code]);
      expect(text).not.toMatch(/certificate|ENOTFOUND|localhost|\.invalid|self.signed/i);
    }
    expect(arrived[name] ?? 0).toBe(0);
  });
});

it('an operator’s check says of each cloud whether it answers, and does not fail for it', async () => {
  const { stdout, code } = await runCli(['check', '--json', '-c', join(directory, 'local.yaml')], {
    env: { NODE_EXTRA_CA_CERTS: join(directory, 'trusted.pem') },
  });
  const { ready, clouds } = JSON.parse(stdout) as {
    ready: boolean;
    clouds: readonly { name: string; ok: boolean; detail: string }[];
  };
  expect([code, ready]).toEqual([0, true]);
  expect(clouds.find(({ name }) => name === 'good')).toMatchObject({ ok: true });
  for (const [name] of UNREACHABLE)
    expect(
      clouds.find((cloud) => cloud.name === name),
      name,
    ).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^no answer/) as string,
    });
}, 30_000);

it('is counted by code, and no log has a word of why or of what', async () => {
  const metrics = await (await fetch(`${falling.url}/metrics`)).text();
  for (const [name, , code] of UNREACHABLE)
    expect(metrics).toMatch(
      new RegExp(
        `upstream_requests_total\\{upstream="${name}",outcome="${code === 'upstream_timeout' ? code : 'upstream_unreachable'}"\\} [1-9]`,
      ),
    );
  for (const { stderr } of [falling, telling]) expect(stderr()).not.toMatch(/"event":"fault"|Prove step by step/);
});

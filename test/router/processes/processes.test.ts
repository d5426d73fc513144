/** Several processes behind one port, with Node's real cluster: what one of them learns, counts or is told is so in all. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditView, Health } from '../../../router/admin/api.ts';
import type { ShadowReport } from '../../../router/shadow/shadow.ts';
import { type CliProcess, runCli, startServe } from '../../helpers/cli.ts';
import { startFakeOllama, type FakeOllama } from '../../helpers/fake-ollama.ts';
import { startFakeOpenAI, type FakeOpenAI } from '../../helpers/fake-openai.ts';
import { fresh, openFresh, type FreshReply } from '../../helpers/fresh.ts';
import { CARD, COMPLEX, say } from '../../helpers/sluice.ts';

const PROCESSES = 3;
const directory = mkdtempSync(join(tmpdir(), 'processes-'));
const file = join(directory, 'sluice.yaml');
let cloud: FakeOpenAI;
let local: FakeOllama;
let sluice: CliProcess & { readonly url: string };
const keys = { agent: '', limited: '', admin: '' };

const yaml = (more = ''): string => `stateDir: ${join(directory, 'state')}
listen: { processes: ${PROCESSES}, drainMs: 8000 }
surfaces: { responses: { store: store } }
sandbox: { mode: deny }
upstreams:
  - { kind: ollama, name: home, url: "${local.url}", sees: restricted }
  - { kind: openai, name: sky, url: "${cloud.url}", model: gpt-fake, sees: public }
${more}`;
const PIECES = [
  'Noted: the card of that customer is blocked now, ',
  'and a new one is on its way.\n',
  'More.',
  ' More.',
];

const agent = (key = keys.agent): Readonly<Record<string, string>> => ({ authorization: `Bearer ${key}` });
const chat = (body: object, headers: Readonly<Record<string, string>> = {}, key = keys.agent): Promise<FreshReply> =>
  fresh(`${sluice.url}/v1/chat/completions`, { body, headers: { ...agent(key), ...headers } });
async function admin<T>(path: string, body?: unknown): Promise<T> {
  const reply = await fresh(`${sluice.url}/admin/v1/${path}`, {
    headers: { authorization: `Bearer ${keys.admin}` },
    ...(body === undefined ? {} : { body }),
  });
  expect(reply.status, reply.text).toBeLessThan(300);
  return JSON.parse(reply.text) as T;
}
const metric = async (name: string): Promise<number> => {
  const { text } = await fresh(`${sluice.url}/metrics`);
  const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
};
const serving = async (): Promise<readonly number[]> =>
  (await admin<Health>('health')).processes.filter((each) => each.state === 'serving').map((each) => each.pid);
const times = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

beforeAll(async () => {
  cloud = await startFakeOpenAI({});
  local = await startFakeOllama({ replies: [{ pieces: PIECES, gapMs: 150 }] });
  writeFileSync(file, yaml());
  for (const [name, args] of [
    ['agent', ['create', 'bot']],
    ['limited', ['create', 'slow', '--rate', '1', '--burst', '4']],
    ['admin', ['create', 'boss', '--role', 'admin']],
  ] as const) {
    const made = await runCli(['keys', ...args, '-c', file]);
    keys[name] = made.stdout.trim();
  }
  sluice = await startServe(['-c', file, '--no-watch']);
}, 180_000);
afterAll(async () => {
  sluice?.child.kill('SIGKILL');
  await sluice?.exited;
  await Promise.all([cloud.close(), local.close()]);
  rmSync(directory, { recursive: true, force: true });
});

describe('several processes behind one port', { timeout: 60_000 }, () => {
  it('all take requests, and the metrics are those of all', async () => {
    expect(new Set(await serving()).size).toBe(PROCESSES);
    const before = await metric('sluice_requests_total');
    await Promise.all(times(12).map((index) => chat(say(`${COMPLEX} Part ${index}.`))));
    expect((await metric('sluice_requests_total')) - before).toBe(12);
    expect(await metric('sluice_processes')).toBe(PROCESSES);
    expect(await metric('sluice_policy_info')).toBe(1);
    // Scraped twice, from whichever process takes the connection: the same sum.
    expect(await metric('sluice_requests_total')).toBe(await metric('sluice_requests_total'));
  });

  it('one login is good in all of them, and a page sees the decisions of all', async () => {
    const login = await fresh(`${sluice.url}/admin/v1/login`, { body: { key: keys.admin } });
    const cookie = String(login.headers['set-cookie']).split(';')[0] ?? '';
    const stream = await openFresh(`${sluice.url}/admin/v1/decisions/stream`, { headers: { cookie } });
    expect(stream.status).toBe(200);
    const ids = (await Promise.all(times(9).map((index) => chat(say(`${COMPLEX} Piece ${index}.`))))).map((reply) =>
      String(reply.headers['x-sluice-request-id']),
    );
    for (const _ of times(6)) {
      const reply = await fresh(`${sluice.url}/admin/v1/decisions?limit=500`, { headers: { cookie } });
      expect(reply.status).toBe(200);
    }
    await expect
      .poll(async () => {
        const { text } = await fresh(`${sluice.url}/admin/v1/decisions?limit=500`, { headers: { cookie } });
        return ids.filter((id) => !text.includes(id));
      })
      .toEqual([]);
    expect((await fresh(`${sluice.url}/console`)).text).toContain('<!doctype html>');
  });

  it('counts the rate of a key over all of them', async () => {
    const replies = await Promise.all(times(12).map(() => chat(say(COMPLEX), {}, keys.limited)));
    expect(replies.filter((each) => each.status === 200)).toHaveLength(4);
    expect(replies.filter((each) => each.status === 429)).toHaveLength(8);
  });

  it('a label that one raised is seen by the very next request, whoever takes it', async () => {
    await Promise.all(
      times(12).map(async (index) => {
        const session = { 'x-session-id': `race-${index}` };
        // The reply's first byte is out: from here on nobody may have forgotten.
        const raised = await openFresh(`${sluice.url}/v1/chat/completions`, {
          body: say(`Block ${CARD} please`, { stream: true }),
          headers: { ...agent(), ...session },
        });
        expect(raised.headers['x-sluice-route']).toBe('local');
        const next = await Promise.all(times(4).map(() => chat(say(COMPLEX), session)));
        expect(next.map((each) => each.headers['x-sluice-route'])).toEqual(['local', 'local', 'local', 'local']);
        await raised.rest;
      }),
    );
    expect(
      (await chat(say(`${COMPLEX} Begin with the last.`), { 'x-session-id': 'another' })).headers['x-sluice-route'],
    ).toBe('cloud');
    expect(cloud.wire().toString()).not.toContain(CARD);
  });

  it('a kept reply is found by all', async () => {
    const made = await fresh(`${sluice.url}/v1/responses`, {
      body: { model: 'auto', input: 'hello there' },
      headers: agent(),
    });
    const { id } = JSON.parse(made.text) as { id: string };
    const found = await Promise.all(
      times(6).map(() => fresh(`${sluice.url}/v1/responses/${id}`, { headers: agent() })),
    );
    expect(found.map((each) => each.status)).toEqual(times(6).map(() => 200));
  });

  it('a reload is in force in all of them, or in none, and each of them records it', async () => {
    const policies = async (): Promise<readonly string[]> => [
      ...new Set(
        (await Promise.all(times(12).map(() => fresh(`${sluice.url}/healthz`)))).map(
          (reply) => (JSON.parse(reply.text) as { policy: string }).policy,
        ),
      ),
    ];
    const [first] = await policies();
    writeFileSync(file, yaml('complexity: { threshold: 0.99 }'));
    const reloaded = await admin<{ kind: string; policy: string }>('reload', {});
    expect(reloaded.kind).toBe('reloaded');
    expect(await policies()).toEqual([reloaded.policy]);
    expect(reloaded.policy).not.toBe(first);
    expect((await chat(say(COMPLEX))).headers['x-sluice-route']).toBe('local');
    const { hits } = await admin<AuditView>('audit?kind=reload&limit=50');
    expect(new Set(hits.filter((hit) => hit.record.kind === 'reload').map((hit) => hit.instance)).size).toBe(
      PROCESSES + 1,
    );
    writeFileSync(file, yaml('classify: { recognizerFiles: [not-there.yaml] }'));
    expect(await admin<{ kind: string }>('reload', {})).toMatchObject({ kind: 'invalid' });
    expect(await policies()).toEqual([reloaded.policy]);
    writeFileSync(file, yaml());
    sluice.child.kill('SIGHUP');
    await expect.poll(policies, { timeout: 20_000 }).toEqual([first]);
  });

  it('a candidate is compared with what all of them answer', async () => {
    await admin('shadow', { source: 'fragment', fragment: 'policy: { clean: { complex: local } }' });
    const before = await admin<ShadowReport>('shadow');
    await Promise.all(times(9).map((index) => chat(say(`${COMPLEX} Version ${index}.`))));
    await expect
      .poll(async () => {
        const { compared, dropped } = await admin<ShadowReport>('shadow');
        return compared + dropped - before.compared;
      })
      .toBe(9);
    const after = await admin<ShadowReport>('shadow');
    expect(after.differing).toBeGreaterThan(0);
    expect(Object.keys(after.moves)).toEqual(['cloud → local']);
    expect(await metric('sluice_shadow_decisions_total')).toBeGreaterThanOrEqual(9);
    expect(JSON.stringify(after)).not.toContain('Prove step by step');
  });

  it('the chain of all of them is whole', async () => {
    const report = await admin<{ whole: boolean; problems: readonly object[]; records: number }>('audit/verify', {});
    expect(report.problems).toEqual([]);
    expect(report.records).toBeGreaterThan(40);
  });

  it('one that is killed while it answers loses no label, no count, and is started again', async () => {
    const counted = await metric('sluice_requests_total');
    const pids = await serving();
    const open = await Promise.all(
      times(PROCESSES * 2).map((index) =>
        openFresh(`${sluice.url}/v1/chat/completions`, {
          body: say(`Block ${CARD} please`, { stream: true }),
          headers: { ...agent(), 'x-session-id': `killed-${index}` },
        }),
      ),
    );
    process.kill(pids[0] ?? 0, 'SIGKILL');
    const ends = await Promise.allSettled(open.map((each) => each.rest));
    expect(ends.some((each) => each.status === 'rejected')).toBe(true);
    for (const index of times(PROCESSES * 2))
      expect((await chat(say(COMPLEX), { 'x-session-id': `killed-${index}` })).headers['x-sluice-route']).toBe('local');
    await expect.poll(async () => (await serving()).length, { timeout: 30_000 }).toBe(PROCESSES);
    expect(await serving()).not.toContain(pids[0]);
    expect(await metric('sluice_process_ends_total')).toBe(1);
    expect(await metric('sluice_requests_total')).toBeGreaterThanOrEqual(counted);
    // The new one knows what was labelled before it was.
    const routes = await Promise.all(times(9).map(() => chat(say(COMPLEX), { 'x-session-id': 'killed-0' })));
    expect(new Set(routes.map((each) => each.headers['x-sluice-route']))).toEqual(new Set(['local']));
    const { whole } = await admin<{ whole: boolean }>('audit/verify', {});
    expect(whole).toBe(true);
  });

  it('counts wrong keys of one address over all of them, and believes no header about it', async () => {
    const wrong = times(8).map((index) =>
      fresh(`${sluice.url}/admin/v1/login`, {
        body: { key: 'not-a-key' },
        headers: { 'sluice-peer': `10.0.0.${index}` },
      }),
    );
    const statuses = (await Promise.all(wrong)).map((each) => each.status);
    expect(statuses.filter((each) => each === 401)).toHaveLength(5);
    expect(statuses.filter((each) => each === 429)).toHaveLength(3);
  });

  it('SIGTERM lets open requests of all of them end', async () => {
    const open = await Promise.all(
      times(PROCESSES * 2).map(() =>
        openFresh(`${sluice.url}/v1/chat/completions`, {
          body: say(`Block ${CARD} please`, { stream: true }),
          headers: agent(),
        }),
      ),
    );
    sluice.child.kill('SIGTERM');
    for (const { rest } of open) expect(await rest).toMatch(/data: \[DONE\]\n\n$/);
    expect((await sluice.exited).code).toBe(0);
    await expect(fresh(`${sluice.url}/healthz`)).rejects.toThrow();
  });
});

describe('processes that keep ending', { timeout: 60_000 }, () => {
  it('are not started for ever: the instance ends and says why', async () => {
    writeFileSync(file, yaml());
    sluice = await startServe(['-c', file, '--no-watch']);
    for (let killed = 0; killed < 5;) {
      const pids = await serving().catch(() => []);
      for (const pid of pids.slice(0, 5 - killed)) {
        killed += 1;
        process.kill(pid, 'SIGKILL');
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (sluice.child.exitCode !== null) break;
    }
    const { code, stderr } = await sluice.exited;
    expect(code).toBe(1);
    expect(stderr).toContain('"event":"processes-keep-ending"');
  });
});

describe('processes that cannot start', { timeout: 60_000 }, () => {
  it.each([
    [
      'replies kept in the memory of one',
      (text: string) => text.replace('store: store', 'store: memory'),
      /surfaces\.responses\.store: memory is of one process/,
    ],
    ['a port that is taken', (text: string) => text, /listen: cannot listen on 127\.0\.0\.1 \(EADDRINUSE\)/],
  ])('say why: %s', async (_, change, expected) => {
    const other = join(directory, 'other.yaml');
    writeFileSync(other, change(yaml()));
    const { port } = new URL(cloud.url);
    const result = await runCli(['serve', '--port', port, '-c', other]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(expected);
    expect(result.stdout).toBe('');
  });
});

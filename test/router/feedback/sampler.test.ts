/** Samples of traffic: nothing unless switched on, then sealed, no higher than allowed, bounded, and gone when erased. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Health } from '../../../router/admin/api.ts';
import { feedbackCommand } from '../../../router/commands/feedback.ts';
import { evaluateCommand } from '../../../router/commands/evaluate.ts';
import { FeedbackStore } from '../../../router/feedback/feedback-store.ts';
import { Sampler } from '../../../router/feedback/sampler.ts';
import { openSqlite } from '../../../router/store/sqlite.ts';
import { openStoreOn } from '../../../router/store/store.ts';
import { type AdminSluice, startAdmin } from '../../helpers/admin.ts';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { runInProcess } from '../../helpers/command.ts';
import { CARD, say } from '../../helpers/sluice.ts';
import { LADDER, STORE_KEY } from '../../helpers/stores.ts';

const WORD = 'marmalade-zeppelin-canary';
const CLEAN = `What rhymes with ${WORD}?`;
const directory = mkdtempSync(join(tmpdir(), 'samples-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const on = (more = ''): string => `telemetry: { sampling: { share: 1${more} } }`;
const kept = (sluice: AdminSluice) => sluice.context.store.database.all('SELECT owner FROM kept');
const outcomes = async (sluice: AdminSluice) =>
  Object.fromEntries(
    (await sluice.context.metrics.samples.get()).values.map(({ labels, value }) => [labels.outcome, value]),
  );

/** ask waits until the reply is through and every drawn sample is written or given up. */
async function ask(sluice: AdminSluice, body: object): Promise<number> {
  const response = await sluice.ask(body);
  await response.text();
  await new Promise((resolve) => setTimeout(resolve, 50));
  return response.status;
}
async function within(config: string, work: (sluice: AdminSluice) => Promise<void>, stateDir?: string): Promise<void> {
  const sluice = await startAdmin({ config, ...(stateDir === undefined ? {} : { stateDir }) });
  try {
    await work(sluice);
  } finally {
    await sluice.close().catch(() => undefined);
  }
}
function bytesOf(stateDir: string): string {
  return ['sluice.db', 'sluice.db-wal'].map((name) => readFileSync(join(stateDir, name), 'latin1')).join('');
}

describe('samples', () => {
  it('off, as it is by default, keep nothing', () =>
    within('', async (sluice) => {
      expect(await ask(sluice, say(CLEAN))).toBe(200);
      expect(await kept(sluice)).toEqual([]);
      expect(await outcomes(sluice)).toEqual({});
      expect(leaksIn(canaryOf(WORD), bytesOf(sluice.context.stateDir))).toEqual([]);
      const { keeps } = (await sluice.call('GET', '/admin/v1/health')).json<Health>();
      expect(keeps).toEqual({ feedback: 'evidence', sampling: { share: 0, upTo: 'public', days: 30, held: 0 } });
    }));

  it('on, keep the newest text of the lowest label only, sealed, without the principal', () =>
    within(on(), async (sluice) => {
      const turn = say('', {
        messages: [
          { role: 'user', content: 'an older question' },
          { role: 'assistant', content: 'an answer' },
          { role: 'user', content: CLEAN },
        ],
      });
      await ask(sluice, turn);
      await ask(sluice, say(`my card is ${CARD}`));
      const { rows } = await sluice.context.samples.rows.read();
      expect(rows).toMatchObject([{ kind: 'passed', text: CLEAN, label: 'public', by: '', entities: [] }]);
      expect(leaksIn(canaryOf(WORD), bytesOf(sluice.context.stateDir))).toEqual([]);
      expect(leaksIn(canaryOf(WORD), sluice.logged())).toEqual([]);
      expect(await outcomes(sluice)).toEqual({ kept: 1 });
      const { keeps } = (await sluice.call('GET', '/admin/v1/health')).json<Health>();
      expect(keeps.sampling).toEqual({ share: 1, upTo: 'public', days: 30, held: 1 });
      const marks = (await sluice.call('GET', '/admin/v1/feedback')).json();
      expect(marks).toMatchObject({ rows: [] });
    }));

  it('up to a higher label, keep what was held too, but nothing of an unknown verdict or of a tool loop', () =>
    within(on(', upTo: restricted'), async (sluice) => {
      await ask(sluice, say(`my card is ${CARD}`));
      await ask(
        sluice,
        say([
          { type: 'text', text: 'see' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        ]),
      );
      // Refused here for want of a model that sees pictures, and decided all the same.
      expect((await sluice.call('GET', '/admin/v1/decisions?limit=1')).text).toContain('"verdict":"unknown"');
      const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } };
      const looped = await ask(sluice, {
        model: 'auto',
        messages: [
          { role: 'user', content: 'look' },
          { role: 'assistant', content: null, tool_calls: [call] },
          { role: 'tool', tool_call_id: 'c1', content: 'seen' },
        ],
      });
      expect(looped).toBe(200);
      await ask(sluice, say('x'.repeat(4) + ' long'.repeat(5_000)));
      const { rows } = await sluice.context.samples.rows.read();
      expect(rows).toMatchObject([{ kind: 'held', entities: ['CREDIT_CARD'] }]);
      expect(await outcomes(sluice)).toEqual({ kept: 1, 'too-large': 1 });
    }));

  it('evaluate and tune read them; erased, they are gone, marks first or alone', async () => {
    const stateDir = mkdtempSync(join(directory, 'state-'));
    const file = join(directory, 'sluice.yaml');
    writeFileSync(file, `stateDir: ${stateDir}\n`);
    const feedback = (...args: string[]) => runInProcess(feedbackCommand(), [...args, '-c', file]);
    await within(
      on(', upTo: restricted'),
      async (sluice) => {
        await ask(sluice, say(CLEAN));
        await ask(sluice, say(`my card is ${CARD}`));
        const set = await sluice.call('POST', '/admin/v1/tune/sets', { samples: true });
        expect(set.json()).toMatchObject({ rows: 2, sensitive: 1, safe: 1 });
        expect((await sluice.call('POST', '/admin/v1/tune/sets', { feedback: true })).status).toBe(400);
      },
      stateDir,
    );
    const exported = await feedback('export', '--samples');
    expect(exported.stderr).toContain('2 samples, 2 with a text');
    const rows = join(directory, 'rows.jsonl');
    writeFileSync(rows, exported.stdout);
    const report = await runInProcess(evaluateCommand(), [rows, '-c', file, '--json']);
    expect(report.code).toBe(0);
    expect(exported.stdout).toContain('"label":"presumed_safe"');
    expect((await feedback('export')).stdout).toBe('');
    expect((await feedback('erase', '--samples')).stderr).toContain('2 samples erased');
    expect((await feedback('export', '--samples')).stdout).toBe('');
    await within(
      on(),
      async (sluice) => {
        await ask(sluice, say(CLEAN));
        await sluice.call('POST', '/admin/v1/feedback', { kind: 'missed' });
        expect((await sluice.call('DELETE', '/admin/v1/feedback')).json()).toEqual({ erased: 0, samples: 1 });
        expect(await kept(sluice)).toEqual([]);
      },
      stateDir,
    );
  });

  it('switching them on and off is in the audit, and off is off at once', async () => {
    const file = join(directory, 'reload.yaml');
    const sluice = await startAdmin({ configFile: file });
    try {
      const plain = readFileSync(file, 'utf8');
      for (const text of [`${plain}\n${on()}\n`, plain]) {
        writeFileSync(file, text);
        expect((await sluice.call('POST', '/admin/v1/reload', {})).json()).toMatchObject({ kind: 'reloaded' });
        await ask(sluice, say(CLEAN));
      }
      expect(await sluice.context.samples.rows.count()).toBe(1);
      const { hits } = await sluice.context.audit.search({ kind: 'reload' });
      expect(hits.map(({ record }) => record.kind === 'reload' && [record.changes, record.sampling])).toEqual(
        expect.arrayContaining([
          [['telemetry.sampling.share'], 1],
          [['telemetry.sampling.share'], 0],
        ]),
      );
      const started = await sluice.context.audit.search({ kind: 'start' });
      expect(started.hits[0]?.record).toMatchObject({ sampling: 0 });
      writeFileSync(file, `${plain}\n${on(', upTo: secret')}\n`);
      const refused = (await sluice.call('POST', '/admin/v1/reload', {})).json();
      expect(refused).toMatchObject({ kind: 'invalid', problems: [{ path: 'telemetry.sampling.upTo' }] });
    } finally {
      await sluice.close();
    }
  });

  it('a store that fails is counted, and the request is answered', () =>
    within(on(), async (sluice) => {
      const { context } = sluice;
      const failing = { ...context.store.kept('feedback'), put: () => Promise.reject(new Error('disk full')) };
      const samples = new Sampler({
        store: { kept: () => failing },
        config: context.config,
        policyDigest: context.policyDigest,
        count: (outcome) => context.metrics.samples.inc({ outcome }),
      });
      Object.assign(context, { samples });
      expect(await ask(sluice, say(CLEAN))).toBe(200);
      expect(await outcomes(sluice)).toEqual({ failed: 1 });
    }));

  it('are at most 2000; the oldest go, and marks stay', async () => {
    const database = openSqlite(join(directory, 'bound.db'), { flush: 'off' });
    const opened = await openStoreOn(database, { key: STORE_KEY, ladder: LADDER, maxEntries: 10 });
    if (opened.kind === 'failed') throw new Error(opened.reason);
    const marks = new FeedbackStore(opened.store, 1);
    const samples = new FeedbackStore(opened.store, 1, 'samples');
    const row = (at: number) =>
      ({
        at,
        decision: `req_${at}`,
        kind: 'passed',
        by: '',
        route: '',
        label: '',
        reasons: [],
        entities: [],
        policy: '',
      }) as const;
    await marks.add({ ...row(1), kind: 'missed' });
    for (let at = 1; at <= 2_003; at += 1) await samples.add(row(at));
    const { rows } = await samples.read();
    expect([rows.length, rows[0]?.at]).toEqual([2_000, 4]);
    expect(await marks.count()).toBe(1);
    await opened.store.close();
  });
});

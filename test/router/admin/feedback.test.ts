/** Marks on decisions: kept by consent, encrypted, and read again as labelled rows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FeedbackView, TuneSet } from '../../../router/admin/api.ts';
import { FeedbackStore } from '../../../router/feedback/feedback-store.ts';
import { createKept } from '../../../router/store/kept.ts';
import { type AdminSluice, startAdmin } from '../../helpers/admin.ts';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { say } from '../../helpers/sluice.ts';

const MAIL = 'jane.roe@corp-mail.example';
let sluice: AdminSluice;
beforeAll(async () => {
  sluice = await startAdmin({ config: 'telemetry: { feedback: text }' });
});
afterAll(() => sluice.close());

describe('feedback', () => {
  it('marks a decision; with consent the text is kept, encrypted, and comes back as a row', async () => {
    const response = await sluice.ask(say('hello there'));
    await response.text();
    const id = response.headers.get('x-sluice-request-id') ?? '';
    while (sluice.context.telemetry.decisions.find(id) === undefined)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await sluice.call('POST', '/admin/v1/feedback', { decision: id, kind: 'over-flagged' })).status).toBe(201);
    expect((await sluice.call('POST', '/admin/v1/feedback', { kind: 'missed', text: `really ${MAIL}` })).status).toBe(
      201,
    );
    const view = (await sluice.call('GET', '/admin/v1/feedback')).json<FeedbackView>();
    expect(view).toMatchObject({
      consent: 'text',
      rows: [
        { kind: 'missed', hasText: true },
        { kind: 'over-flagged', decision: id },
      ],
    });
    const file = ['sluice.db', 'sluice.db-wal']
      .map((name) => readFileSync(join(sluice.context.stateDir, name), 'latin1'))
      .join('');
    expect(leaksIn(canaryOf(MAIL), file)).toEqual([]);
    expect(leaksIn(canaryOf(MAIL), sluice.logged())).toEqual([]);
    const row = JSON.parse(await sluice.context.feedback.labelledRows()) as unknown;
    expect(row).toMatchObject({ label: 'sensitive', source: 'feedback', text: `really ${MAIL}` });
    const set = (await sluice.call('POST', '/admin/v1/tune/sets', { feedback: true })).json<TuneSet>();
    expect(set).toMatchObject({ rows: 1, sensitive: 1 });
  });
  it('of an unknown decision is refused', async () => {
    expect((await sluice.call('POST', '/admin/v1/feedback', { decision: 'req_0', kind: 'missed' })).status).toBe(404);
  });
  it.each([
    ['off', { kind: 'missed', text: 'x' }],
    ['evidence', { kind: 'missed', text: 'x' }],
  ])('keeps no text under %s', async (consent, body) => {
    const own = await startAdmin({ config: `telemetry: { feedback: ${consent} }` });
    try {
      expect((await own.call('POST', '/admin/v1/feedback', body)).status).toBe(409);
      expect((await own.context.feedback.read()).rows).toEqual([]);
    } finally {
      await own.close();
    }
  });
  it('with another key is unreadable, and counted', async () => {
    const { database } = sluice.context.store;
    const other = { kept: (kind: string) => createKept(database, Buffer.alloc(32, 7), kind) };
    expect(await new FeedbackStore(other, 1).read()).toMatchObject({ rows: [], unreadable: 2 });
  });
  it('is erased as a whole, and that is in the audit', async () => {
    const erased = await sluice.call('DELETE', '/admin/v1/feedback');
    expect(erased.json()).toEqual({ erased: 2, samples: 0 });
    expect((await sluice.context.feedback.read()).rows).toEqual([]);
    const { hits } = await sluice.context.audit.search({ kind: 'admin' });
    expect(hits.map(({ record }) => record.kind === 'admin' && record.action)).toContain('DELETE /admin/v1/feedback');
  });
  it('is not kept where the store fails, and the caller is told', async () => {
    const own = await startAdmin({ config: 'telemetry: { feedback: text }' });
    await own.context.store.database.close();
    try {
      expect((await own.call('POST', '/admin/v1/feedback', { kind: 'missed', text: 'x' })).json()).toMatchObject({
        error: { code: 'store_unavailable' },
      });
    } finally {
      await own.close().catch(() => undefined);
    }
  });
});

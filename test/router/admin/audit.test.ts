/** The audit over HTTP: what was done is found, what left is proved, and the admin side records itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditView, ChainView, ProofView } from '../../../router/admin/api.ts';
import { type AdminSluice, startAdmin } from '../../helpers/admin.ts';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { CARD, COMPLEX, say } from '../../helpers/sluice.ts';

let sluice: AdminSluice;
beforeAll(async () => {
  sluice = await startAdmin({ cloud: { reply: () => ({ text: 'ok' }) } });
  for (const content of ['hello', `my card is ${CARD}`, COMPLEX]) await (await sluice.ask(say(content))).text();
});
afterAll(() => sluice.close());
const search = async (query: string): Promise<AuditView> =>
  (await sluice.call('GET', `/admin/v1/audit${query}`)).json<AuditView>();

describe('receipts', () => {
  it('are found by what they hold, and hold no text', async () => {
    const all = await sluice.call('GET', '/admin/v1/audit');
    expect(leaksIn(canaryOf(CARD), all.text)).toEqual([]);
    expect((await search('?kind=request')).hits.map(({ record }) => record.kind)).toEqual([
      'request',
      'request',
      'request',
    ]);
    expect((await search('?entity=CREDIT_CARD')).hits).toHaveLength(1);
    expect((await search('?kind=request&route=cloud')).hits).toHaveLength(1);
    expect((await search('?kind=send')).hits).toHaveLength(1);
    expect((await search('?kind=request&since=99999999999999')).hits).toEqual([]);
  });
  it('come in pages', async () => {
    const first = await search('?kind=request&limit=2');
    expect(first.hits).toHaveLength(2);
    const second = await search(`?kind=request&limit=2&cursor=${first.next}`);
    expect(second.hits).toHaveLength(1);
    expect(second.next).toBe('');
  });
  it('are whole', async () => {
    const chain = (await sluice.call('POST', '/admin/v1/audit/verify', { everySignature: true })).json<ChainView>();
    expect(chain).toMatchObject({ whole: true, problems: [] });
    expect(chain.records).toBeGreaterThan(4);
  });
});

describe('proof', () => {
  const prove = async (label: string): Promise<ProofView> =>
    (await sluice.call('POST', '/admin/v1/audit/prove', { label, since: 0 })).json<ProofView>();
  it('says that nothing confidential left', async () => {
    const proof = await prove('confidential');
    expect(proof.result).not.toBe('contradicted');
    expect(proof).toMatchObject({ breaches: [], counted: { requests: 3, requestsWithLabel: 1, local: 1, sends: 1 } });
  });
  it('says what did leave', async () => {
    expect(await prove('public')).toMatchObject({ result: 'contradicted', breaches: [{ upstream: 'sky' }] });
  });
  it('of a label that is on no ladder is refused', async () => {
    const answer = await sluice.call('POST', '/admin/v1/audit/prove', { label: 'secret', since: 0 });
    expect(answer.json()).toMatchObject({ error: { code: 'unsupported_value' } });
  });
});

it('the admin side records what it changes', async () => {
  await sluice.call('POST', '/admin/v1/shadow', { source: 'fragment', fragment: 'complexity: { threshold: 0.9 }' });
  await sluice.call('DELETE', '/admin/v1/shadow');
  const { hits } = await search('?kind=admin');
  expect(hits.map(({ record }) => (record.kind === 'admin' ? [record.action, record.by, record.outcome] : []))).toEqual(
    [
      ['DELETE /admin/v1/shadow', 'local', 'ok'],
      ['POST /admin/v1/shadow', 'local', 'ok'],
    ],
  );
});

import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { KeyTerms } from '../../../config/access-schema.ts';
import type { AuditRecord } from '../../../router/audit/event.ts';
import { unpack } from '../../../router/audit/segment.ts';
import { readSegments } from '../../../router/audit/table.ts';
import { StoreFault } from '../../../router/store/database.ts';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { CARD, COMPLEX, recordingExecutor, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

const open: TestSluice[] = [];
const directories: string[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((sluice) => sluice.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
async function start(options: Parameters<typeof startSluice>[0] = {}): Promise<TestSluice> {
  const sluice = await startSluice(options);
  open.push(sluice);
  return sluice;
}
async function records(sluice: TestSluice): Promise<AuditRecord[]> {
  await sluice.context.audit.log.flush();
  const found: AuditRecord[] = [];
  for await (const segment of readSegments(sluice.context.audit.log.database, 0))
    for (const line of unpack(segment.body) ?? []) found.push(JSON.parse(String(line)) as AuditRecord);
  return found;
}
/** The receipt is appended after the last byte is out. */
async function recordsOf(sluice: TestSluice, kinds: readonly string[], count: number): Promise<AuditRecord[]> {
  return vi.waitFor(async () => {
    const found = (await records(sluice)).filter((each) => kinds.includes(each.kind));
    if (found.length < count) throw new Error(`${found.length} of ${count}`);
    return found;
  });
}
const MAIL = 'jane.roe@corp-mail.example';
const text = async (response: Response | Promise<Response>): Promise<string> => (await response).text();

describe('what is recorded', () => {
  it('one receipt per request whatever became of it, one per send, one per tool call', async () => {
    const sluice = await start({
      config: 'tools: { offer: [exec] }',
      sandbox: recordingExecutor(() => 'done'),
      cloud: {
        replies: [
          { toolCalls: [{ name: 'exec', arguments: { command: 'id' } }] },
          { text: 'done' },
          { text: 'masked' },
        ],
      },
    });
    await text(sluice.ask(say(COMPLEX)));
    await text(sluice.ask(say(`${COMPLEX} Mail ${MAIL}`)));
    await text(sluice.ask(say(`Block ${CARD}`)));
    await text(sluice.ask('{'));
    const found = await recordsOf(sluice, ['request', 'send', 'tool'], 8);
    const requests = found.filter((each) => each.kind === 'request');
    expect(requests.map((each) => [each.route, each.outcome])).toEqual([
      ['cloud', 'answered'],
      ['cloud-masked', 'answered'],
      ['local', 'answered'],
      ['none', 'invalid_json'],
    ]);
    const sends = found.filter((each) => each.kind === 'send');
    expect(sends.map((each) => [each.id, each.label, each.sent, each.masked])).toEqual([
      [requests[0]!.id, 'public', 'public', false],
      [requests[0]!.id, 'public', 'public', false],
      [requests[1]!.id, 'confidential', 'public', true],
    ]);
    expect(sends.map((each) => each.bytes)).toEqual(sluice.cloud.requests.map((each) => each.body.length));
    expect(found.filter((each) => each.kind === 'tool')).toMatchObject([
      { id: requests[0]!.id, tool: 'exec', phase: 'done', outcome: 'exited', principal: 'local' },
    ]);
    expect(requests[2]).toMatchObject({
      label: 'confidential',
      findings: [
        {
          entity: 'CREDIT_CARD',
          pointer: '/messages/0/content',
          digest: expect.stringMatching(/^[0-9a-f]{24}$/) as unknown,
        },
      ],
      counterfactual: expect.stringContaining('CREDIT_CARD at /messages/0/content') as unknown,
    });
  });

  it('equal values have equal digests, and no value is in any file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'audit-'));
    directories.push(directory);
    const sluice = await start({
      stateDir: directory,
      sandbox: recordingExecutor(() => `found ${CARD}`),
      config: 'tools: { offer: [exec] }',
    });
    const secretModel = 'sk-proj-CANARYcanaryCANARY0123456789';
    await text(sluice.ask(say(`Block ${CARD}`)));
    await text(sluice.ask({ ...(say(`Again: ${CARD} and ${MAIL}`) as object), model: secretModel, user: MAIL }));
    await text(
      sluice.ask({
        model: 'auto',
        messages: [
          { role: 'user', content: COMPLEX },
          {
            role: 'assistant',
            content: null,
            tool_calls: [
              { id: `call_${CARD}`, type: 'function', function: { name: CARD, arguments: `{"${MAIL}":"${CARD}"}` } },
            ],
          },
          { role: 'tool', tool_call_id: `call_${CARD}`, content: CARD },
        ],
        [MAIL]: CARD,
      }),
    );
    await text(sluice.ask(say('hello'), { authorization: `Bearer slu_${secretModel}` }));
    const found = await recordsOf(sluice, ['request'], 3);
    const digests = found.flatMap((each) =>
      each.kind === 'request'
        ? each.findings.filter((one) => one.entity === 'CREDIT_CARD').map((one) => one.digest)
        : [],
    );
    expect(digests.length).toBeGreaterThan(2);
    expect(new Set(digests.filter((each) => each !== '')).size).toBe(1);
    await sluice.context.audit.close();
    const canaries = [canaryOf(CARD), canaryOf(MAIL), canaryOf(secretModel)];
    const all = JSON.stringify(found);
    for (const canary of canaries) expect(leaksIn(canary, all)).toEqual([]);
    for (const name of readdirSync(directory)) {
      const content = readFileSync(join(directory, name)).toString('latin1');
      for (const canary of canaries) expect(leaksIn(canary, content), name).toEqual([]);
    }
    sluice.context.audit.close = () => Promise.resolve();
  });

  it('callers who were turned away, counted', async () => {
    const sluice = await start({ config: 'access: { open: never }' });
    for (let count = 0; count < 5; count += 1) await text(sluice.ask(say('hello')));
    const { database } = sluice.context.audit.log;
    const closing = vi.spyOn(database, 'close').mockImplementation(() => undefined);
    await sluice.context.audit.close();
    const found = await records(sluice);
    closing.mockRestore();
    expect(found).toContainEqual(
      expect.objectContaining({ kind: 'refused-callers', code: 'api_key_missing', count: 5 }),
    );
    sluice.context.audit.close = async () => database.close();
  });

  it('under the name of the key', async () => {
    const sluice = await start();
    const { key, record } = await sluice.context.keys.create({
      principal: 'bot',
      role: 'agent',
      terms: KeyTerms.parse({}),
      expiresAt: 0,
    });
    await text(sluice.ask(say('hello'), { 'x-api-key': key }));
    expect(await recordsOf(sluice, ['request'], 1)).toMatchObject([{ principal: 'bot', key: record.id }]);
  });
});

describe('audit.required', () => {
  const required = 'audit: { required: true }\ntools: { offer: [exec] }';
  const broken = (sluice: TestSluice, after = 0): void => {
    const { database } = sluice.context.audit.log;
    const { batch } = database;
    let calls = 0;
    vi.spyOn(database, 'batch').mockImplementation((statements) => {
      if (calls++ >= after) throw new StoreFault('sqlite_13');
      return batch.call(database, statements);
    });
  };

  it('records before it sends, and proves it', async () => {
    const sluice = await start({ config: required, sandbox: recordingExecutor(() => 'done') });
    await text(sluice.ask(say(COMPLEX)));
    await text(sluice.ask(say(`Block ${CARD}`)));
    const found = await recordsOf(sluice, ['request'], 2);
    expect(found).toHaveLength(2);
    const order = (await records(sluice)).map((each) => each.kind);
    expect(order.slice(0, 4)).toEqual(['start', 'intent', 'send', 'request']);
    const claim = { label: 'confidential', notTo: 'cloud', since: 0, until: Date.now(), masked: 'breach' } as const;
    const proof = await sluice.context.audit.prove(claim);
    expect(proof).toMatchObject({
      result: 'proved',
      breaches: [],
      counted: { requests: 2, requestsWithLabel: 1, sends: 1, local: 1 },
    });
    expect((await sluice.context.audit.prove({ ...claim, label: 'public' })).result).toBe('contradicted');
  });

  it('refuses everything while nothing can be written: no model hears of it, nothing runs', async () => {
    const executor = recordingExecutor(() => 'done');
    const sluice = await start({ config: required, sandbox: executor });
    broken(sluice);
    for (const body of [say(COMPLEX), say(`Block ${CARD}`), say('hello')]) {
      const response = await sluice.ask(body);
      expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
        400,
        'audit_unavailable',
      ]);
    }
    const tool = await fetch(`${sluice.url}/sandbox/v1/run`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tool: 'exec', arguments: { command: 'id' } }),
    });
    expect(await tool.json()).toMatchObject({ kind: 'refused', code: 'sandbox-unavailable' });
    expect([sluice.cloud.requests, sluice.local.chats(), executor.requests]).toEqual([[], [], []]);
  });

  it.each([1, 2])('breaks at write %i: what could not be recorded does not leave', async (after) => {
    const executor = recordingExecutor(() => 'done');
    const sluice = await start({ config: required, sandbox: executor });
    broken(sluice, after);
    const response = await sluice.ask(say(COMPLEX));
    const reply = await response.text();
    expect(sluice.cloud.requests.length).toBe(after - 1);
    // Nothing was sent, so the local model may answer; its own request was recorded as intended.
    expect(response.status).toBe(200);
    expect(reply).not.toContain('audit');
  });

  it('without it, receipts wait and requests are served', async () => {
    const sluice = await start();
    broken(sluice);
    expect((await sluice.ask(say(COMPLEX))).status).toBe(200);
    await sluice.context.audit.log.flush();
    expect(sluice.logged()).toContain('"event":"audit-failed","reason":"sqlite_13"');
    vi.restoreAllMocks();
    expect(await recordsOf(sluice, ['request'], 1)).toHaveLength(1);
  });
});

describe('the audit’s file', () => {
  it('is the owner’s alone, has its head beside it, and goes on after a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'audit-'));
    directories.push(directory);
    for (let round = 1; round <= 2; round += 1) {
      const sluice = await start({ stateDir: directory });
      await text(sluice.ask(say('hello')));
      await recordsOf(sluice, ['request'], round);
      expect(await sluice.context.audit.verify()).toMatchObject({ whole: true });
      open.splice(0);
      await sluice.close();
    }
    expect(existsSync(join(directory, 'audit.head'))).toBe(true);
    chmodSync(join(directory, 'audit.db'), 0o600);
  });
});

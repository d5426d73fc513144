/** What the admin API answers, and that no answer holds what a request held. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  Explanation,
  Health,
  ReloadResult,
  RequestRecord,
  SandboxView,
  ShadowState,
  TuneOutcome,
  TuneSet,
} from '../../../router/admin/api.ts';
import { type AdminSluice, startAdmin } from '../../helpers/admin.ts';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { CARD, COMPLEX, recordingExecutor, say } from '../../helpers/sluice.ts';

const SCOPE = { scopeKey: 'a'.repeat(64), createdAt: 1, usedAt: 2, running: 1 };
const MAIL = 'jane.roe@corp-mail.example';
let directory = '';
let sluice: AdminSluice;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'admin-'));
  sluice = await startAdmin({
    configFile: join(directory, 'sluice.yaml'),
    config:
      'classify: { deny: [{ value: "Project Bluebird" }], allow: ["help@ours.example"] }\ntelemetry: { feedback: text }',
    cloud: { reply: () => ({ text: 'ok' }) },
    sandbox: { ...recordingExecutor(() => ''), scopes: () => Promise.resolve([SCOPE]) },
  });
});
afterAll(async () => {
  await sluice.close();
  rmSync(directory, { recursive: true, force: true });
});
const ask = async (content: string): Promise<string> => {
  const response = await sluice.ask(say(content));
  await response.text();
  return response.headers.get('x-sluice-request-id') ?? '';
};
/** A record is made when the reply is over, which the client may know first. */
const recordOf = async (id: string): Promise<RequestRecord> => {
  for (let attempt = 0; ; attempt += 1) {
    const answer = await sluice.call('GET', `/admin/v1/decisions/${id}`);
    if (answer.status === 200 || attempt > 50) return answer.json<RequestRecord>();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

describe('decisions', () => {
  it('are listed, filtered, found by id, and hold no text', async () => {
    const id = await ask(`${MAIL} ${CARD}`);
    expect(await recordOf(id)).toMatchObject({ id, route: 'local', verdict: 'sensitive' });
    const cloud = await ask(COMPLEX);
    await recordOf(cloud);
    const list = (query: string) =>
      sluice.call('GET', `/admin/v1/decisions${query}`).then((answer) => ({
        ...answer,
        ids: answer.json<{ decisions: RequestRecord[] }>().decisions.map((each) => each.id),
      }));
    expect((await list('')).ids).toEqual([cloud, id]);
    expect((await list('?route=cloud')).ids).toEqual([cloud]);
    expect((await list('?entity=CREDIT_CARD')).ids).toEqual([id]);
    expect((await list('?held=true')).ids).toEqual([id]);
    expect((await list('?limit=1')).ids).toEqual([cloud]);
    const { text } = await list('');
    expect([MAIL, CARD].flatMap((value) => leaksIn(canaryOf(value), text))).toEqual([]);
    const sessions = (await sluice.call('GET', '/admin/v1/sessions')).json<{
      sessions: readonly { requests: number }[];
    }>();
    expect(sessions.sessions.length).toBe(2);
  });

  it('stream as they happen, filtered', async () => {
    const answer = await fetch(`${sluice.url}/admin/v1/decisions/stream?route=cloud`, {
      headers: { authorization: `Bearer ${sluice.authority.startToken}` },
    });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    await ask('hello');
    const id = await ask(COMPLEX);
    let seen = '';
    while (!seen.includes(id)) seen += Buffer.from((await reader.read()).value ?? []).toString();
    expect(seen).toContain('event: decision');
    expect(seen.match(/event: decision/g)).toHaveLength(1);
    await reader.cancel();
  });

  it.each(['req_00', 'req_zz', '..%2f..%2fetc'])('unknown id %s is not found', async (id) => {
    expect((await sluice.call('GET', `/admin/v1/decisions/${id}`)).status).toBe(404);
  });
});

describe('explain of a whole request', () => {
  const user = [{ role: 'user', content: `pay ${CARD}` }];
  it.each<readonly [string, object, string]>([
    ['openai-chat', { model: 'auto', messages: user, max_tokens: 5 }, '/messages/0/content'],
    ['anthropic-messages', { model: 'm', max_tokens: 5, system: 'be brief', messages: user }, '/messages/0/content'],
    [
      'anthropic-messages',
      {
        model: 'm',
        max_tokens: 5,
        messages: [
          { role: 'user', content: 'go' },
          { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'x', input: { number: CARD } }] },
        ],
      },
      '/messages/1/content/0/input/number',
    ],
    ['openai-responses', { model: 'auto', input: `pay ${CARD}`, instructions: 'be brief' }, '/input'],
    ['openai-responses', { model: 'auto', input: user }, '/input/0/content'],
    ['openai-completions', { model: 'auto', prompt: `pay ${CARD}`, max_tokens: 5 }, '/prompt'],
    ['openai-embeddings', { model: 'text-embedding-3-small', input: `pay ${CARD}` }, '/input'],
    ['openai-embeddings', { model: 'm', input: ['one', `pay ${CARD}`] }, '/input/1'],
    ['ollama-chat', { model: 'auto', messages: user, options: { num_ctx: 2048 } }, '/messages/0/content'],
    ['ollama-generate', { model: 'auto', prompt: `pay ${CARD}`, keep_alive: '5m' }, '/prompt'],
    ['ollama-embed', { model: 'm', input: `pay ${CARD}`, truncate: true }, '/input'],
  ])('knows %s by its shape: %j', async (wire, body, pointer) => {
    const answer = await sluice.call('POST', '/admin/v1/explain', { request: JSON.stringify(body) });
    const explained = answer.json<Explanation>();
    expect(explained).toMatchObject({ protocol: wire, verdict: 'sensitive' });
    expect(explained.findings.find((each) => each.entity === 'CREDIT_CARD')?.pointer).toBe(pointer);
    expect(explained.route).not.toBe('cloud');
  });

  it('takes the wire that is chosen over its shape', async () => {
    const request = JSON.stringify({ model: 'm', input: 'some words' });
    const chosen = await sluice.call('POST', '/admin/v1/explain', { request, protocol: 'openai-embeddings' });
    expect(chosen.json<Explanation>().protocol).toBe('openai-embeddings');
    expect((await sluice.call('POST', '/admin/v1/explain', { request, protocol: 'telepathy' })).status).toBe(400);
  });
});

describe('explain', () => {
  it('says route, spans with steps, and the keys to change', async () => {
    const explanation = (
      await sluice.call('POST', '/admin/v1/explain', { text: `pay with ${CARD}` })
    ).json<Explanation>();
    expect(explanation).toMatchObject({ route: 'local', verdict: 'sensitive' });
    const [finding] = explanation.findings;
    expect(finding).toMatchObject({
      entity: 'CREDIT_CARD',
      pointer: '/messages/0/content',
      start: 9,
      end: 9 + CARD.length,
    });
    expect(finding?.steps.length).toBeGreaterThan(0);
    expect(explanation.levers.map((lever) => lever.key)).toContain('classify.entities.CREDIT_CARD.threshold');
    expect(JSON.stringify(explanation)).not.toContain(CARD);
  });
  it('takes a whole request as it would be sent, and refuses what would be refused', async () => {
    const request = JSON.stringify(say(COMPLEX));
    expect((await sluice.call('POST', '/admin/v1/explain', { request })).json<Explanation>().route).toBe('cloud');
    const twice = await sluice.call('POST', '/admin/v1/explain', {
      request: '{"model":"a","model":"b","messages":[]}',
    });
    expect(twice.json()).toMatchObject({ error: { code: 'duplicate_key' } });
  });
  it('remembers nothing and sends nothing', async () => {
    const before = sluice.sentToCloud().length;
    const marks = sluice.context.memory.size;
    await sluice.call('POST', '/admin/v1/explain', { text: `${CARD} ${COMPLEX}` });
    expect(sluice.sentToCloud().length).toBe(before);
    expect(sluice.context.memory.size).toBe(marks);
  });
  it('shows near misses', async () => {
    const { nearMisses } = (
      await sluice.call('POST', '/admin/v1/explain', { text: 'card 4539 5787 6362 1487' })
    ).json<Explanation>();
    expect(nearMisses.length).toBeGreaterThan(0);
  });
});

describe('bodies are strict', () => {
  it.each([
    ['an unknown field', '{"text":"x","extra":1}', 400],
    ['a wrong type', '{"text":1}', 400],
    ['a key twice', '{"text":"x","text":"y"}', 400],
    ['no JSON', 'text=x', 400],
    ['nothing', '', 400],
    ['too deep', `{"text":${'['.repeat(200)}${']'.repeat(200)}}`, 400],
  ])('%s', async (_, body, status) => {
    const answer = await sluice.raw('POST', '/admin/v1/classify', body, {
      'content-type': 'application/json',
      authorization: `Bearer ${sluice.authority.startToken}`,
    });
    expect(answer.status).toBe(status);
  });
  it('unknown paths and methods are told apart', async () => {
    expect((await sluice.call('GET', '/admin/v1/nothing')).status).toBe(404);
    const answer = await sluice.call('GET', '/admin/v1/explain');
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
  });
});

describe('config', () => {
  it('is shown without values of people, keys or denied words', async () => {
    const { text } = await sluice.call('GET', '/admin/v1/config');
    expect(text).toContain('env:KEY');
    expect(text).toContain('[withheld]');
    for (const value of ['upstream-key-of-the-test', 'Project Bluebird', 'help@ours.example'])
      expect(text).not.toContain(value);
  });
  it('health names checks, totals and recognizers', async () => {
    const health = (await sluice.call('GET', '/admin/v1/health')).json<Health>();
    expect(health).toMatchObject({ mode: 'configured', version: '0.1.0' });
    expect(health.checks.map((check) => check.name)).toContain('local:home');
    expect(health.totals.requests['local']).toBeGreaterThan(0);
  });
  it('sandbox shows claims, scopes, changes and events', async () => {
    const sandbox = (await sluice.call('GET', '/admin/v1/sandbox')).json<SandboxView>();
    expect(sandbox).toMatchObject({ backend: 'bubblewrap', usable: true, scopes: [SCOPE], changes: [], events: [] });
    expect((await sluice.call('POST', '/admin/v1/sandbox/verify', {})).status).toBe(200);
  });
});

const rows = [
  { id: 'a', label: 'sensitive', text: `my card is ${CARD}` },
  { id: 'b', label: 'sensitive', text: `write to ${MAIL}` },
  { id: 'c', label: 'safe', text: 'What is the capital of France?' },
  { id: 'd', label: 'safe', text: COMPLEX },
  { id: 'e', label: 'attack', text: 'x' },
]
  .map((row) => JSON.stringify(row))
  .join('\n');

describe('tune', () => {
  it('answers at once with the real table, and gives the fragment', async () => {
    const set = (await sluice.call('POST', '/admin/v1/tune/sets', { name: 'mine', rows })).json<TuneSet>();
    expect(set).toMatchObject({
      rows: 4,
      skipped: 1,
      sensitive: 2,
      safe: 2,
      now: { caught: 2, flagged: 0, changedCount: 0, fragment: '' },
    });
    expect(set.now.routes).toMatchObject({ cloud: 1, local: 3 });
    const moved = (
      await sluice.call('POST', '/admin/v1/tune/outcome', {
        set: set.set,
        thresholds: { EMAIL_ADDRESS: 1 },
        complexity: 1,
      })
    ).json<TuneOutcome>();
    expect(moved).toMatchObject({ caught: 1, flagged: 0, changedCount: 2 });
    expect(moved.routes).toMatchObject({ cloud: 0, local: 4 });
    expect(moved.fragment).toContain('EMAIL_ADDRESS');
    // Judged again under the fragment, the texts say the same.
    const again = (
      await sluice.call('POST', '/admin/v1/tune/sets', { rows, fragment: moved.fragment })
    ).json<TuneSet>();
    expect(again.now).toMatchObject({ caught: moved.caught, flagged: moved.flagged, routes: moved.routes });
  });
  it('holds no text of the rows', async () => {
    const { text } = await sluice.call('POST', '/admin/v1/tune/sets', { rows });
    expect(leaksIn(canaryOf(MAIL), text)).toEqual([]);
  });
  it.each([
    ['{"label":"sensitive"}', 'line 1'],
    [`${rows}\nnonsense`, 'line 6'],
    ['', 'rows'],
  ])('names what is wrong with %j', async (text, where) => {
    const answer = await sluice.call('POST', '/admin/v1/tune/sets', { rows: text });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ problems: [{ path: where }] });
  });
  it('evaluate gives the report', async () => {
    const answer = await sluice.call('POST', '/admin/v1/evaluate', { rows });
    expect(answer.json()).toMatchObject({ overall: { rows: 5, sensitiveCaught: { hits: 2, of: 2 } } });
  });
});

describe('shadow', () => {
  it('decides beside the live policy and lists only what differs', async () => {
    const started = await sluice.call('POST', '/admin/v1/shadow', {
      source: 'fragment',
      fragment: 'complexity: { threshold: 1 }',
    });
    expect(started.json<ShadowState>()).toMatchObject({
      active: true,
      source: 'fragment',
      compared: 0,
      changes: [{ key: 'complexity.threshold', from: '0.5', to: '1' }],
    });
    await recordOf(await ask('hello'));
    const id = await ask(COMPLEX);
    let state: ShadowState;
    do state = (await sluice.call('GET', '/admin/v1/shadow')).json<ShadowState>();
    while (state.compared < 2);
    expect(state).toMatchObject({ same: 1, differing: 1, moves: { 'cloud → local': 1 } });
    expect(state.differences).toMatchObject([{ id, live: { route: 'cloud' }, candidate: { route: 'local' } }]);
    expect(JSON.stringify(state)).not.toContain('Prove step');
    expect((await sluice.call('DELETE', '/admin/v1/shadow')).json<ShadowState>().active).toBe(false);
  });
  it('reads again where the candidate reads differently', async () => {
    await sluice.call('POST', '/admin/v1/shadow', {
      source: 'fragment',
      fragment: 'classify: { entities: { EMAIL_ADDRESS: { label: public } } }\npolicy: { clean: { simple: cloud } }',
    });
    await ask(`mail ${MAIL}`);
    let state: ShadowState;
    do state = (await sluice.call('GET', '/admin/v1/shadow')).json<ShadowState>();
    while (state.compared < 1);
    expect(state.differences).toMatchObject([
      { live: { verdict: 'sensitive' }, candidate: { verdict: 'clean', route: 'cloud' } },
    ]);
    // A candidate sends nothing.
    expect(sluice.sentToCloud()).not.toContain(MAIL);
    await sluice.call('DELETE', '/admin/v1/shadow');
  });
  it.each([
    ['polcy: {}', 'polcy'],
    ['[', ''],
    ['policy: { rules: [{ name: leak, when: "true", route: cloud }] }', 'policy.rules'],
    ['classify: { recognizerFiles: ["/etc/shadow"] }', ''],
    ['classify: { allow: ["${KEY}"] }', ''],
  ])('refuses the candidate %j', async (fragment, path) => {
    const answer = await sluice.call('POST', '/admin/v1/shadow', { source: 'fragment', fragment });
    expect(answer.status).toBe(400);
    const { problems } = answer.json<{ problems: readonly { path: string }[] }>();
    expect(problems[0]?.path ?? '').toContain(path);
  });
});

describe('reload', () => {
  const file = (): string => join(directory, 'sluice.yaml');
  const reload = async (dryRun: boolean): Promise<ReloadResult> =>
    (await sluice.call('POST', '/admin/v1/reload', { dryRun })).json<ReloadResult>();

  it('shows what would change, then changes it between two requests, keeping what is remembered', async () => {
    const source = readFileSync(file(), 'utf8');
    expect(await reload(false)).toMatchObject({ kind: 'unchanged' });
    writeFileSync(file(), `${source}\ncomplexity: { threshold: 1 }\n`);
    const { policy } = await reload(true);
    expect(await reload(true)).toMatchObject({
      kind: 'would-reload',
      changes: [{ key: 'complexity.threshold', from: '0.5', to: '1' }],
    });
    const marks = sluice.context.memory.size;
    const done = await reload(false);
    expect(done).toMatchObject({ kind: 'reloaded' });
    expect(done.policy).not.toBe(policy);
    // Another conversation: the first one's band stays where it was, by hysteresis.
    expect((await sluice.ask(say(`Anew. ${COMPLEX}`))).headers.get('x-sluice-route')).toBe('local');
    expect(sluice.context.memory.size).toBeGreaterThanOrEqual(marks);
    writeFileSync(file(), source);
    expect(await reload(false)).toMatchObject({ kind: 'reloaded' });
    expect((await sluice.ask(say(COMPLEX))).headers.get('x-sluice-route')).toBe('cloud');
  });
  it.each([
    ['an unknown key', 'polcy: {}', 'invalid'],
    ['a policy that could leak', 'policy: { rules: [{ name: leak, when: "true", route: cloud }] }', 'invalid'],
    ['what is bound to the process', 'sandbox: { mode: deny }', 'needs-restart'],
    ['another ladder', 'labels: [public, internal, confidential, restricted, secret]', 'needs-restart'],
  ])('keeps the old policy over %s, and says so', async (_, more, kind) => {
    const source = readFileSync(file(), 'utf8');
    writeFileSync(file(), `${source}\n${more}\n`);
    const before = sluice.context;
    const answer = await reload(false);
    expect(answer.kind).toBe(kind);
    expect(answer.problems.length).toBeGreaterThan(0);
    expect(sluice.context).toBe(before);
    writeFileSync(file(), source);
  });
});

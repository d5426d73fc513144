/**
 * The n-th call of every port fails, for n = 1, 2, 3 … until a run meets no fault: whatever breaks, no value reaches the cloud, nothing runs unplanned, and the
 * client gets an ending.
 */
import { describe, expect, it } from 'vitest';
import type { Context } from '../../router/pipeline/context.ts';
import { canaryOf, leaksIn } from '../helpers/canary.ts';
import { endsProperly } from '../helpers/stream-ending.ts';
import { COMPLEX, recordingExecutor, startSluice, type TestSluice } from '../helpers/sluice.ts';

const CARD = '4539 5787 6362 1486';
const MAIL = 'jane.roe@corp-mail.example';
const canaries = [canaryOf(CARD), canaryOf(MAIL)];

type Fault = 'throws' | 'rejects' | 'never-settles' | 'answers-nothing';
const PORTS = [
  'classifier.classify',
  'classifier.rescan',
  'memory.recall',
  'memory.remember',
  'memory.rememberReply',
  'memory.rememberBand',
  'masks.load',
  'masks.keep',
  'executor.offered',
  'executor.run',
  'pending.take',
  'responses.find',
  'responses.keep',
  'cloud.send',
  'cloud.pipeRaw',
  'local.send',
  'local.models',
] as const;

/** Ports that answer with a promise; the others cannot reject or hang, they throw instead. */
const ASYNC: ReadonlySet<string> = new Set([
  'classifier.classify',
  'memory.recall',
  'memory.remember',
  'memory.rememberReply',
  'masks.load',
  'masks.keep',
  'executor.run',
  'cloud.send',
  'cloud.pipeRaw',
  'local.models',
]);

/** breakNth makes call number `n` over all ports fail; `met` tells whether it was reached and which port it was. */
function breakNth(context: Context, n: number, fault: Fault): { met: string } {
  const state = { met: '', calls: 0 };
  const wrap = (owner: object, method: string, port: string): void => {
    const target = owner as Record<string, (...args: unknown[]) => unknown>;
    const real = target[method]?.bind(owner);
    if (real === undefined) throw new Error(`no port ${port}`);
    Object.defineProperty(owner, method, {
      configurable: true,
      value: (...args: unknown[]) => {
        state.calls += 1;
        if (state.calls !== n) return real(...args);
        state.met = port;
        if (fault === 'throws' || (fault !== 'answers-nothing' && !ASYNC.has(port)))
          throw new Error(`${CARD} ${MAIL} in a message`);
        if (fault === 'rejects') return Promise.reject(new Error(`${CARD} ${MAIL} in a message`));
        return fault === 'never-settles' ? new Promise(() => undefined) : undefined;
      },
    });
  };
  for (const port of PORTS) {
    const [owner = '', method = ''] = port.split('.');
    if (owner === 'cloud') for (const each of context.clouds.values()) wrap(each, method, port);
    else if (owner === 'local') for (const each of context.locals.values()) wrap(each, method, port);
    else wrap(context[owner as 'classifier' | 'memory' | 'masks' | 'executor' | 'pending' | 'responses'], method, port);
  }
  return state;
}

const REQUESTS: readonly (readonly [string, object, string?])[] = [
  ['masked with a tool round', { model: 'auto', messages: [{ role: 'user', content: `${COMPLEX} Mail ${MAIL}` }] }],
  ['sensitive', { model: 'auto', messages: [{ role: 'user', content: `block ${CARD}` }], stream: true }],
  [
    'clean, nothing to run',
    { model: 'auto', messages: [{ role: 'user', content: COMPLEX }], tool_choice: 'none', stream: true },
  ],
  ['clean, then sensitive by a tool', { model: 'auto', messages: [{ role: 'user', content: COMPLEX }], stream: true }],
  [
    'responses, masked with a tool round',
    { model: 'auto', input: `${COMPLEX} Mail ${MAIL}`, stream: true },
    '/v1/responses',
  ],
  [
    'messages, masked with a tool round',
    { model: 'auto', max_tokens: 500, messages: [{ role: 'user', content: `${COMPLEX} Mail ${MAIL}` }], stream: true },
    '/v1/messages',
  ],
  [
    'ollama, masked with a tool round',
    { model: 'auto', messages: [{ role: 'user', content: `${COMPLEX} Mail ${MAIL}` }] },
    '/api/chat',
  ],
];

async function runOnce(n: number, fault: Fault, body: object, path: string): Promise<string> {
  const executor = recordingExecutor(() => `found ${CARD}`);
  const calls = { toolCalls: [{ name: 'exec', arguments: { command: 'id' } }] };
  const sluice: TestSluice = await startSluice({
    config: 'tools: { offer: [exec] }\npolicy: { masking: complex }',
    sandbox: executor,
    cloud: { replies: [calls, { text: 'done' }] },
    local: { replies: [calls, { text: 'done' }] },
  });
  try {
    const state = breakNth(sluice.context, n, fault);
    const abort = new AbortController();
    const patience = setTimeout(() => abort.abort(), fault === 'never-settles' ? 400 : 5_000);
    let told = '';
    try {
      const response = await fetch(`${sluice.url}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        signal: abort.signal,
      });
      const text = await response.text();
      told =
        [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n') +
        (response.status === 200 ? '' : text);
      if (
        response.status === 200 &&
        /^(?:text\/event-stream|application\/x-ndjson)/.test(response.headers.get('content-type') ?? '')
      )
        expect(endsProperly(text), `${state.met} ${fault}: a stream without its terminator`).toBe(true);
    } catch (error) {
      // Only a port that hangs may leave the client to give up by itself.
      if (fault !== 'never-settles' || (error instanceof Error && error.name === 'AssertionError')) throw error;
    } finally {
      clearTimeout(patience);
    }
    for (const canary of canaries) {
      expect(leaksIn(canary, sluice.sentToCloud()), `cloud, ${state.met} ${fault}`).toEqual([]);
      expect(leaksIn(canary, sluice.logged()), `log, ${state.met} ${fault}`).toEqual([]);
      expect(leaksIn(canary, told), `reply, ${state.met} ${fault}`).toEqual([]);
    }
    return state.met;
  } finally {
    await sluice.close();
  }
}

describe('n-th failure', () => {
  it.each(
    REQUESTS.flatMap(([name, body, path = '/v1/chat/completions']) =>
      (['throws', 'rejects', 'never-settles', 'answers-nothing'] as const).map(
        (fault) => [name, fault, body, path] as const,
      ),
    ),
  )(
    '%s: every port %s once',
    async (_, fault, body, path) => {
      const met = new Set<string>();
      for (let n = 1; ; n += 1) {
        const port = await runOnce(n, fault, body, path);
        if (port === '') break;
        met.add(port);
        expect(n).toBeLessThan(80);
      }
      expect(met.size).toBeGreaterThan(4);
    },
    240_000,
  );
});

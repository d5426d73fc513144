import { describe, expect, it } from 'vitest';
import { Pool as PoolSchema } from '../../../config/upstream-schema.ts';
import type { ChatRequest, ReplyEvent } from '../../../router/chat.ts';
import { failure } from '../../../router/upstreams/failure.ts';
import { Gate } from '../../../router/upstreams/gate.ts';
import { createLocalPool } from '../../../router/upstreams/local-pool.ts';
import { createPool } from '../../../router/upstreams/pool.ts';
import type { LocalUpstream } from '../../../router/upstreams/upstream.ts';

const START: ReplyEvent = { kind: 'start', id: 'i', model: 'm', createdSeconds: 0 };
const broken = (name: string, code: 'upstream_unreachable' | 'upstream_reset', sent: boolean): ReplyEvent => ({
  kind: 'error',
  failure: failure(name, code, sent),
});

/** A server that says these events, and counts how often it was asked. */
function server(name: string, events: readonly ReplyEvent[], models: readonly string[] | 'down' = ['m']) {
  const asked = { times: 0 };
  const upstream: LocalUpstream = {
    kind: 'local',
    name,
    standIn: false,
    async *send() {
      asked.times += 1;
      yield* events;
    },
    models: async () =>
      models === 'down'
        ? { kind: 'unreachable', reason: 'down' }
        : { kind: 'models', models: models.map((id) => ({ id, ownedBy: name, createdSeconds: 0 })) },
    embed: async () =>
      models === 'down'
        ? { kind: 'failed', failure: failure(name, 'upstream_unreachable', false) }
        : { kind: 'embedded', model: name, embeddings: [[1]], inputTokens: 0, loadNanoseconds: 0 },
    close: () => Promise.resolve(),
  };
  return { upstream, asked };
}

const said = (text: string): readonly ReplyEvent[] => [
  START,
  { kind: 'text', choice: 0, text },
  { kind: 'finish', choice: 0, reason: 'stop' },
  { kind: 'end' },
];

async function ask(servers: readonly ReturnType<typeof server>[], given: object = {}) {
  const names = servers.map(({ upstream }) => upstream.name);
  const gates = new Map(names.map((name) => [name, new Gate({ maxConcurrent: 0, failures: 1, openMs: 60_000 })]));
  const pool = createLocalPool(
    createPool('p', PoolSchema.parse({ members: names, ...given }), gates),
    new Map(servers.map(({ upstream }) => [upstream.name, upstream])),
    gates,
  );
  const once = async (): Promise<readonly ReplyEvent[]> => {
    const events: ReplyEvent[] = [];
    const signal = new AbortController().signal;
    for await (const event of pool.send({} as ChatRequest, { model: '', signal })) events.push(event);
    return events;
  };
  return { pool, once, gates };
}

describe('createLocalPool()', () => {
  it('asks the next server when one cannot be reached, and then leaves that one alone', async () => {
    const [down, up] = [server('a', [broken('a', 'upstream_unreachable', false)], 'down'), server('b', said('hi'))];
    const { once, gates } = await ask([down, up]);
    expect(await once()).toEqual(said('hi'));
    expect(await once()).toEqual(said('hi'));
    expect([down.asked.times, up.asked.times]).toEqual([1, 2]);
    expect(gates.get('b')?.inFlight).toBe(0);
  });

  it('asks nobody else once something was passed on, or the server may have done the work', async () => {
    for (const events of [
      [START, { kind: 'text', choice: 0, text: 'h' }, broken('a', 'upstream_unreachable', false)] as const,
      [broken('a', 'upstream_reset', true)] as const,
    ]) {
      const [first, second] = [server('a', events), server('b', said('hi'))];
      const { once } = await ask([first, second]);
      expect((await once()).at(-1)?.kind).toBe('error');
      expect(second.asked.times).toBe(0);
    }
  });

  it('fails as the last one asked did', async () => {
    const { once } = await ask(['a', 'b'].map((name) => server(name, [broken(name, 'upstream_unreachable', false)])));
    expect(await once()).toEqual([broken('b', 'upstream_unreachable', false)]);
  });

  it('lists the models of all that answer, and embeds where it can', async () => {
    const { pool } = await ask([server('a', [], 'down'), server('b', [], ['x', 'y']), server('c', [], ['y', 'z'])]);
    const answer = await pool.models();
    expect(answer.kind === 'models' && answer.models.map((model) => model.id)).toEqual(['x', 'y', 'z']);
    expect(await pool.embed({ input: ['t'] }, { model: '', signal: new AbortController().signal })).toMatchObject({
      model: 'b',
    });
  });
});

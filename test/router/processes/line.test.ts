/** What processes say to one another, and what each end takes for no. */
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { ToolExecutor } from '../../../sandbox/executor.ts';
import { createPendingRounds } from '../../../router/pipeline/pending-rounds.ts';
import { Gathered, type MetricValues } from '../../../router/processes/gather.ts';
import { Line, LineCut, type Port } from '../../../router/processes/line.ts';
import { peersOn, sharePending } from '../../../router/processes/peers.ts';
import { createRemoteExecutor, serveTools, viewOf } from '../../../router/processes/remote-executor.ts';
import { createMetrics } from '../../../router/telemetry/metrics.ts';
import { recordingExecutor } from '../../helpers/sluice.ts';

/** Two ends of one line, as structured clones go between processes. */
function pair(): { readonly ends: readonly [Line, Line]; cut(): void } {
  const [one, other] = [new EventEmitter(), new EventEmitter()];
  const end = (own: EventEmitter, far: EventEmitter): Port =>
    Object.assign(own, {
      send(message: unknown, done: (error: Error | null) => void) {
        const copy: unknown = structuredClone(message);
        setImmediate(() => {
          far.emit('message', copy);
          done(null);
        });
        return true;
      },
    }) as unknown as Port;
  return {
    ends: [new Line(end(one, other)), new Line(end(other, one))],
    cut() {
      one.emit('disconnect');
      other.emit('disconnect');
    },
  };
}
const RATE = { perMinute: 60, burst: 2 };
const request = (tool: string) => ({
  id: 'call-1',
  tool,
  arguments: '{}',
  principal: 'p',
  session: 's',
  agent: 'main',
  label: 'public',
});

describe('a line', () => {
  it('answers, and rejects what nobody answers, what fails and what is cut', async () => {
    const { ends, cut } = pair();
    const [asking, answering] = ends;
    answering.answer('rate', ({ rate }) => rate.burst);
    expect(await asking.ask('rate', { keyId: 'k', rate: RATE })).toBe(2);
    await expect(asking.ask('settle', null)).rejects.toThrow(LineCut);
    answering.answer('settle', () => {
      throw new Error('with words of a request in it');
    });
    await expect(asking.ask('settle', null)).rejects.toThrow(/^line_cut$/);
    answering.answer('report', () => new Promise(() => undefined));
    await expect(asking.ask('report', null, 20)).rejects.toThrow(LineCut);
    const open = asking.ask('report', null);
    cut();
    await expect(open).rejects.toThrow(LineCut);
    await expect(asking.ask('report', null)).rejects.toThrow(LineCut);
  });

  it('a round that one process half answered, another knows', async () => {
    const { ends } = pair();
    const [one, other] = ends.map((line) => {
      const pending = createPendingRounds();
      sharePending(peersOn(line), pending);
      return pending;
    });
    const results = [{ id: 'call_2', name: 'exec', content: 'done' }] as never;
    one?.keep('p', ['call_1'], results);
    await expect.poll(() => other?.take('p', ['call_1'])).toEqual(results);
    expect(other?.take('q', ['call_1'])).toEqual([]);
  });
});

describe('the sandbox of another process', () => {
  it('runs there, is aborted from here, and refuses when that process is gone', async () => {
    const { ends, cut } = pair();
    const [here, there] = ends;
    const hanging = Promise.withResolvers<AbortSignal>();
    const executor: ToolExecutor = {
      ...recordingExecutor((asked) => `ran ${asked.tool}`),
      async run(asked, options) {
        if (asked.tool !== 'hang') return recordingExecutor(() => `ran ${asked.tool}`).run(asked, options);
        hanging.resolve(options.signal);
        await new Promise((resolve) => options.signal.addEventListener('abort', resolve, { once: true }));
        return recordingExecutor(() => 'aborted').run(asked, options);
      },
    };
    const view = viewOf(executor, ['other']);
    serveTools(there, executor, () => view);
    const remote = createRemoteExecutor(here, view);
    const { signal } = new AbortController();
    expect(remote.offered('main').map((each) => each.name)).toEqual(['exec']);
    expect(await remote.run(request('exec'), { signal })).toMatchObject({
      kind: 'exited',
      stdout: { head: 'ran exec' },
    });
    const stop = new AbortController();
    const stopped = remote.run(request('hang'), { signal: stop.signal });
    const seen = await hanging.promise;
    stop.abort();
    await stopped;
    expect(seen.aborted).toBe(true);
    there.tell('sandbox', { ...view, status: { ...view.status, usable: false } });
    await expect.poll(() => remote.offered('main')).toEqual([]);
    cut();
    expect(await remote.run(request('exec'), { signal })).toMatchObject({
      kind: 'refused',
      code: 'broker-unavailable',
    });
  });
});

describe('metrics of several', () => {
  const counted = async (requests: number, marks: number): Promise<readonly MetricValues[]> => {
    const metrics = createMetrics();
    metrics.requests.inc({ route: 'local', outcome: 'ok' }, requests);
    metrics.addedSeconds.observe(0.001);
    metrics.sessionMarks.set(marks);
    metrics.openRequests.set(1);
    return metrics.registry.getMetricsAsJSON();
  };
  const lineOf = (text: string, name: string): string =>
    text.split('\n').find((line) => line.startsWith(name) && !line.startsWith('#')) ?? '';

  it('are summed; what an ended process had counted stays, what it held does not', async () => {
    const gathered = new Gathered();
    gathered.take(1, await counted(5, 7));
    gathered.take(2, await counted(3, 9));
    const own = await counted(0, 8);
    const both = await gathered.all(own).metrics();
    expect(lineOf(both, 'sluice_requests_total{route="local"')).toMatch(/ 8$/);
    expect(lineOf(both, 'sluice_session_marks')).toBe('sluice_session_marks 9');
    expect(lineOf(both, 'sluice_open_requests')).toBe('sluice_open_requests 3');
    await gathered.ended(2);
    await gathered.ended(2);
    const left = await gathered.all(own).metrics();
    expect(lineOf(left, 'sluice_requests_total{route="local"')).toMatch(/ 8$/);
    expect(lineOf(left, 'sluice_added_seconds_count')).toMatch(/ 3$/);
    expect(lineOf(left, 'sluice_open_requests')).toBe('sluice_open_requests 2');
  });
});

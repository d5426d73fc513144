import { describe, expect, test } from 'vitest';
import type { Frame } from '../../helpers/in-process-broker.ts';
import { SHORT, provide, refusal } from '../../helpers/sandbox-client.ts';

/** Each frame of a call, in order; the n-th is where the failure strikes. */
const STEPS = [
  ['to-engine', 'plan'],
  ['from-engine', 'planned'],
  ['to-executor', 'run'],
  ['from-executor', 'accepted'],
  ['from-executor', 'started'],
  ['from-executor', 'finished'],
] as const;

describe('n-th failure: at every step of a call', () => {
  const failures: readonly (readonly [
    string,
    (frame: Frame, cut: () => void) => Frame | readonly Buffer[] | undefined,
  ])[] = [
    ['killed', (_, cut) => (cut(), undefined)],
    ['silent', () => undefined],
    ['sends garbage', () => [Buffer.from([0, 0, 0, 2, 0xff, 0xfe])]],
    ['sends an endless length', () => [Buffer.from([0xff, 0xff, 0xff, 0xff])]],
    ['adds a member', (frame) => ({ ...frame, extra: 1 })],
    ['answers another call', (frame) => ({ ...frame, sequence: 4_000_000 })],
  ];
  const rows = STEPS.flatMap(([direction, kind]) =>
    failures.map(([name, strike]) => ({ direction, kind, name, strike })),
  );
  test.each(rows)(
    '$direction $kind $name: refused, and the next generation serves',
    async ({ direction, kind, name, strike }) => {
      let struck = 0;
      const { run, backend, events } = await provide({
        sandbox: { timeoutMs: 100 },
        ...(name === 'silent' ? { patience: SHORT } : {}),
        tap: (where, frame, cut) => {
          if (where !== direction || frame.kind !== kind || struck > 0) return frame;
          struck += 1;
          return strike(frame, cut);
        },
      });
      const outcome = await run();
      expect(struck).toBe(1);
      expect(refusal(outcome).code).toBe('broker-unavailable');
      const sent = direction.endsWith('executor');
      expect(refusal(outcome).message).toMatch(sent ? /may have begun/ : /Nothing ran/);
      await expect.poll(() => events.filter((event) => event.kind === 'broker-ended').length).toBe(1);
      await expect.poll(async () => (await run()).kind, { timeout: 5000 }).toBe('exited');
      expect(backend.running).toBe(0);
    },
  );

  test('a result that was never started is not believed', async () => {
    const { run } = await provide({
      tap: (where, frame) => (where === 'from-executor' && frame.kind === 'started' ? undefined : frame),
    });
    expect(refusal(await run()).code).toBe('broker-unavailable');
  });

  test('a backend that cannot be stopped takes the executor with it', async () => {
    const { run, events } = await provide({ manner: 'hangs', sandbox: { timeoutMs: 20 } });
    expect(refusal(await run()).code).toBe('broker-unavailable');
    await expect.poll(() => events.some((event) => event.kind === 'broker-ended')).toBe(true);
  });

  test('a backend past its time that does stop is killed by timeout', async () => {
    const { run } = await provide({ manner: 'waits', sandbox: { timeoutMs: 20 } });
    expect(await run()).toMatchObject({ kind: 'killed', by: 'timeout' });
  });

  test('no broker event holds anything of a request', async () => {
    const { run, events } = await provide({ manner: 'garbage' });
    await run();
    expect(JSON.stringify(events)).not.toContain('CANARY');
  });
});

/** A value planted in one place of a request must be in no cloud byte, log, metric, header or error of what follows, and must be why. */
import { expect } from 'vitest';
import { type Canary, leaksIn } from './canary.ts';
import type { TestSluice } from './sluice.ts';

export type Body = Readonly<Record<string, unknown>>;

export interface Planting {
  readonly path: string;
  /** The request without the value: it goes out, so what keeps the other home is the value. */
  readonly control: Body;
  readonly planted: Body;
  /** Name and value of the control's route; cloud unless the path never goes there. */
  readonly controlRoute?: 'cloud' | 'local';
  /** Where the planted request may go besides home: what holds the value is left out on the way. */
  readonly plantedRoutes?: readonly 'cloud'[];
}

export async function expectKeptHome(sluice: TestSluice, canary: Canary, row: Planting): Promise<void> {
  const ask = (body: Body): Promise<Response> =>
    fetch(`${sluice.url}${row.path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const control = await ask(row.control);
  expect(control.status, 'control').toBe(200);
  expect(control.headers.get('x-sluice-route'), 'control').toBe(row.controlRoute ?? 'cloud');
  await control.text();
  for (const stream of [false, true]) {
    const response = await ask({ ...row.planted, stream });
    const text = await response.text();
    const heads = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    expect(['local', 'cloud-masked', 'none', 'refuse', ...(row.plantedRoutes ?? [])]).toContain(
      response.headers.get('x-sluice-route'),
    );
    expect(leaksIn(canary, heads), 'headers').toEqual([]);
    if (response.status !== 200) expect(leaksIn(canary, text), 'error').toEqual([]);
  }
  expect(leaksIn(canary, sluice.sentToCloud()), 'cloud').toEqual([]);
  expect(leaksIn(canary, sluice.logged()), 'log').toEqual([]);
  const metrics = await (await fetch(`${sluice.url}/metrics`)).text();
  expect(metrics).toContain('sluice_requests_total');
  expect(leaksIn(canary, metrics), 'metrics').toEqual([]);
}

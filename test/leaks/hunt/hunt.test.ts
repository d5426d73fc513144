import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canaryOf, leaksIn } from '../../helpers/canary.ts';
import { COMPLEX, startSluice, type TestSluice } from '../../helpers/sluice.ts';
import { filesWith, hunt } from './hunt.ts';
import { MODELS, SURFACES } from './surfaces.ts';

const SEED = Number(process.env['SLUICE_HUNT_SEED'] ?? Math.floor(Date.now() / 86_400_000));
const RUNS = Number(process.env['SLUICE_HUNT_RUNS'] ?? 240);
const stateDir = mkdtempSync(join(tmpdir(), 'sluice-hunt-'));

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startSluice({
    stateDir,
    cloud: { reply: () => ({ text: 'ok' }) },
    claude: { reply: () => ({ text: 'ok' }) },
    local: { reply: () => ({ text: 'ok' }), models: MODELS },
  });
});
afterAll(async () => {
  await sluice.close();
  rmSync(stateDir, { recursive: true, force: true });
});

describe(`the hunt (seed ${SEED})`, () => {
  it.each(SURFACES.map((surface) => [surface.name, surface] as const))(
    '%s goes out when nothing is planted',
    async (name, surface) => {
      const response = await sluice.ask(surface.body(`${COMPLEX} (control ${name})`, false), {}, surface.path);
      const text = await response.text();
      expect(response.status, text).toBe(200);
      if (surface.home !== true) expect(response.headers.get('x-sluice-route')).toBe('cloud');
    },
  );

  it('finds nothing that left', async () => {
    const tally = await hunt(sluice, { seed: SEED, runs: RUNS });
    expect(tally.find ?? 'nothing').toBe('nothing');
    expect(tally.answered).toBeGreaterThan(RUNS / 4);
    expect(filesWith(stateDir, tally.planted)).toEqual([]);
    const metrics = await (await fetch(`${sluice.url}/metrics`)).text();
    for (const { value } of tally.planted) expect(leaksIn(canaryOf(value), metrics)).toEqual([]);
  }, 300_000);

  it('would find: with the door open a value is seen, and shrunk to where it stands', async () => {
    const open = await startSluice({
      config:
        'classify: { otherEntities: { label: public }, entities: { EMAIL_ADDRESS: { label: public }, CREDIT_CARD: { label: public }, US_SSN: { label: public }, IBAN_CODE: { label: public }, AWS_ACCESS_KEY: { label: public } } }',
      cloud: { reply: () => ({ text: 'ok' }) },
      local: { reply: () => ({ text: 'ok' }) },
    });
    const tally = await hunt(open, { seed: 3, runs: 60 });
    await open.close();
    expect(tally.find?.seenIn).toBe('cloud');
    expect(JSON.stringify(tally.find?.body).length).toBeLessThan(
      JSON.stringify(SURFACES[0]!.body(COMPLEX, false)).length,
    );
  }, 120_000);
});

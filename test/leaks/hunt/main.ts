/** `npm run hunt -- [--seconds 600] [--seed N]`: the hunt for as long as asked. One line of counts; a find is printed with its seed, exit 1. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startSluice } from '../../helpers/sluice.ts';
import { filesWith, hunt } from './hunt.ts';
import { MODELS } from './surfaces.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' }, seed: { type: 'string' } } });
const until = performance.now() + Number(values.seconds) * 1_000;
const stateDir = mkdtempSync(join(tmpdir(), 'sluice-hunt-'));
let seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
let runs = 0;
let code = 0;
while (code === 0 && performance.now() < until) {
  // A new Sluice now and then: what it recorded would fill the memory of a long run.
  const answer = { reply: () => ({ text: 'ok' }) };
  const sluice = await startSluice({ stateDir, cloud: answer, claude: answer, local: { ...answer, models: MODELS } });
  const tally = await hunt(sluice, { seed, runs: 2_000, until });
  await sluice.close();
  runs += tally.runs;
  const files = filesWith(stateDir, tally.planted);
  if (tally.find !== undefined || files.length > 0) {
    code = 1;
    process.stdout.write(`${JSON.stringify({ ...tally.find, files }, null, 2)}\n`);
  } else
    for (const [route, count] of [...tally.routes].toSorted())
      process.stderr.write(`seed ${seed}  ${route.padEnd(32)} ${count}\n`);
  seed += 1;
}
rmSync(stateDir, { recursive: true, force: true });
process.stdout.write(`${runs} requests, ${code === 0 ? 'nothing left' : 'A VALUE WAS SEEN'}\n`);
process.exit(code);

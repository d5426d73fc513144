/** `npm run fuzz -- [TARGET …] [--seconds 60] [--seed N]`: each target for its time, one line each; exit 1 and the shrunk input for a fault. */
import { parseArgs } from 'node:util';
import { fuzz } from './fuzzer.ts';
import { TARGETS } from './targets.ts';

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
  allowPositionals: true,
});
const chosen = positionals.length === 0 ? TARGETS : TARGETS.filter((target) => positionals.includes(target.name));
if (chosen.length === 0) {
  process.stderr.write(`no such target; there are ${TARGETS.map((target) => target.name).join(', ')}\n`);
  process.exit(2);
}
let failed = false;
for (const target of chosen) {
  const until = performance.now() + Number(values.seconds) * 1_000;
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const { failure, ...result } = await fuzz(target, { seed, runs: Infinity, until });
  if (failure === undefined) {
    process.stdout.write(`${target.name}  ok  ${result.runs} inputs  ${result.kept} kept  ${result.blocks} blocks\n`);
    continue;
  }
  failed = true;
  process.stdout.write(`${target.name}  FAULT  seed ${failure.seed}  ${JSON.stringify(failure.input)}\n`);
  process.stderr.write(`${failure.error instanceof Error ? (failure.error.stack ?? '') : String(failure.error)}\n`);
}
process.exit(failed ? 1 : 0);

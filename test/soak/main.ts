/** `npm run soak -- [--seconds 1800] [--clients 8] [--fault-every 10] [--seed N]`: a line a sample, then the verdict as JSON; exit 1 when anything piled up, broke off or is unaccounted for. */
import { parseArgs } from 'node:util';
import { medianOf, soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1800' },
    clients: { type: 'string', default: '8' },
    'fault-every': { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
  },
});
const result = await soak(
  {
    seed: Number(values.seed),
    seconds: Number(values.seconds),
    clients: Number(values.clients),
    faultEvery: Number(values['fault-every']),
  },
  (sample) =>
    process.stderr.write(
      `${String(sample.second).padStart(5)} s  ${sample.requests} requests  ${sample.rssMiB} MiB  ${sample.descriptors} descriptors  p50 ${sample.p50Ms} ms\n`,
    ),
);
/** The first fifth warms up; the last fifth must look like the second. */
const growth = Object.fromEntries(
  (['rssMiB', 'descriptors', 'p50Ms'] as const).map((figure) => [
    figure,
    { early: medianOf(result.samples, figure, 0.2, 0.4), late: medianOf(result.samples, figure, 0.8, 1) },
  ]),
);
const { samples, stderr, ...rest } = result;
process.stdout.write(`${JSON.stringify({ ...rest, samples: samples.length, growth }, null, 2)}\n`);
if (stderr !== '') process.stderr.write(stderr.slice(-4_000));
const flat = Object.values(growth).every(({ early, late }) => late <= early * 1.25 + 16);
const broken = Object.keys(result.statuses).some((status) => status.startsWith('broken'));
process.exit(
  flat &&
    !broken &&
    result.unterminated === 0 &&
    result.unaccounted.length === 0 &&
    result.auditWhole &&
    result.exitCode === 0
    ? 0
    : 1,
);

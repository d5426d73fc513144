/**
 * `npm run soak -- [--seconds 1800] [--clients 8] [--rate 20] [--fault-every 10] [--seed N] [--write]`: a line a sample, then the verdict as JSON; exit 1 when anything piled up, broke off or is unaccounted for.
 * `--write` puts the table into docs/operations.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { medianOf, soak, type SoakResult } from './soak.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1800' },
    clients: { type: 'string', default: '8' },
    rate: { type: 'string', default: '20' },
    'fault-every': { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});
const options = {
  seed: Number(values.seed),
  seconds: Number(values.seconds),
  clients: Number(values.clients),
  rate: Number(values.rate),
  faultEvery: Number(values['fault-every']),
};
const result = await soak(options, (sample) =>
  process.stderr.write(
    `${String(sample.second).padStart(5)} s  ${sample.requests} requests  ${sample.rssMiB} MiB  ${sample.descriptors} descriptors  p50 ${sample.p50Ms} ms  p99 ${sample.p99Ms} ms\n`,
  ),
);
const FIGURES = ['rssMiB', 'descriptors', 'p50Ms', 'p99Ms'] as const;
/** The first fifth warms up; the last fifth must look like the second. */
const growth = Object.fromEntries(
  FIGURES.map((figure) => [
    figure,
    { early: medianOf(result.samples, figure, 0.2, 0.4), late: medianOf(result.samples, figure, 0.8, 1) },
  ]),
);
const { samples, stderr, ...rest } = result;
process.stdout.write(`${JSON.stringify({ ...rest, samples: samples.length, growth }, null, 2)}\n`);
if (stderr !== '') process.stderr.write(stderr.slice(-4_000));
const flat = Object.values(growth).every(({ early, late }) => late <= early * 1.25 + 16);
const broken = Object.keys(result.statuses).filter((status) => status.startsWith('broken'));
const ok =
  flat &&
  broken.length === 0 &&
  result.unterminated === 0 &&
  result.unaccounted.length === 0 &&
  result.auditWhole &&
  result.exitCode === 0;
if (values.write) writeTable(result);
process.exit(ok ? 0 : 1);

function writeTable({ samples: all, statuses, requests, unterminated, unaccounted, auditWhole }: SoakResult): void {
  const file = join(import.meta.dirname, '../../docs/operations.md');
  const page = readFileSync(file, 'utf8');
  const [begin, end] = ['<!-- soak: made by npm run soak -- --write -->', '<!-- /soak -->'];
  const fifths = [0, 0.2, 0.4, 0.6, 0.8].map((from) =>
    FIGURES.map((figure) => medianOf(all, figure, from, from + 0.2)),
  );
  const table = [
    `${requests} requests in ${options.seconds} s at ${options.rate} a second, one upstream reply in ${options.faultEvery} a fault; medians of each fifth:`,
    '',
    '| fifth | memory, MiB | descriptors | p50, ms | p99, ms |',
    '| --- | --- | --- | --- | --- |',
    ...fifths.map((row, index) => `| ${index + 1} | ${row.join(' | ')} |`),
    '',
    `By status: ${Object.entries(statuses)
      .toSorted(([, one], [, other]) => other - one)
      .map(([status, count]) => `${status} ${count}`)
      .join(
        ', ',
      )} (gone: the client left). Streams without their last word: ${unterminated}. Requests missing from the audit: ${unaccounted.length}. The chain ${auditWhole ? 'is whole' : 'IS NOT WHOLE'}.`,
  ].join('\n');
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < 0) throw new Error('docs/operations.md has no place for the table');
  writeFileSync(file, `${page.slice(0, from + begin.length)}\n\n${table}\n\n${page.slice(to)}`);
}

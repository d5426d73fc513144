/**
 * `sluice tune`: settings proposed from an operator's own rows. Changes nothing by itself: it prints a fragment for the configuration file, or
 * writes it to a new file. Exit 1 when no setting reaches the target, 2 when the input cannot be used. Prints no value of any row.
 */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { bandOf, zoneOf } from '../../classifiers/complexity/band.ts';
import { calibrate } from '../../classifiers/complexity/calibrate.ts';
import type { Config, EntityRule } from '../../config/schema.ts';
import { createJudge } from '../evaluation/judge.ts';
import { percent, table } from '../evaluation/table.ts';
import {
  curveOf,
  type Outcome,
  type Proposal,
  propose,
  type ScoredRow,
  scoredRow,
  truthOf,
} from '../evaluation/thresholds.ts';
import { eachRow, judgeOrExit } from './labelled-rows.ts';
import { data, EXIT, leave, talk, talkProblems } from './terminal.ts';

interface TuneOptions {
  readonly config?: string;
  readonly file?: string;
  readonly write?: string;
  readonly json?: boolean;
}

export function tuneCommand(): Command {
  const tune = new Command('tune').description('Propose settings from your own labelled or unlabelled rows.');
  tune.addCommand(
    shared(new Command('thresholds'))
      .description('Thresholds per entity for the best recall under a ceiling of false positives.')
      .requiredOption('--max-false-positives <share>', 'largest share of safe rows that may be flagged, such as 0.01')
      .option('--entity <name>', 'move only this entity')
      .action(
        async (file: string | undefined, options: TuneOptions & { maxFalsePositives: string; entity?: string }) => {
          await leave(await tuneThresholds(fileOrExit(file, options), options));
        },
      ),
  );
  tune.addCommand(
    shared(new Command('complexity'))
      .description('The complexity threshold that sends a share of requests to the cloud.')
      .requiredOption('--cloud-share <share>', 'share of all rows that should go to the cloud, such as 0.3')
      .action(async (file: string | undefined, options: TuneOptions & { cloudShare: string }) => {
        await leave(await tuneComplexity(fileOrExit(file, options), options));
      }),
  );
  return tune;
}

function shared(command: Command): Command {
  return command
    .argument('[file]', 'rows (JSON lines), as for evaluate')
    .option('--file <file>', 'the same')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--write <file>', 'write the fragment to a new file')
    .option('--json', 'print JSON');
}

function fileOrExit(file: string | undefined, options: TuneOptions): string {
  const named = file ?? options.file;
  if (named !== undefined) return named;
  talk('name a file of rows');
  process.exit(EXIT.unusable);
}

/** A share between 0 and 1, or undefined. */
function parseShare(text: string): number | undefined {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return value >= 0 && value <= 1 ? value : undefined;
}

/** Points of the curve that is shown. */
const CURVE_POINTS = 12;
/** Entities whose curve is shown when none was named. */
const CURVES = 6;

async function tuneThresholds(
  file: string,
  options: TuneOptions & { readonly maxFalsePositives: string; readonly entity?: string },
): Promise<number> {
  const ceiling = parseShare(options.maxFalsePositives);
  if (ceiling === undefined) return unusable('--max-false-positives must be a share between 0 and 1');
  const judge = judgeOrExit(options.config);
  const { config } = judge;
  const lowest = config.labels[0];
  const ruleOf = (entity: string): EntityRule => config.classify.entities[entity] ?? config.classify.otherEntities;
  const counts = (entity: string): boolean => entity !== 'COMBINATION' && ruleOf(entity).label !== lowest;
  if (options.entity !== undefined && !counts(options.entity))
    return unusable(
      `${options.entity} gives the lowest label, so its threshold alone holds nothing; tune the combinations it takes part in`,
    );

  const rows: ScoredRow[] = [];
  const read = await eachRow(file, async (row) => {
    if (row.label === undefined) return 'label: is missing';
    const truth = truthOf(row.label);
    if (truth === undefined) return undefined;
    const judged = await judge.judge(row, { nearMisses: 'collect' });
    if (judged.kind === 'problem') return `${judged.code} at ${judged.pointer || '/'}`;
    rows.push(scoredRow(truth, judged, counts));
    return undefined;
  });
  if (read === 'unusable') return EXIT.unusable;
  for (const truth of ['sensitive', 'safe'] as const)
    if (!rows.some((row) => row.truth === truth)) return unusable(`${file}: holds no row labelled ${truth}`);

  const seen = [...new Set(rows.flatMap(({ best }) => [...best.keys()]))].toSorted();
  const entities = options.entity === undefined ? seen : seen.filter((entity) => entity === options.entity);
  if (entities.length === 0) return unusable(`${file}: no row holds a candidate for ${options.entity ?? 'any entity'}`);
  const current = new Map(seen.map((entity) => [entity, ruleOf(entity).threshold]));
  const proposed = propose(rows, current, { ceiling, entities });
  const fragment = thresholdFragment(proposed.proposals, ruleOf);
  const measured =
    proposed.proposals.length === 0
      ? undefined
      : await measure(file, withThresholds(config, proposed.proposals, ruleOf));
  if (measured === 'unusable') return EXIT.unusable;
  const after = measured ?? proposed.after;
  const keeps = after.flagged <= Math.floor(ceiling * after.safe + 1e-9);
  const curves = (options.entity === undefined ? mostTelling(rows, entities) : entities).map((entity) => ({
    entity,
    points: curveOf(rows, entity, CURVE_POINTS),
  }));
  if (options.json === true) {
    data(
      JSON.stringify({
        ceiling,
        before: proposed.before,
        after,
        keepsCeiling: keeps,
        proposals: proposed.proposals,
        curves,
      }),
    );
  } else {
    for (const { entity, points } of curves) {
      for (const line of table(
        [entity, 'sensitive rows reached', 'safe rows reached'],
        points.map((point) => [point.threshold.toFixed(3), String(point.caught), String(point.flagged)]),
      ))
        data(line);
      data('');
    }
    for (const line of table(
      ['', 'sensitive caught', 'safe flagged'],
      [outcomeCells('now', proposed.before), outcomeCells('proposed', after)],
    ))
      data(line);
    data('');
  }
  if (!keeps)
    talk(
      `no thresholds keep safe flagged at ${percent(ceiling)}: what is left does not come from scores (see sluice evaluate)`,
    );
  const written = give(fragment, options);
  return written !== EXIT.done ? written : keeps ? EXIT.done : EXIT.failed;
}

/** The rows again under the proposed policy: what scores predict and what happens can differ where findings overlap. */
async function measure(file: string, config: Config): Promise<Outcome | 'unusable'> {
  const created = createJudge(config);
  if (created.kind === 'invalid') {
    talkProblems('proposal', created.problems);
    return 'unusable';
  }
  const outcome = { caught: 0, sensitive: 0, flagged: 0, safe: 0 };
  const read = await eachRow(file, async (row) => {
    const truth = row.label === undefined ? undefined : truthOf(row.label);
    if (truth === undefined) return undefined;
    const judged = await created.judge.judge(row, { nearMisses: 'omit' });
    if (judged.kind === 'problem') return `${judged.code} at ${judged.pointer || '/'}`;
    outcome[truth] += 1;
    if (judged.held) outcome[truth === 'safe' ? 'flagged' : 'caught'] += 1;
    return undefined;
  });
  return read === 'unusable' ? read : outcome;
}

function withThresholds(
  config: Config,
  proposals: readonly Proposal[],
  ruleOf: (entity: string) => EntityRule,
): Config {
  const changed = proposals.map(({ entity, to }) => [entity, { ...ruleOf(entity), threshold: to }] as const);
  return {
    ...config,
    classify: { ...config.classify, entities: { ...config.classify.entities, ...Object.fromEntries(changed) } },
  };
}

/** Entities with the most safe rows reached, then the most sensitive ones. */
function mostTelling(rows: readonly ScoredRow[], entities: readonly string[]): readonly string[] {
  const reach = (entity: string, truth: ScoredRow['truth']): number =>
    rows.filter((row) => row.truth === truth && row.best.has(entity)).length;
  return entities
    .map((entity) => ({ entity, safe: reach(entity, 'safe'), sensitive: reach(entity, 'sensitive') }))
    .toSorted((one, other) => other.safe - one.safe || other.sensitive - one.sensitive)
    .slice(0, CURVES)
    .map(({ entity }) => entity);
}

function outcomeCells(name: string, outcome: Outcome): readonly string[] {
  const cell = (hits: number, of: number): string => `${percent(of === 0 ? undefined : hits / of)} (${hits}/${of})`;
  return [name, cell(outcome.caught, outcome.sensitive), cell(outcome.flagged, outcome.safe)];
}

function thresholdFragment(proposals: readonly Proposal[], ruleOf: (entity: string) => EntityRule): string {
  if (proposals.length === 0) return '';
  const lines = ['classify:', '  entities:'];
  for (const { entity, from, to } of proposals) {
    const { label, maskable } = ruleOf(entity);
    lines.push(
      `    ${entity}:`,
      `      label: ${label}`,
      `      threshold: ${round(to)} # was ${round(from)}`,
      `      maskable: ${String(maskable)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

async function tuneComplexity(file: string, options: TuneOptions & { readonly cloudShare: string }): Promise<number> {
  const share = parseShare(options.cloudShare);
  if (share === undefined) return unusable('--cloud-share must be a share between 0 and 1');
  const judge = judgeOrExit(options.config);
  if (judge.standIns) talk('no cloud upstream is configured: routes are those with stand-in models');
  const scores: number[] = [];
  let rows = 0;
  const read = await eachRow(file, async (row) => {
    const judged = await judge.mayLeave(row);
    if (judged === undefined) return 'is no chat request';
    rows += 1;
    // What must stay inside whatever its complexity has no part in the share.
    if (judged.leaves) scores.push(judged.complexity);
    return undefined;
  });
  if (read === 'unusable') return EXIT.unusable;
  const { hysteresis, uncertain } = judge.config.complexity;
  const cut = calibrate(scores, scores.length === 0 ? 0 : (share * rows) / scores.length);
  const threshold = round(thresholdFor(cut, judge.config.complexity));
  const bands = { threshold, hysteresis, uncertain };
  const complex = scores.filter((score) => bandOf(score, bands, undefined) === 'complex').length;
  const zones = { simple: 0, uncertain: 0, complex: 0 };
  for (const score of scores) zones[zoneOf(score, bands)] += 1;
  const reached = (scores.length + 1e-9) / rows >= share;
  const fragment = stringify({ complexity: { threshold, hysteresis } });
  if (options.json === true) {
    data(
      JSON.stringify({
        rows,
        mayLeave: scores.length,
        threshold,
        hysteresis,
        cloudShare: complex / rows,
        bands: zones,
      }),
    );
  } else {
    data(
      `rows ${rows}, of which ${scores.length} may leave; threshold ${threshold} sends ${complex} (${percent(complex / rows)}) to the cloud`,
    );
    data(
      `bands of those that may leave: simple ${zones.simple}, uncertain ${zones.uncertain}, complex ${zones.complex}${judge.config.complexity.judge === undefined ? '' : `; the judge may send from ${percent(zones.complex / rows)} to ${percent((zones.complex + zones.uncertain) / rows)}`}`,
    );
    data('');
  }
  if (!reached)
    talk(`only ${percent(scores.length / rows)} of the rows may leave at all; ${percent(share)} cannot be reached`);
  const written = give(fragment, options);
  return written !== EXIT.done ? written : reached ? EXIT.done : EXIT.failed;
}

/** The threshold under which new conversations part at `cut`, whatever the uncertain band counts as. */
function thresholdFor(cut: number, { hysteresis, uncertain }: Config['complexity']): number {
  const moved = uncertain === 'score' ? cut : uncertain === 'complex' ? cut + hysteresis : cut - hysteresis;
  return Math.min(1, Math.max(0, moved));
}

/** give prints the fragment, or writes it to a file that must not exist yet: a configuration is not overwritten by half of one. */
function give(fragment: string, options: TuneOptions): number {
  if (options.write === undefined) {
    if (options.json !== true) data(fragment === '' ? '# nothing to change' : fragment.trimEnd());
    return EXIT.done;
  }
  try {
    writeFileSync(options.write, fragment === '' ? '{}\n' : fragment, { flag: 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return unusable(`cannot write ${options.write} (${code})`);
  }
  talk(`written to ${options.write}`);
  return EXIT.done;
}

function unusable(message: string): number {
  talk(message);
  return EXIT.unusable;
}

const round = (value: number): number => Math.round(value * 1_000_000) / 1_000_000;

/**
 * `sluice evaluate`: how right the classifiers are on a labelled file, and where two policies differ. Sends nothing, remembers nothing. Exit 1 when a
 * bar is not met, 2 when file, configuration or a bar cannot be used. No value is printed but with --show-values on a terminal.
 */
import { Command } from 'commander';
import { type Bar, judgeBars, parseBar } from '../evaluation/bars.ts';
import {
  describeBars,
  describeDifference,
  describeDifferenceTotals,
  describeReport,
  type DifferenceTotals,
  type ValueAt,
} from '../evaluation/describe.ts';
import { differenceOf } from '../evaluation/difference.ts';
import type { Judgement } from '../evaluation/judge.ts';
import type { EvaluationRow, RowLabel } from '../evaluation/row.ts';
import { type MissPlace, Tally } from '../evaluation/tally.ts';
import { eachRow, judgeOrExit } from './labelled-rows.ts';
import { data, EXIT, leave, printable, talk } from './terminal.ts';

interface EvaluateOptions {
  readonly config?: string;
  readonly against?: string;
  readonly bar: readonly string[];
  readonly misses: string;
  readonly json?: boolean;
  readonly showValues?: boolean;
}

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('Measure the classifiers on labelled rows (JSON lines); compare two policies. Sends nothing.')
    .argument('<file>', 'rows of {id, text | messages | request, label, source?, spans?}')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--policy <file>', 'the same as --config')
    .option('--against <file>', 'a second configuration; prints every row where the two differ')
    .option('--bar <name=value>', 'exit 1 unless met; may be given more than once', collect, [])
    .option('--misses <count>', 'how many of the worst misses to list', '20')
    .option('--show-values', 'print values of misses; only on a terminal')
    .option('--json', 'print JSON')
    .action(async (file: string, options: EvaluateOptions & { readonly policy?: string }) => {
      await leave(
        await evaluate(file, {
          ...options,
          ...(options.config === undefined && options.policy !== undefined ? { config: options.policy } : {}),
        }),
      );
    });
}

async function evaluate(file: string, options: EvaluateOptions): Promise<number> {
  const bars: Bar[] = [];
  for (const text of options.bar) {
    const parsed = parseBar(text);
    if (parsed.kind === 'problem') {
      talk(parsed.message);
      return EXIT.unusable;
    }
    bars.push(parsed.bar);
  }
  const misses = Number(options.misses);
  if (!Number.isSafeInteger(misses) || misses < 0 || misses > 10_000) {
    talk('--misses must be a whole number up to 10000');
    return EXIT.unusable;
  }
  const judge = judgeOrExit(options.config);
  const against = options.against === undefined ? undefined : judgeOrExit(options.against);
  const json = options.json === true;
  const showsValues = options.showValues === true && process.stdout.isTTY === true && !json;
  if (options.showValues === true && !showsValues) talk('values are shown on a terminal only');
  if (judge.standIns) talk('no cloud upstream is configured: routes are those with stand-in models');

  const tally = new Tally({ misses });
  const values = new Map<string, string>();
  const totals = {
    rows: 0,
    differing: 0,
    sensitiveOnlyPolicy: 0,
    sensitiveOnlyAgainst: 0,
    safeOnlyPolicy: 0,
    safeOnlyAgainst: 0,
  };
  const differences: string[] = [];
  const seen = await eachRow(file, async (row) => {
    const { label } = row;
    if (label === undefined) return 'label: is missing';
    const judged = await judge.judge(row, { nearMisses: 'omit' });
    if (judged.kind === 'problem') return `${judged.code} at ${judged.pointer || '/'}`;
    // Near misses cost time that no request pays, so they are asked for in a second look at what went wrong.
    const closer = misses > 0 && isWrong(label, judged) ? await judge.judge(row, { nearMisses: 'collect' }) : judged;
    const nearMisses = closer.kind === 'judgement' ? closer.nearMisses : [];
    tally.add(row, label, { ...judged, nearMisses });
    totals.rows += 1;
    if (showsValues && isWrong(label, judged)) rememberValues(values, row, { ...judged, nearMisses });
    if (against === undefined) return undefined;
    const other = await against.judge(row, { nearMisses: 'omit' });
    if (other.kind === 'problem') return `${other.code} at ${other.pointer || '/'}`;
    count(totals, label, judged, other);
    const difference = differenceOf(row, judged, other);
    if (difference === undefined) return undefined;
    totals.differing += 1;
    if (json) differences.push(JSON.stringify(difference));
    else data(describeDifference(difference));
    return undefined;
  });
  if (seen === 'unusable') return EXIT.unusable;
  const report = tally.report();
  const outcomes = judgeBars(report, bars);
  const valueAt: ValueAt = (line, place) => (showsValues ? values.get(placeKey(line, place)) : undefined);
  if (json) {
    const comparison =
      against === undefined ? '' : `,"against":{"totals":${JSON.stringify(totals)},"rows":[${differences.join(',')}]}`;
    data(`${JSON.stringify({ ...report, bars: outcomes, standIns: judge.standIns }).slice(0, -1)}${comparison}}`);
  } else {
    if (against !== undefined) for (const line of [...describeDifferenceTotals(totals), '']) data(line);
    for (const line of describeReport(report, valueAt)) data(line);
    if (outcomes.length > 0) data('');
    for (const line of describeBars(outcomes)) data(line);
  }
  return outcomes.every((each) => each.met) ? EXIT.done : EXIT.failed;
}

const isSafe = (label: RowLabel): boolean => label === 'safe' || label === 'presumed_safe';

function isWrong(label: RowLabel, judged: Judgement): boolean {
  return judged.held ? isSafe(label) : label === 'sensitive';
}

function count(
  totals: { -readonly [Key in keyof DifferenceTotals]: number },
  label: RowLabel,
  policy: Judgement,
  against: Judgement,
): void {
  if (policy.held === against.held) return;
  if (label === 'sensitive') totals[policy.held ? 'sensitiveOnlyPolicy' : 'sensitiveOnlyAgainst'] += 1;
  else if (isSafe(label)) totals[policy.held ? 'safeOnlyPolicy' : 'safeOnlyAgainst'] += 1;
}

const placeKey = (line: number, place: Pick<MissPlace, 'pointer' | 'start' | 'end'>): string =>
  `${line} ${place.pointer} ${place.start} ${place.end}`;

/** Longest value printed; a finding can be a whole key file. */
const LONGEST_VALUE = 80;

function rememberValues(values: Map<string, string>, row: EvaluationRow, judged: Judgement): void {
  const body: unknown = JSON.parse(row.request);
  const places = [
    ...(row.spans ?? []),
    ...[...judged.findings, ...judged.nearMisses].map(({ span }) => ({
      pointer: span.segment,
      start: span.start,
      end: span.end,
    })),
  ];
  for (const place of places) {
    const text = textAt(body, place.pointer);
    if (text !== undefined)
      values.set(
        placeKey(row.line, place),
        printable(text.slice(place.start, Math.min(place.end, place.start + LONGEST_VALUE))),
      );
  }
}

/** The string at a JSON pointer; undefined for anything else. */
function textAt(body: unknown, pointer: string): string | undefined {
  let at: unknown = body;
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return typeof at === 'string' ? at : undefined;
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

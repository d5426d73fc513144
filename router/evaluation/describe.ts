/** A report as lines for people. Positions, entities and counts; a value only through `valueAt`, which the command gives only for a terminal. */
import { printable } from '../commands/terminal.ts';
import type { BarOutcome } from './bars.ts';
import type { Difference, Side } from './difference.ts';
import { percent, table } from './table.ts';
import type { Miss, MissPlace, Rate, Report, Totals } from './tally.ts';

/** The text at a place, or undefined when values are not to be shown. */
export type ValueAt = (line: number, place: MissPlace) => string | undefined;

export function describeReport(report: Report, valueAt: ValueAt): readonly string[] {
  const { overall, sources } = report;
  const counted = (each: Rate): string => (each.of === 0 ? '-' : `${percent(each.share)} (${each.hits}/${each.of})`);
  const totalsRow = (each: Totals, name: string): readonly string[] => [
    name,
    String(each.rows),
    counted(each.sensitiveCaught),
    counted(each.safeFlagged),
    counted(each.attackHeld),
    counted(each.unknown),
    each.p50Ms.toFixed(3),
    each.p99Ms.toFixed(3),
  ];
  const lines = [
    ...table(
      ['source', 'rows', 'sensitive caught', 'safe flagged', 'attack held', 'unknown', 'p50 ms', 'p99 ms'],
      [totalsRow(overall, 'all'), ...sources.map((each) => totalsRow(each, each.source))],
    ),
    '',
    ...table(
      ['label and route', 'rows', 'held', 'with a name', 'local', 'cloud', 'cloud-masked', 'refuse'],
      overall.labels.map((each) => [
        each.label,
        String(each.rows),
        String(each.held),
        String(each.named),
        String(each.routes.local),
        String(each.routes.cloud),
        String(each.routes['cloud-masked']),
        String(each.routes.refuse),
      ]),
    ),
  ];
  if (overall.entities.length > 0) {
    const number = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(3));
    lines.push(
      '',
      ...table(
        ['entity', 'spans', 'recall', 'precision', 'F2', 'exact recall', 'exact precision', 'exact F2'],
        overall.entities.map((each) => [
          each.entity,
          String(each.spans),
          number(each.recallOverlap.share),
          number(each.precisionOverlap.share),
          number(each.f2Overlap),
          number(each.recallExact.share),
          number(each.precisionExact.share),
          number(each.f2Exact),
        ]),
      ),
    );
  }
  if (report.misses.length > 0) lines.push('');
  for (const miss of report.misses)
    lines.push(printable(`${miss.kind.padEnd(7)}  line ${miss.line}  ${miss.id}  ${describePlaces(miss, valueAt)}`));
  return lines;
}

/** Places of one miss that are worth a line. */
const PLACES = 4;

function describePlaces(miss: Miss, valueAt: ValueAt): string {
  const shown = miss.places.slice(0, PLACES).map((place) => {
    const value = valueAt(miss.line, place);
    return `${place.entity} [${place.start}, ${place.end})${place.score === undefined ? '' : ` ${place.score.toFixed(2)}`} ${place.why}${value === undefined ? '' : ` ${JSON.stringify(value)}`}`;
  });
  const more = miss.places.length - shown.length;
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

export function describeBars(outcomes: readonly BarOutcome[]): readonly string[] {
  return outcomes.map(
    ({ bar, measured, met }) => `${met ? 'met   ' : 'MISSED'}  ${bar}  measured ${measured?.toFixed(4) ?? 'nothing'}`,
  );
}

export interface DifferenceTotals {
  readonly rows: number;
  readonly differing: number;
  /** Held by the policy only, and by the one it is compared with only, among rows that should be held and that should pass. */
  readonly sensitiveOnlyPolicy: number;
  readonly sensitiveOnlyAgainst: number;
  readonly safeOnlyPolicy: number;
  readonly safeOnlyAgainst: number;
}

export function describeDifference(each: Difference): string {
  const side = (of: Side): string =>
    `${of.verdict} (${of.label}) ${of.route}${of.held && of.verdict === 'clean' ? ' held' : ''}${of.entities.length === 0 ? '' : ` +${of.entities.join('+')}`}`;
  return `line ${each.line}  ${each.id}  ${each.label ?? '-'}  ${side(each.policy)}  |  ${side(each.against)}`;
}

export function describeDifferenceTotals(totals: DifferenceTotals): readonly string[] {
  return [
    `${totals.differing} of ${totals.rows} rows differ`,
    ...table(
      ['held only by', 'of sensitive rows', 'of safe rows'],
      [
        ['--config', String(totals.sensitiveOnlyPolicy), String(totals.safeOnlyPolicy)],
        ['--against', String(totals.sensitiveOnlyAgainst), String(totals.safeOnlyAgainst)],
      ],
    ),
  ];
}

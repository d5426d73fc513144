/**
 * Bars a run must meet: `name=value`, or `name@source=value` for one source. Fails closed: a bar over something nobody measured is not met, and a
 * name that means nothing is a problem before the run.
 */
import type { Report, Totals } from './tally.ts';

export interface Bar {
  readonly text: string;
  readonly name: string;
  /** For `recall:` and `precision:`. */
  readonly entity: string;
  /** Empty: all sources together. */
  readonly source: string;
  readonly value: number;
}
export type ParsedBar =
  | { readonly kind: 'bar'; readonly bar: Bar }
  | { readonly kind: 'problem'; readonly message: string };

export interface BarOutcome {
  readonly bar: string;
  /** undefined: not measured. */
  readonly measured: number | undefined;
  readonly met: boolean;
}

/** `least`: the measured value must reach the bar; `most`: it must not pass it. */
const MEASURES: Readonly<
  Record<string, { readonly is: 'least' | 'most'; readonly of: (totals: Totals, entity: string) => number | undefined }>
> = {
  'sensitive-caught': { is: 'least', of: (totals) => totals.sensitiveCaught.share },
  'attack-held': { is: 'least', of: (totals) => totals.attackHeld.share },
  'safe-flagged': { is: 'most', of: (totals) => totals.safeFlagged.share },
  unknown: { is: 'most', of: (totals) => totals.unknown.share },
  'p50-ms': { is: 'most', of: (totals) => (totals.rows === 0 ? undefined : totals.p50Ms) },
  'p99-ms': { is: 'most', of: (totals) => (totals.rows === 0 ? undefined : totals.p99Ms) },
  recall: {
    is: 'least',
    of: (totals, entity) => totals.entities.find((each) => each.entity === entity)?.recallOverlap.share,
  },
  precision: {
    is: 'least',
    of: (totals, entity) => totals.entities.find((each) => each.entity === entity)?.precisionOverlap.share,
  },
};

export function parseBar(text: string): ParsedBar {
  const match = /^([a-z0-9-]{1,40})(?::([A-Za-z_]{1,60}))?(?:@([^=]{1,200}))?=([0-9]{1,6}(?:\.[0-9]{1,6})?)$/.exec(
    text,
  );
  const [, name = '', entity = '', source = '', value = ''] = match ?? [];
  if (match === null || !Object.hasOwn(MEASURES, name))
    return {
      kind: 'problem',
      message: `--bar ${text}: must be name=value or name@source=value; names are ${Object.keys(MEASURES)
        .map((each) => (each === 'recall' || each === 'precision' ? `${each}:ENTITY` : each))
        .join(', ')}`,
    };
  if ((name === 'recall' || name === 'precision') !== (entity !== ''))
    return {
      kind: 'problem',
      message: `--bar ${text}: recall and precision, and only they, take an entity after a colon`,
    };
  return { kind: 'bar', bar: { text, name, entity, source, value: Number(value) } };
}

export function judgeBars(report: Report, bars: readonly Bar[]): readonly BarOutcome[] {
  return bars.map(({ text, name, entity, source, value }) => {
    const measure = MEASURES[name];
    const totals = source === '' ? report.overall : report.sources.find((each) => each.source === source);
    const measured = totals === undefined ? undefined : measure?.of(totals, entity);
    const met = measured !== undefined && (measure?.is === 'least' ? measured >= value : measured <= value);
    return { bar: text, measured, met };
  });
}

/**
 * Metrics of several processes as those of one Sluice: counters and histograms are summed, gauges as each of them says. Counters of a process that ended stay in the sum, as they were when last looked at: a
 * sum that went back would read as a restart, and rates as traffic that never was.
 */
import { AggregatorRegistry, type Registry } from 'prom-client';

/** As prom-client's getMetricsAsJSON tells it. */
export type MetricValues = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];

/** Of the first process alone: it holds the broker, and sees every conversation. */
const FIRST_ONLY: ReadonlySet<string> = new Set(['sluice_recognizer_silent', 'sluice_sandbox_claim_proved']);

/** reportable leaves out what a process that serves knows less of than the first. */
export function reportable(metrics: readonly MetricValues[]): readonly MetricValues[] {
  return metrics.filter(({ name }) => !FIRST_ONLY.has(name));
}

export class Gathered {
  readonly #last = new Map<number, readonly MetricValues[]>();
  #departed: readonly MetricValues[] = [];

  take(process: number, metrics: readonly MetricValues[]): void {
    this.#last.set(process, metrics);
  }

  /** ended keeps what a process had counted. */
  async ended(process: number): Promise<void> {
    const last = (this.#last.get(process) ?? []).filter(({ type }) => isCounted(type));
    this.#last.delete(process);
    this.#departed = await sumOf([this.#departed, last]).getMetricsAsJSON();
  }

  /** all is what a scraper reads; `own` are the first process's. */
  all(own: readonly MetricValues[]): Registry {
    return sumOf([own, this.#departed, ...this.#last.values()]);
  }
}

function sumOf(sets: readonly (readonly MetricValues[])[]): Registry {
  return AggregatorRegistry.aggregate(sets.map((each) => [...each]));
}

/** prom-client's types say numbers, its values are words. */
function isCounted(type: unknown): boolean {
  return type === 'counter' || type === 'histogram';
}

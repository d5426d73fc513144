/**
 * Sums the connections of one call by outcome and reports once a second at most: a program inside that knocks a hundred
 * thousand times must not become a hundred thousand lines of somebody's log.
 */
import type { EgressEvent } from './egress-event.ts';
import type { Passage } from './passage.ts';

export type EgressSum = Omit<EgressEvent, 'scopeKey' | 'tool'>;

const INTERVAL_MS = 1_000;

export class EgressTally {
  readonly #report: (sum: EgressSum) => void;
  readonly #sums = new Map<string, EgressSum>();
  #timer: NodeJS.Timeout | undefined;

  constructor(report: (sum: EgressSum) => void) {
    this.#report = report;
  }

  add({ code, rule, credentials, bytesOut, bytesIn }: Passage): void {
    const key = `${code} ${rule}`;
    const sum = this.#sums.get(key) ?? { code, rule, connections: 0, credentials: 0, bytesOut: 0, bytesIn: 0 };
    this.#sums.set(key, {
      code,
      rule,
      connections: sum.connections + 1,
      credentials: sum.credentials + credentials,
      bytesOut: sum.bytesOut + bytesOut,
      bytesIn: sum.bytesIn + bytesIn,
    });
    this.#timer ??= setTimeout(() => this.#flush(), INTERVAL_MS);
  }

  /** Reports what is left. */
  close(): void {
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const sum of this.#sums.values()) this.#report(sum);
    this.#sums.clear();
  }
}

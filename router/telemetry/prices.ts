/** What tokens cost, by the configured table. A model without a price is `undefined`, never free: the unpriced tokens are counted beside the cost. */
import type { TelemetryConfig } from '../../config/telemetry-schema.ts';
import type { Usage } from '../chat.ts';

type Price = TelemetryConfig['prices'][number];
const MILLION = 1_000_000;

export class PriceTable {
  readonly currency: string;
  readonly #prices: readonly Price[];
  readonly #found = new Map<string, Price | undefined>();

  constructor(config: Pick<TelemetryConfig, 'prices' | 'currency'>) {
    this.currency = config.currency;
    this.#prices = config.prices.toSorted((one, other) => other.model.length - one.model.length);
  }

  /** costOf is in the table's currency. Cached input tokens are part of the input tokens and count at their own price. */
  costOf(model: string, usage: Pick<Usage, 'inputTokens' | 'outputTokens' | 'cachedInputTokens'>): number | undefined {
    const price = this.#priceOf(model);
    if (price === undefined) return undefined;
    const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
    return (
      ((usage.inputTokens - cached) * price.input +
        cached * (price.cachedInput ?? price.input) +
        usage.outputTokens * price.output) /
      MILLION
    );
  }

  #priceOf(model: string): Price | undefined {
    if (this.#found.has(model)) return this.#found.get(model);
    const price = this.#prices.find((each) =>
      each.model.endsWith('*') ? model.startsWith(each.model.slice(0, -1)) : model === each.model,
    );
    // Names come through ModelNames, so there are only so many; the bound holds should that change.
    if (this.#found.size < 256) this.#found.set(model, price);
    return price;
  }
}

/**
 * Model names as labels. A client may ask for any name and an upstream may answer with any: only names the configuration knows, those names with a
 * version at the end, and a bounded number of well-formed names that local servers answered with become labels. Everything else is `other`.
 */
import type { UpstreamConfig } from '../../config/schema.ts';

const OTHER = 'other';
/** Local servers name models the operator pulled; more than so many different ones is no catalogue but a flood. */
const LEARNED = 32;
const WELL_FORMED = /^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,95}$/;
/** `gpt-5-2025-08-07`, `qwen3:8b`, `model@001`: a version of the name before it. Digits, short, so that no text fits in. */
const VERSION = /^(?:[-@.][0-9][0-9.-]{0,15}|:(?:latest|[0-9.]{1,6}[bBmMkK]?))$/;
const ROUTED: readonly string[] = ['auto', 'sluice', 'sluice/auto'];

export class ModelNames {
  readonly #known: Set<string>;
  readonly #learned = new Set<string>();

  constructor(upstreams: readonly UpstreamConfig[]) {
    this.#known = new Set([
      ...ROUTED,
      ...upstreams.flatMap((each) => [each.model, ...('models' in each ? each.models : [])]),
    ]);
    this.#known.delete('');
  }

  /** asked is the label of a name from a client: never learned. */
  asked(name: string): string {
    if (name === '') return 'auto';
    return this.#known.has(name) || this.#learned.has(name) ? name : OTHER;
  }

  /** answered is the label of the model that an upstream says it used. */
  answered(name: string, from: 'local' | 'cloud'): string {
    if (name === '') return '';
    if (this.#known.has(name) || this.#learned.has(name)) return name;
    if (!WELL_FORMED.test(name)) return OTHER;
    const learnable = from === 'local' || this.#isVersionOfKnown(name);
    if (!learnable || this.#learned.size >= LEARNED) return OTHER;
    this.#learned.add(name);
    return name;
  }

  #isVersionOfKnown(name: string): boolean {
    for (const known of this.#known) if (name.startsWith(known) && VERSION.test(name.slice(known.length))) return true;
    return false;
  }
}

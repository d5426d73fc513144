/**
 * What an Ollama server has, and whether it is really there. A local server also forwards: names with a `cloud` tag, and
 * stubs that look like any other name, run at ollama.com with the prompt as it is. Fails closed: a model is local only
 * when the server, asked about it just now, shows no remote host; a server that cannot be asked has no local models.
 */
import { Ollama } from 'ollama';
import type { FailureCode } from './failure.ts';
import { type Fields, fieldsOf, textOf } from './json-fields.ts';
import type { ModelInfo } from './upstream.ts';

export type LocalModel =
  | {
      readonly kind: 'local';
      /** What to send as `model`; pinned with `:local` where the server knows that suffix. */
      readonly wireName: string;
      /** Undefined when the server is too old to say. */
      readonly capabilities: ReadonlySet<string> | undefined;
      /** 0 when unknown. */
      readonly trainedTokens: number;
    }
  | { readonly kind: 'refused'; readonly code: FailureCode };

export type Catalogue =
  | { readonly kind: 'models'; readonly models: readonly ModelInfo[] }
  | { readonly kind: 'unreachable'; readonly reason: string };

/** Long enough to spare each turn of an agent the question, short enough that a model swapped for a stub is noticed. */
const FRESH_MS = 5_000;

/** A `cloud` tag anywhere after the name, however it is spelled: `x:cloud`, `x:120b-cloud`, `x:cloud:local`. */
export function isCloudName(model: string): boolean {
  const name = model.trim().toLowerCase();
  const [, ...tags] = name.slice(name.lastIndexOf('/') + 1).split(':');
  return tags.some((tag) => tag === 'cloud' || tag.endsWith('-cloud'));
}

export class OllamaCatalogue {
  readonly #client: Ollama;
  readonly #now: () => number;
  #list: { readonly askedMs: number; readonly answer: Promise<Catalogue> } | undefined;
  readonly #models = new Map<string, { readonly askedMs: number; readonly answer: Promise<LocalModel> }>();

  constructor(url: string, fetch: typeof globalThis.fetch, now: () => number) {
    // The client is for questions without content. Its chat() reads image strings as file paths and would not see remote_host.
    this.#client = new Ollama({ host: url, fetch });
    this.#now = now;
  }

  /** list gives the models that are really local. Never throws. */
  list(): Promise<Catalogue> {
    const known = this.#list;
    if (known !== undefined && this.#now() - known.askedMs < FRESH_MS) return known.answer;
    const answer = this.#askList();
    this.#list = { askedMs: this.#now(), answer };
    void answer.then((result) => {
      // Not to be remembered: the next request may find the server up.
      if (result.kind === 'unreachable' && this.#list?.answer === answer) this.#list = undefined;
    });
    return answer;
  }

  /** describe answers for one model by name. Never throws. */
  describe(model: string): Promise<LocalModel> {
    if (isCloudName(model)) return Promise.resolve({ kind: 'refused', code: 'model_not_local' });
    const known = this.#models.get(model);
    if (known !== undefined && this.#now() - known.askedMs < FRESH_MS) return known.answer;
    const answer = this.#askModel(model);
    // Names come from clients; the map must not grow with them.
    if (this.#models.size > 256) this.#models.clear();
    this.#models.set(model, { askedMs: this.#now(), answer });
    void answer.then((result) => {
      if (result.kind === 'refused' && this.#models.get(model)?.answer === answer) this.#models.delete(model);
    });
    return answer;
  }

  /** first gives the name of the first local model that can do something. A server too old to say is taken to chat. */
  async first(
    capability: 'completion' | 'embedding' = 'completion',
  ): Promise<
    { readonly kind: 'model'; readonly name: string } | { readonly kind: 'refused'; readonly code: FailureCode }
  > {
    const catalogue = await this.list();
    if (catalogue.kind === 'unreachable') return { kind: 'refused', code: 'upstream_unreachable' };
    for (const { id } of catalogue.models) {
      const model = await this.describe(id);
      if (model.kind === 'local' && (model.capabilities?.has(capability) ?? capability === 'completion'))
        return { kind: 'model', name: id };
    }
    return { kind: 'refused', code: 'model_not_found' };
  }

  /** allocated gives the window the server really made for a loaded model; 0 when it does not say. Never throws. */
  async allocated(wireName: string): Promise<number> {
    const name = unpinned(wireName);
    try {
      const { models } = await this.#client.ps();
      const loaded = (models ?? []).find((model) => model.name === name || model.name === `${name}:latest`);
      return loaded === undefined ? 0 : positive(Reflect.get(loaded, 'context_length'));
    } catch {
      return 0;
    }
  }

  /** details gives what the server says of a local model. Never throws. */
  async details(
    model: string,
  ): Promise<
    { readonly kind: 'shown'; readonly fields: Fields } | { readonly kind: 'refused'; readonly code: FailureCode }
  > {
    const known = await this.describe(model);
    if (known.kind === 'refused') return known;
    try {
      const shown = await this.#client.show({ model: known.wireName });
      if (isRemote(shown)) return { kind: 'refused', code: 'model_not_local' };
      return { kind: 'shown', fields: fieldsOf(shown) };
    } catch (error) {
      return { kind: 'refused', code: codeOf(error) };
    }
  }

  /** running gives what the server says of the local models it has loaded. Never throws. */
  async running(): Promise<readonly Fields[]> {
    try {
      const { models } = await this.#client.ps();
      return (models ?? []).filter((model) => !isCloudName(model.name) && !isRemote(model)).map(fieldsOf);
    } catch {
      return [];
    }
  }

  async version(): Promise<string> {
    try {
      return (await this.#client.version()).version;
    } catch {
      return '';
    }
  }

  async #askList(): Promise<Catalogue> {
    try {
      const { models } = await this.#client.list();
      return {
        kind: 'models',
        models: (models ?? [])
          .filter((model) => !isCloudName(model.name) && !isRemote(model))
          .map((model) => ({
            id: model.name,
            ownedBy: model.name.includes('/') ? model.name.slice(0, model.name.lastIndexOf('/')) : 'library',
            createdSeconds: Math.max(0, Math.floor(new Date(model.modified_at).getTime() / 1000) || 0),
            listed: {
              sizeBytes: positive(model.size),
              digest: textOf(model.digest),
              details: fieldsOf(model.details),
            },
          })),
      };
    } catch (error) {
      return { kind: 'unreachable', reason: reasonOf(error) };
    }
  }

  async #askModel(model: string): Promise<LocalModel> {
    const pinned = pin(model);
    const first = await this.#show(pinned);
    if (first.kind === 'local') return first;
    // A server that does not know the suffix calls the pinned name invalid or unknown.
    return first.code === 'model_not_found' ? this.#show(model) : first;
  }

  async #show(name: string): Promise<LocalModel> {
    try {
      const shown = await this.#client.show({ model: name });
      if (isRemote(shown)) return { kind: 'refused', code: 'model_not_local' };
      return {
        kind: 'local',
        wireName: name,
        capabilities: Array.isArray(shown.capabilities) ? new Set(shown.capabilities) : undefined,
        trainedTokens: trainedTokens(shown.model_info),
      };
    } catch (error) {
      return { kind: 'refused', code: codeOf(error) };
    }
  }
}

/** `x` → `x:latest:local`, `x:7b` → `x:7b:local`. Such a name cannot be answered by a stub. */
function pin(model: string): string {
  const base = model.slice(model.lastIndexOf('/') + 1);
  if (base.endsWith(':local')) return model;
  return base.includes(':') ? `${model}:local` : `${model}:latest:local`;
}

/** unpinned is the name a person would know the model by. */
export function unpinned(wireName: string): string {
  return wireName.replace(/:local$/, '');
}

/** isRemote tells whether an answer says that somebody else's machine has the model. */
export function isRemote(answer: object): boolean {
  return ['remote_host', 'remote_model'].some((name) => {
    const value: unknown = Reflect.get(answer, name);
    return value !== undefined && value !== null && value !== '';
  });
}

/** The key's first part is the architecture: `llama.context_length`, `qwen3.context_length`. */
function trainedTokens(info: unknown): number {
  if (typeof info !== 'object' || info === null) return 0;
  const entries: readonly (readonly [string, unknown])[] = info instanceof Map ? [...info] : Object.entries(info);
  const value = entries.find(([key]) => key.endsWith('.context_length'))?.[1];
  return positive(value);
}

/** positive reads a count; 0 for what is none. */
export function positive(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function codeOf(error: unknown): FailureCode {
  const status = statusOf(error);
  if (status === 400 || status === 404) return 'model_not_found';
  if (status === 401 || status === 403) return 'upstream_unauthorized';
  if (status !== 0) return 'upstream_failed';
  return reasonOf(error) === 'upstream_timeout' ? 'upstream_timeout' : 'upstream_unreachable';
}

function statusOf(error: unknown): number {
  const status: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'status_code') : undefined;
  return typeof status === 'number' ? status : 0;
}

/** Our fetch rejects with codes only; anything else the client made up is a malformed answer. */
function reasonOf(error: unknown): string {
  const status = statusOf(error);
  if (status !== 0) return `http_${status}`;
  return error instanceof Error && /^(?:upstream_[a-z]{1,20}|aborted)$/.test(error.message)
    ? error.message
    : 'upstream_malformed';
}

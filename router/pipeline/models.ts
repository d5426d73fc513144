/** The catalogue clients see: `auto` first, then what local servers really have, then what cloud upstreams are configured for. A server that is down contributes nothing. */
import type { ModelInfo } from '../upstreams/upstream.ts';
import { isPattern } from '../policy/offers.ts';
import type { Context } from './context.ts';

export interface ListedModel {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
}

export async function listModels(context: Context): Promise<readonly ListedModel[]> {
  return (await catalogue(context)).map(({ id, ownedBy, createdSeconds }) => ({
    id,
    object: 'model',
    created: createdSeconds,
    owned_by: ownedBy,
  }));
}

/** catalogue names every model once; of two with one name the first counts, as it does when a client asks for it. */
export async function catalogue(context: Context): Promise<readonly ModelInfo[]> {
  const found = new Map<string, ModelInfo>();
  const add = (model: ModelInfo): void => {
    if (!found.has(model.id)) found.set(model.id, model);
  };
  add({ id: 'auto', ownedBy: 'sluice', createdSeconds: 0 });
  for (const id of Object.keys(context.policy.aliases)) add({ id, ownedBy: 'sluice', createdSeconds: 0 });
  for (const upstream of context.locals.values()) {
    const answer = await upstream.models();
    if (answer.kind === 'models')
      for (const model of answer.models) add(upstream.standIn ? { ...model, ownedBy: 'sluice-stand-in' } : model);
  }
  for (const upstream of context.clouds.values())
    for (const id of upstream.models.filter((each) => !isPattern(each)))
      add({ id, ownedBy: upstream.standIn ? 'sluice-stand-in' : upstream.name, createdSeconds: 0 });
  return [...found.values()];
}

/** What the Messages API calls a model. */
export function describeForAnthropic({ id, created }: ListedModel): object {
  return { type: 'model', id, display_name: id, created_at: new Date(created * 1000).toISOString() };
}

/** One page that holds all. */
export function listForAnthropic(models: readonly ListedModel[]): object {
  return {
    data: models.map(describeForAnthropic),
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  };
}

/** The catalogue clients see: `auto` first, then what local servers really have, then what cloud upstreams are configured for. A server that is down contributes nothing. */
import type { Context } from './context.ts';

export interface ListedModel {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
}

export async function listModels(context: Context): Promise<readonly ListedModel[]> {
  const listed = new Map<string, ListedModel>();
  const add = (id: string, ownedBy: string, created: number): void => {
    if (!listed.has(id)) listed.set(id, { id, object: 'model', created, owned_by: ownedBy });
  };
  add('auto', 'sluice', 0);
  for (const upstream of context.locals.values()) {
    const answer = await upstream.models();
    if (answer.kind === 'models')
      for (const model of answer.models)
        add(model.id, upstream.standIn ? 'sluice-stand-in' : model.ownedBy, model.createdSeconds);
  }
  for (const upstream of context.clouds.values())
    for (const id of upstream.models) add(id, upstream.standIn ? 'sluice-stand-in' : upstream.name, 0);
  return [...listed.values()];
}

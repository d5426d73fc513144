/** The catalogue in Ollama's form: what `ollama list` and the pickers of its clients show. A server that is down contributes nothing. */
import { hash } from 'node:crypto';
import type { ListedModel } from '../upstreams/upstream.ts';
import type { Context } from './context.ts';
import { catalogue } from './models.ts';

/** The release whose API is spoken here; clients compare it before they use newer fields. */
export const OLLAMA_VERSION = '0.31.2';

export interface Tag {
  readonly name: string;
  readonly model: string;
  readonly modified_at: string;
  readonly size: number;
  readonly digest: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export async function listTags(context: Context): Promise<readonly Tag[]> {
  return (await catalogue(context)).map(({ id, ownedBy, createdSeconds, listed = virtual(id, ownedBy) }) => ({
    name: id,
    model: id,
    modified_at: new Date(createdSeconds * 1000).toISOString(),
    size: listed.sizeBytes,
    digest: listed.digest,
    details: listed.details,
  }));
}

/** A model with no file here. `ollama list` cuts twelve characters off the digest and would crash on an empty one. */
function virtual(id: string, ownedBy: string): ListedModel {
  return { sizeBytes: 0, digest: hash('sha256', id), details: virtualDetails(ownedBy) };
}

export function virtualDetails(family: string): Readonly<Record<string, unknown>> {
  return { parent_model: '', format: '', family, families: [family], parameter_size: '', quantization_level: '' };
}

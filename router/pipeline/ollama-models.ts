/** The catalogue in Ollama's form: what `ollama list` and the pickers of its clients show. A server that is down contributes nothing. */
import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ListedModel } from '../upstreams/upstream.ts';
import type { Context } from './context.ts';
import type { ErrorCode } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { parseJson } from '../json/parse.ts';
import { readModel } from '../protocols/ollama-shape.ts';
import { string, withoutFault } from '../protocols/shape.ts';
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

function virtualDetails(family: string): Readonly<Record<string, unknown>> {
  return { parent_model: '', format: '', family, families: [family], parameter_size: '', quantization_level: '' };
}

export type Shown =
  | { readonly kind: 'shown'; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly kind: 'problem'; readonly code: ErrorCode; readonly pointer: string };

/** Of a question about a model: a name and a flag. */
const MAX_SHOW_BYTES = 64 * 1024;

/** showModel answers /api/show. The name goes to local servers only, and what they say of a model elsewhere is not passed on. */
export async function showModel(request: IncomingMessage, context: Context): Promise<Shown> {
  const problem = (code: ErrorCode, pointer = ''): Shown => ({ kind: 'problem', code, pointer });
  const body = await readBody(request, MAX_SHOW_BYTES);
  if (body.kind === 'problem') return problem(body.code);
  const parsed = parseJson(body.bytes, { maxDepth: context.config.listen.maxDepth, maxLeaves: 1_000 });
  if (parsed.kind === 'problem') return problem(parsed.problem.code, parsed.problem.pointer);
  const { root } = parsed.document;
  // `name` is what older clients call it.
  const read = withoutFault(
    () => ({ kind: 'name', name: string(root, 'model', '') || string(root, 'name', '') }) as const,
  );
  if (read.kind === 'problem') return problem(read.problem.code, read.problem.pointer);
  if (read.name === '') return problem('missing_field', '/model');
  const name = readModel({ model: read.name });

  for (const upstream of context.locals.values()) {
    const shown = await upstream.show?.(name);
    if (shown?.kind === 'shown') return shown;
    if (shown?.code === 'model_not_local') return problem('model_not_local');
  }
  const known = (await catalogue(context)).find((model) => model.id === name);
  if (known === undefined) return problem('model_not_found');
  const window = name === 'auto' ? smallestWindow(context) : 0;
  return {
    kind: 'shown',
    fields: {
      license: '',
      modelfile: '',
      parameters: '',
      template: '',
      details: virtualDetails(known.ownedBy),
      model_info: {
        'general.architecture': 'sluice',
        ...(window === 0 ? {} : { 'sluice.context_length': window }),
      },
      capabilities: ['completion', 'tools'],
      modified_at: new Date(known.createdSeconds * 1000).toISOString(),
    },
  };
}

/** What every route of `auto` can hold: a conversation that grows longer cannot move inside any more. 0 when nothing local is configured. */
function smallestWindow(context: Context): number {
  const windows = context.config.upstreams.flatMap((upstream) =>
    upstream.kind === 'ollama'
      ? [upstream.overflow === 'raise-window' ? upstream.maxContextTokens : upstream.contextTokens]
      : [],
  );
  return windows.length === 0 ? 0 : Math.min(...windows);
}

/** listRunning answers /api/ps. */
export async function listRunning(context: Context): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const lists = await Promise.all([...context.locals.values()].map((upstream) => upstream.running?.() ?? []));
  return lists.flat();
}

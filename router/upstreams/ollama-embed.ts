/**
 * Embeddings by the local server, through /api/embed. A vector says much of what its text says, so they are made nowhere else. Fails closed: no text is
 * sent before the server has described the model as its own; an answer from another host, or one that is not a vector per text, is a failure.
 */
import { failure, failureOf, type FailureCode } from './failure.ts';
import type { DoorReply, LocalDoor } from './door.ts';
import { fieldsOf, listOf } from './json-fields.ts';
import { isRemote, type OllamaCatalogue, positive, unpinned } from './ollama-catalogue.ts';
import type { Embedded, EmbedTexts } from './upstream.ts';

/** Of an answer: ten thousand vectors of a thousand numbers are some 200 MB of text, which nobody should hold at once. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

export interface EmbedOptions {
  readonly upstream: string;
  readonly model: string;
  readonly keepAlive: string | number;
  readonly signal: AbortSignal;
}

export async function embedLocally(
  door: LocalDoor,
  catalogue: OllamaCatalogue,
  request: EmbedTexts,
  options: EmbedOptions,
): Promise<Embedded> {
  const failed = (code: FailureCode, sent = false): Embedded => ({
    kind: 'failed',
    failure: failure(options.upstream, code, sent),
  });
  let { model: name } = options;
  if (name === '') {
    const first = await catalogue.first('embedding');
    if (first.kind === 'refused') return failed(first.code);
    name = first.name;
  }
  const model = await catalogue.describe(name);
  if (model.kind === 'refused') return failed(model.code);
  const body = JSON.stringify({
    model: model.wireName,
    input: request.input,
    truncate: request.truncate,
    dimensions: request.dimensions,
    keep_alive: request.keepAlive ?? options.keepAlive,
  });
  const reply = await door.send('/api/embed', body, { signal: options.signal });
  if (reply.kind === 'failed') return { kind: 'failed', failure: reply.failure };
  let answer: unknown;
  try {
    answer = await readJson(reply);
  } catch (error) {
    return error instanceof SyntaxError
      ? failed('upstream_malformed', true)
      : { kind: 'failed', failure: failureOf(error, options.upstream) };
  }
  const fields = fieldsOf(answer);
  if (isRemote(fields)) return failed('model_not_local', true);
  const embeddings = listOf(fields['embeddings']);
  if (embeddings.length !== request.input.length || !embeddings.every(isVector))
    return failed('upstream_malformed', true);
  return {
    kind: 'embedded',
    model: unpinned(model.wireName),
    embeddings,
    inputTokens: positive(fields['prompt_eval_count']),
    loadNanoseconds: positive(fields['load_duration']),
  };
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'number');
}

/** Throws SyntaxError for what is no JSON or too long, and what the body throws when it breaks. */
async function readJson(reply: DoorReply & { readonly kind: 'response' }): Promise<unknown> {
  const chunks: Buffer[] = [];
  let held = 0;
  for await (const chunk of reply.body) {
    held += chunk.length;
    if (held > MAX_REPLY_BYTES) throw new SyntaxError('too long');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks, held).toString());
}

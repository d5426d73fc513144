/**
 * An operator's ONNX token-classification model, run in this process by onnxruntime-node, which Sluice does not install (46 MB of native
 * code): it is loaded only when the configuration names a model. Fails closed: a missing package, file or mark stops the start with what to
 * do, and a run that throws or gives another shape than the labels is `failed`.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { DeepAnswer, DeepModel, DeepSpan } from '../../classifiers/deep/deep-tier.ts';
import { createWordPiece, type Piece, type WordPiece } from '../../classifiers/deep/word-piece.ts';
import type { DeepConfig } from '../../config/deep-schema.ts';

const PACKAGE = 'onnxruntime-node';

/** The part of onnxruntime-node that is used; written down because its types are not installed either. */
interface Tensor {
  readonly data: ArrayLike<number | bigint>;
  readonly dims: readonly number[];
}
interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
}
interface Runtime {
  readonly InferenceSession: { create(path: string): Promise<Session> };
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => Tensor;
}

export type OpenedTokenModel =
  | { readonly kind: 'model'; readonly model: DeepModel }
  | { readonly kind: 'invalid'; readonly path: string; readonly message: string };

/** `from` is where the package is looked for, besides beside Sluice: the folder of the configuration file. */
export async function openTokenModel(
  config: NonNullable<DeepConfig['tokenModel']>,
  from: readonly string[],
): Promise<OpenedTokenModel> {
  const invalid = (key: string, message: string): OpenedTokenModel => ({
    kind: 'invalid',
    path: `classify.deep.tokenModel.${key}`,
    message,
  });
  const runtime = await loadRuntime(from);
  if (runtime === undefined)
    return invalid('model', `${PACKAGE} is not installed: npm install ${PACKAGE}, or remove classify.deep.tokenModel`);
  let words: WordPiece | undefined;
  try {
    words = createWordPiece(readFileSync(config.vocabulary, 'utf8'), config.lowerCase);
  } catch {
    return invalid('vocabulary', `cannot read ${config.vocabulary}`);
  }
  if (words === undefined) return invalid('vocabulary', 'has no [UNK], [CLS] or [SEP]: no WordPiece vocabulary');
  let session: Session;
  try {
    session = await runtime.InferenceSession.create(config.model);
  } catch {
    return invalid('model', `cannot load ${config.model} as an ONNX model`);
  }
  const unknown = session.inputNames.filter((name) => !INPUTS.has(name));
  if (!session.inputNames.includes('input_ids') || unknown.length > 0)
    return invalid('model', `takes ${session.inputNames.join(', ')}; known inputs are ${[...INPUTS].join(', ')}`);
  return { kind: 'model', model: new OnnxTokenModel(runtime, session, words, config) };
}

const INPUTS = new Set(['input_ids', 'attention_mask', 'token_type_ids']);

async function loadRuntime(from: readonly string[]): Promise<Runtime | undefined> {
  for (const place of [import.meta.url, ...from.map((folder) => pathToFileURL(`${folder}/`).href)]) {
    try {
      const loaded = (await import(pathToFileURL(createRequire(place).resolve(PACKAGE)).href)) as {
        readonly default?: Runtime;
      } & Partial<Runtime>;
      const runtime = loaded.default ?? loaded;
      if (runtime.InferenceSession !== undefined && runtime.Tensor !== undefined) return runtime as Runtime;
    } catch {
      // Not there; the next place may have it.
    }
  }
  return undefined;
}

class OnnxTokenModel implements DeepModel {
  readonly name = 'token-model';
  readonly #runtime: Runtime;
  readonly #session: Session;
  readonly #words: WordPiece;
  readonly #config: NonNullable<DeepConfig['tokenModel']>;

  constructor(runtime: Runtime, session: Session, words: WordPiece, config: NonNullable<DeepConfig['tokenModel']>) {
    this.#runtime = runtime;
    this.#session = session;
    this.#words = words;
    this.#config = config;
  }

  async read(text: string, signal: AbortSignal): Promise<DeepAnswer> {
    const pieces = this.#words.cut(text);
    const room = this.#config.maxTokens - 2;
    const spans: DeepSpan[] = [];
    for (let at = 0; at < pieces.length; at += room) {
      if (signal.aborted) return { kind: 'failed', cause: 'timeout' };
      const part = pieces.slice(at, at + room);
      const labelled = await this.#label(part);
      if (labelled === undefined) return { kind: 'failed', cause: 'threw' };
      collect(text, part, labelled, spans);
    }
    return { kind: 'spans', spans };
  }

  /** Entity and probability of each piece; undefined when the model's answer has another shape. */
  async #label(part: readonly Piece[]): Promise<readonly Labelled[] | undefined> {
    const { labels, threshold } = this.#config;
    const ids = BigInt64Array.from([this.#words.cls, ...part.map(({ id }) => id), this.#words.sep], BigInt);
    const dims = [1, ids.length];
    const tensor = (data: BigInt64Array): Tensor => new this.#runtime.Tensor('int64', data, dims);
    const feeds: Record<string, Tensor> = {};
    for (const input of this.#session.inputNames)
      feeds[input] = tensor(
        input === 'input_ids' ? ids : new BigInt64Array(ids.length).fill(input === 'attention_mask' ? 1n : 0n),
      );
    const output = Object.values(await this.#session.run(feeds))[0];
    if (output === undefined || output.dims.length !== 3) return undefined;
    if (output.dims[1] !== ids.length || output.dims[2] !== labels.length) return undefined;
    return part.map((_, index) => {
      const row = Array.from({ length: labels.length }, (__, label) =>
        Number(output.data[(index + 1) * labels.length + label]),
      );
      const best = row.indexOf(Math.max(...row));
      const total = row.reduce((sum, value) => sum + Math.exp(value - (row[best] ?? 0)), 0);
      const name = labels[best] ?? 'O';
      const score = 1 / total;
      // A probability that is no number must not pass for a low one.
      if (name === 'O' || score < threshold) return { entity: '', begins: false, score: 0 };
      return { entity: name.replace(/^[BI]-/, ''), begins: name.startsWith('B-'), score };
    });
  }
}

interface Labelled {
  /** Empty: outside. */
  readonly entity: string;
  readonly begins: boolean;
  readonly score: number;
}

/** Neighbouring pieces of one entity are one span, unless one begins anew after a blank; pieces of one word always are. */
function collect(text: string, part: readonly Piece[], labelled: readonly Labelled[], spans: DeepSpan[]): void {
  let open: { entity: string; start: number; end: number; total: number; count: number } | undefined;
  const close = (): void => {
    if (open)
      spans.push({
        entity: open.entity,
        start: open.start,
        end: open.end,
        score: open.total / open.count,
        pattern: 'token-model',
      });
    open = undefined;
  };
  for (const [index, piece] of part.entries()) {
    const { entity, begins, score } = labelled[index] as Labelled;
    const glued = open !== undefined && piece.start === open.end;
    if (
      open !== undefined &&
      entity === open.entity &&
      (glued || !begins) &&
      text.slice(open.end, piece.start).trim() === ''
    ) {
      open.end = piece.end;
      open.total += score;
      open.count += 1;
      continue;
    }
    close();
    if (entity !== '') open = { entity, start: piece.start, end: piece.end, total: score, count: 1 };
  }
  close();
}

/**
 * HashedWeights is a linear model's weights as the training scripts write them: signed bytes times one scale, in
 * base64 inside a TypeScript module, so that classifiers need no file. `decode` throws on a size that does not fit:
 * a damaged model must stop the start, not answer zero to everything.
 */
export interface HashedWeights {
  /** The table has 2^bits entries per output. */
  readonly bits: number;
  readonly outputs: number;
  readonly scale: number;
  readonly bias: readonly number[];
  /** sha256 of the decoded bytes, written by the script and checked by test. */
  readonly sha256: string;
  readonly base64: string;
}

export function decodeWeights(weights: HashedWeights): Int8Array {
  const bytes = Buffer.from(weights.base64, 'base64');
  if (bytes.length !== weights.outputs << weights.bits) throw new Error('weights: table has the wrong size');
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

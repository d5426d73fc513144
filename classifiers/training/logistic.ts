/** trainLogistic fits one hashed linear output by stochastic gradient descent with decay; same inputs, same weights. */
import { createHash } from 'node:crypto';
import type { HashedWeights } from '../linear/weights.ts';
import { Random } from './random.ts';

export interface Example {
  /** Buckets, repeated where a word repeats. */
  readonly buckets: Int32Array;
  /** What the sum of weights is divided by. */
  readonly norm: number;
  readonly target: number;
}

export interface LogisticOptions {
  readonly bits: number;
  readonly epochs: number;
  readonly rate: number;
  readonly decay: number;
  readonly seed: number;
}

export function trainLogistic(
  examples: readonly Example[],
  options: LogisticOptions,
): { readonly weights: Float64Array; readonly bias: number } {
  const weights = new Float64Array(1 << options.bits);
  const order = examples.map((_, at) => at);
  const random = new Random(options.seed);
  let bias = 0;
  for (let epoch = 0; epoch < options.epochs; epoch += 1) {
    const rate = options.rate / (1 + epoch);
    for (const at of random.shuffle(order)) {
      const example = examples[at] as Example;
      let sum = 0;
      for (const bucket of example.buckets) sum += weights[bucket] as number;
      const error = example.target - 1 / (1 + Math.exp(-(sum / example.norm + bias)));
      const step = (rate * error) / example.norm;
      for (const bucket of example.buckets)
        weights[bucket] = (weights[bucket] as number) * (1 - rate * options.decay) + step;
      bias += rate * error * 0.1;
    }
  }
  return { weights, bias };
}

/** quantise packs tables of equal size into signed bytes with one scale; the largest weights are clipped at `clip`. */
export function quantise(
  tables: readonly Float64Array[],
  bits: number,
  bias: readonly number[],
  clip = Infinity,
): HashedWeights {
  let largest = 1e-9;
  for (const table of tables) for (const weight of table) largest = Math.max(largest, Math.min(clip, Math.abs(weight)));
  const bytes = new Int8Array(tables.length << bits);
  for (const [output, table] of tables.entries()) {
    for (const [at, weight] of table.entries()) {
      bytes[(output << bits) + at] = Math.max(-127, Math.min(127, Math.round((weight / largest) * 127)));
    }
  }
  const buffer = Buffer.from(bytes.buffer);
  return {
    bits,
    outputs: tables.length,
    scale: largest / 127,
    bias: bias.map((value) => Number(value.toFixed(6))),
    sha256: createHash('sha256').update(buffer).digest('hex'),
    base64: buffer.toString('base64'),
  };
}

/** weightsModule is the TypeScript text that holds a model. */
export function weightsModule(constant: string, script: string, weights: HashedWeights): string {
  const lines = Object.entries(weights).map(([key, value]) => {
    const text = Array.isArray(value)
      ? `[${value.join(', ')}]`
      : typeof value === 'string'
        ? `'${value}'`
        : String(value);
    return key === 'base64' ? `  ${key}:\n    ${text},` : `  ${key}: ${text},`;
  });
  return [
    `/** Written by ${script}; do not edit. */`,
    "import type { HashedWeights } from '../linear/weights.ts';",
    '',
    `export const ${constant}: HashedWeights = {`,
    ...lines,
    '};',
    '',
  ].join('\n');
}

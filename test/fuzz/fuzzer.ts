/**
 * A coverage-guided fuzzer for this project's parsers: V8's own block coverage says which inputs reached something new, those are kept and mutated. No corpus on
 * disk and no native code; a run is a seed, printed with every failure, and a failing input is shrunk before it is told.
 */
import { Session } from 'node:inspector/promises';
import { Random } from '../helpers/random.ts';

export interface FuzzTarget {
  readonly name: string;
  /** Inputs to start from; bytes as latin1 where `bytes` is set. */
  readonly seeds: readonly string[];
  /** Words worth putting in. */
  readonly tokens: readonly string[];
  /** The input is bytes (latin1) rather than text. */
  readonly bytes?: boolean;
  /** Throws where the target broke its promise. `random` decides splits and the like; it is seeded per input. */
  readonly check: (input: string, random: Random) => void | Promise<void>;
}

export interface FuzzOptions {
  readonly seed: number;
  /** Inputs to try. */
  readonly runs: number;
  readonly maxLength?: number;
  /** No further batch after this, on the performance clock. */
  readonly until?: number;
}

export interface FuzzResult {
  readonly runs: number;
  /** Inputs that reached something no other had. */
  readonly kept: number;
  /** Blocks of the project's own code reached. */
  readonly blocks: number;
  readonly failure?: { readonly input: string; readonly error: unknown; readonly seed: number };
}

/** Inputs run between two looks at coverage: a look costs about as much as a hundred small inputs. */
const BATCH = 64;

export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const random = new Random(options.seed);
  const corpus = target.seeds.length === 0 ? [''] : [...target.seeds];
  const maxLength = options.maxLength ?? 4_096;
  const coverage = await openCoverage();
  try {
    const failed = async (input: string): Promise<unknown> => {
      try {
        await target.check(input, new Random(hash(input) ^ options.seed));
        return undefined;
      } catch (error) {
        return error ?? new Error('threw nothing');
      }
    };
    const fail = async (input: string, error: unknown, runs: number): Promise<FuzzResult> => ({
      runs,
      kept: corpus.length,
      blocks: coverage.size,
      failure: { input: await shrink(input, failed), error, seed: options.seed },
    });
    for (const seed of target.seeds) {
      const error = await failed(seed);
      if (error !== undefined) return fail(seed, error, 0);
    }
    await coverage.take();
    let run = 0;
    for (; run < options.runs && performance.now() < (options.until ?? Infinity); run += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, options.runs - run) }, () =>
        mutate(corpus, target, random).slice(0, maxLength),
      );
      for (const input of batch) {
        const error = await failed(input);
        if (error !== undefined) return fail(input, error, run);
      }
      if (!(await coverage.take())) continue;
      // Something in the batch was new: again one by one, to know which. What was seen is forgotten for this, so that it shows.
      coverage.forget();
      for (const input of batch) {
        await failed(input);
        if (await coverage.take()) corpus.push(input);
      }
    }
    return { runs: run, kept: corpus.length, blocks: coverage.size };
  } finally {
    await coverage.close();
  }
}

interface Coverage {
  /** Whether blocks ran since the last look that never ran before. */
  take(): Promise<boolean>;
  /** Undoes the last take's memory. */
  forget(): void;
  readonly size: number;
  close(): Promise<void>;
}

async function openCoverage(): Promise<Coverage> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const seen = new Set<string>();
  let fresh: string[] = [];
  return {
    async take() {
      const { result } = await session.post('Profiler.takePreciseCoverage');
      fresh = [];
      for (const script of result) {
        if (!/\/(config|classifiers|sandbox|router)\//.test(script.url) || script.url.includes('node_modules'))
          continue;
        for (const { ranges } of script.functions)
          for (const { startOffset, endOffset, count } of ranges) {
            if (count === 0) continue;
            const key = `${script.scriptId}:${startOffset}:${endOffset}:${Math.min(4, Math.floor(Math.log2(count)))}`;
            if (!seen.has(key)) fresh.push(key);
          }
      }
      for (const key of fresh) seen.add(key);
      return fresh.length > 0;
    },
    forget() {
      for (const key of fresh) seen.delete(key);
    },
    get size() {
      return seen.size;
    },
    async close() {
      await session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
    },
  };
}

function mutate(corpus: readonly string[], target: FuzzTarget, random: Random): string {
  let input = random.pick(corpus);
  for (let step = random.below(4); step >= 0; step -= 1) input = mutateOnce(input, corpus, target, random);
  return input;
}

const EDGES = [
  '\0',
  '\u0001',
  '\t',
  '\n',
  '\r\n',
  ' ',
  '"',
  '\\',
  '/',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '-',
  '0',
  '9',
  'ÿ',
  '\u007f',
  '1e999',
  '-0',
  '00',
];
const WIDE = ['\ud800', '\udfff', '\ufeff', '\u200b', '\u202e', 'ﬀ', '０', '😀', 'é', '\u0301', '\u2028'];

function mutateOnce(input: string, corpus: readonly string[], target: FuzzTarget, random: Random): string {
  const at = random.below(input.length + 1);
  const length = random.below(random.chance(4) ? input.length - at + 1 : 8);
  const insert = (text: string): string => input.slice(0, at) + text + input.slice(at);
  switch (random.below(9)) {
    case 0:
      return input.slice(0, at) + input.slice(at + length);
    case 1:
      return insert(input.slice(random.below(input.length + 1)).slice(0, length));
    case 2:
      return insert(random.pick(target.tokens.length > 0 ? target.tokens : EDGES));
    case 3:
      return insert(random.pick(target.bytes === true ? EDGES : [...EDGES, ...WIDE]));
    case 4:
      return input.slice(0, at) + String.fromCharCode(random.below(256)) + input.slice(at + 1);
    case 5: {
      const other = random.pick(corpus);
      return input.slice(0, at) + other.slice(random.below(other.length + 1));
    }
    case 6:
      return insert(input.slice(at, at + length).repeat(random.below(6)));
    case 7:
      return (
        input.slice(0, at) + random.pick(target.tokens.length > 0 ? target.tokens : EDGES) + input.slice(at + length)
      );
    default:
      return (
        input.slice(0, at) +
        String.fromCharCode(input.charCodeAt(Math.min(at, Math.max(0, input.length - 1))) ^ (1 << random.below(7))) +
        input.slice(at + 1)
      );
  }
}

/** The same failure with less: halves, then single units, as long as it goes on failing. */
async function shrink(input: string, failed: (input: string) => Promise<unknown>): Promise<string> {
  let smallest = input;
  let tries = 0;
  for (
    let size = Math.ceil(smallest.length / 2);
    size >= 1 && tries < 2_000;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < smallest.length && tries < 2_000;) {
      const less = smallest.slice(0, at) + smallest.slice(at + size);
      tries += 1;
      if (less.length < smallest.length && (await failed(less)) !== undefined) smallest = less;
      else at += size;
    }
  }
  return smallest;
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}

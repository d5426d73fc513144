/**
 * How the cost of classification grows: `node test/bench/curve.ts` prints JSON, one row per point. `size`: prompts of 1 KB to 1 MB
 * with everything on. `recognizers`: 60 KB and 0 to 2,000 more recognizers, each with two key words that are not in the text.
 * `leaves`: 60 KB in 1 to 1,000 leaves. CPU of this thread, mean of many runs: what neighbours
 * take does not count, though what they do to caches does.
 */
import { createClassifier } from '../../classifiers/classify.ts';
import { definePattern } from '../../classifiers/define-pattern.ts';
import { keywords } from '../../classifiers/recognizer.ts';
import type { Recognizer } from '../../classifiers/recognizer.ts';
import { builtInRecognizers, builtInTaggers } from '../../classifiers/registry.ts';
import type { Segment } from '../../classifiers/segment.ts';
import { Classify } from '../../config/schema.ts';
import { prose, seeded } from './proxy/bodies.ts';

const LABELS = ['public', 'internal', 'confidential', 'restricted'];
const signal = new AbortController().signal;

const more = (count: number): readonly Recognizer[] =>
  Array.from({ length: count }, (_, index) =>
    definePattern({
      name: `more-${index}`,
      entity: 'CUSTOM',
      triggers: [keywords(`zq${index.toString(36)}kx`, `kw${index.toString(36)}zz`)],
      patterns: [{ name: 'value', regex: /\b[A-Z]{3}\d{6}\b/, score: 0.6 }],
    }),
  );

async function cost(texts: readonly string[], extra: number, runs: number): Promise<number> {
  const classifier = createClassifier(Classify.parse({ cacheEntries: 0, deadlineMs: 600_000 }), LABELS, {
    recognizers: [...builtInRecognizers(), ...more(extra)],
    taggers: builtInTaggers(),
  });
  const segments = texts.map<Segment>((text, index) => ({
    pointer: `/messages/${index}/content`,
    role: 'user',
    form: 'text',
    text,
    hint: 'content',
    flow: -1,
  }));
  const once = (): Promise<unknown> => classifier.classify(segments, [], { signal, nearMisses: 'omit' });
  for (let run = 0; run < runs / 2; run++) await once();
  const before = process.threadCpuUsage();
  for (let run = 0; run < runs; run++) await once();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000 / runs;
}

const rows: Record<string, string | number>[] = [];
const add = (curve: string, at: number, units: number, ms: number): void =>
  void rows.push({ curve, at, ms: Number(ms.toFixed(3)), 'ns per unit': Number(((ms * 1e6) / units).toFixed(1)) });

const whole = prose(1 << 20, seeded(1));
for (const size of [1, 4, 16, 64, 256, 1024])
  add('size', size << 10, size << 10, await cost([whole.slice(0, size << 10)], 0, Math.max(4, 1600 / size)));
const sixty = whole.slice(0, 61_440);
for (const extra of [0, 100, 500, 2000]) add('recognizers', extra, sixty.length, await cost([sixty], extra, 40));
for (const leaves of [1, 10, 100, 1000]) {
  const length = Math.floor(sixty.length / leaves);
  const texts = Array.from({ length: leaves }, (_, index) => sixty.slice(index * length, (index + 1) * length));
  add('leaves', leaves, sixty.length, await cost(texts, 0, 30));
}
process.stdout.write(`${JSON.stringify(rows, null, 1)}\n`);

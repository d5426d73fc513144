/**
 * How what Sluice itself does grows: with the prompt, the recognizers, the conversation, the conversations remembered, the placeholders. CPU of this process, medians; writes
 * docs/plots/*.svg and the table in docs/performance.md. `node test/bench/curves/run.ts [--quick]`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClassifier } from '../../../classifiers/classify.ts';
import { builtInRecognizers, builtInTaggers } from '../../../classifiers/registry.ts';
import { Classify } from '../../../config/schema.ts';
import { KnownValues } from '../../../router/json/known-values.ts';
import { parseJson } from '../../../router/json/parse.ts';
import { createMasker } from '../../../router/masking/mask.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import { createMaskStore } from '../../../router/masking/store.ts';
import { openaiChat } from '../../../router/protocols/openai-chat.ts';
import { createSessionMemory, traceConversation } from '../../../router/sessions/memory.ts';
import { openFileStore } from '../../../router/store/store.ts';
import { prose, seeded } from '../proxy/bodies.ts';
import { median } from '../proxy/statistics.ts';
import { drawPlot, type Point, slopeOf } from './line-plot.ts';

const isQuick = process.argv.includes('--quick');
const ROUNDS = isQuick ? 5 : 11;
const LABELS = ['public', 'internal', 'confidential', 'restricted'];
const LIMITS = { maxDepth: 64, maxLeaves: 500_000 };
const KEY = Buffer.alloc(32, 7);
const signal = new AbortController().signal;

const cpuMicros = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** Median CPU of one call, over calls long enough to be measured. */
async function cost(work: (round: number) => Promise<void> | void, repeats: number): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = cpuMicros();
    for (let each = 0; each < repeats; each += 1) await work(round * repeats + each);
    rounds.push((cpuMicros() - before) / repeats);
  }
  return median(rounds.slice(1));
}

const classifierOf = (share = 1) => {
  const recognizers = builtInRecognizers();
  return createClassifier(Classify.parse({ deadlineMs: 60_000 }), LABELS, {
    recognizers: recognizers.slice(0, Math.ceil(recognizers.length * share)),
    taggers: builtInTaggers(),
  });
};
type AnyClassifier = ReturnType<typeof classifierOf>;

/** What every chat costs before it is sent: parse, shape, classification, trace, the door. */
async function turn(body: object, classifier: AnyClassifier, recall?: Parameters<typeof parseJson>[2]): Promise<void> {
  const parsed = parseJson(Buffer.from(JSON.stringify(body)), LIMITS, recall);
  if (parsed.kind === 'problem') throw new Error(parsed.problem.code);
  const read = openaiChat.read(parsed.document);
  if (read.kind === 'problem' || read.blocks === undefined) throw new Error('no chat');
  await classifier.classifyBlocks(read.blocks.blocks, read.blocks.gaps, { signal, nearMisses: 'omit' });
  traceConversation(KEY, 'p', read.chat.messages, [], read.blocks.messageKeys);
  classifier.rescan(
    openaiChat.forUpstream(parsed.document, { model: 'm', stream: true, includeUsage: true }),
    'public',
  );
}

interface Curve {
  readonly file: string;
  readonly title: string;
  readonly xName: string;
  points(): Promise<readonly Point[]>;
}

let fresh = 1;
/** Text that was never seen. */
const newText = (chars: number): string => prose(chars, seeded((fresh += 1)));

const curves: readonly Curve[] = [
  {
    file: 'prompt-size',
    title: 'One new message: CPU by its size',
    xName: 'characters',
    async points() {
      const classifier = classifierOf();
      for (let warm = 0; warm < 200; warm += 1)
        await turn({ messages: [{ role: 'user', content: newText(2_000) }] }, classifier);
      const points: Point[] = [];
      for (const x of [1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000])
        points.push({
          x,
          y: await cost(
            () => turn({ messages: [{ role: 'user', content: newText(x) }] }, classifier),
            Math.max(1, Math.floor(64_000 / x)),
          ),
        });
      return points;
    },
  },
  {
    file: 'recognizers',
    title: 'One new message of 16,000 characters: CPU by recognizers',
    xName: 'recognizers',
    async points() {
      const points: Point[] = [];
      for (const share of [0.05, 0.1, 0.2, 0.4, 0.7, 1]) {
        const classifier = classifierOf(share);
        for (let warm = 0; warm < 20; warm += 1)
          await turn({ messages: [{ role: 'user', content: newText(4_000) }] }, classifier);
        points.push({
          x: Math.ceil(builtInRecognizers().length * share),
          y: await cost(() => turn({ messages: [{ role: 'user', content: newText(16_000) }] }, classifier), 6),
        });
      }
      return points;
    },
  },
  {
    file: 'conversation-length',
    title: 'A turn with one new message: CPU by what was said before (400 characters a message)',
    xName: 'messages before',
    async points() {
      const classifier = classifierOf();
      const recall = { values: new KnownValues(), cut: new Set(['messages']), owner: '' };
      const points: Point[] = [];
      for (const x of [4, 16, 64, 256, 1_024]) {
        const history = Array.from({ length: x }, (_, index) => ({
          role: index % 2 === 0 ? 'user' : 'assistant',
          content: newText(400),
        }));
        await turn({ messages: history }, classifier, recall);
        points.push({
          x,
          y: await cost(
            () => turn({ messages: [...history, { role: 'user', content: newText(400) }] }, classifier, recall),
            x > 200 ? 4 : 20,
          ),
        });
      }
      return points;
    },
  },
  {
    file: 'sessions',
    title: 'What a conversation is remembered for: CPU of a look by conversations remembered',
    xName: 'marks held',
    async points() {
      const opened = await openFileStore(undefined, { key: KEY, ladder: LABELS, maxEntries: 2_000_000 });
      if (opened.kind === 'failed') throw new Error(opened.reason);
      const { marks, bands } = opened.store;
      const memory = createSessionMemory({ key: KEY, ladder: LABELS, marks, bands });
      const messages = Array.from({ length: 20 }, (_, index) => ({
        role: index % 2 === 0 ? ('user' as const) : ('assistant' as const),
        content: [{ kind: 'text' as const, text: newText(300) }],
        toolCalls: [],
        toolCallId: '',
        name: '',
      }));
      const trace = traceConversation(KEY, 'p', messages, []);
      const points: Point[] = [];
      let held = 0;
      for (const x of isQuick ? [10, 1_000, 100_000] : [10, 100, 1_000, 10_000, 100_000, 1_000_000]) {
        for (; held < x; held += Math.min(5_000, x - held))
          await marks.raise(
            Array.from({ length: Math.min(5_000, x - held) }, (_, index) =>
              (held + index).toString(16).padStart(64, '0'),
            ),
            'restricted',
            true,
          );
        points.push({ x, y: await cost(() => memory.recall(trace).then(() => undefined), 300) });
      }
      await opened.store.close();
      return points;
    },
  },
  {
    file: 'placeholders',
    title: 'Masking a message and restoring a reply that names every value: CPU by values',
    xName: 'values masked',
    async points() {
      const classifier = classifierOf();
      const points: Point[] = [];
      for (const x of [1, 4, 16, 64, 256, 1_024]) {
        const address = (index: number, round: number): string => `person${index}x${round}@acme-mail.com`;
        const prepared = await Promise.all(
          Array.from({ length: ROUNDS * 2 }, async (_, round) => {
            const text = Array.from(
              { length: x },
              (_unused, index) => `Write to ${address(index, round)} about it.`,
            ).join(' ');
            const parsed = parseJson(
              Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: text }] })),
              LIMITS,
            );
            if (parsed.kind === 'problem') throw new Error(parsed.problem.code);
            const read = openaiChat.read(parsed.document);
            if (read.kind === 'problem') throw new Error(read.problem.code);
            const { verdict } = await classifier.classify(read.segments, [], { signal, nearMisses: 'omit' });
            return { document: parsed.document, findings: verdict.findings };
          }),
        );
        const store = createMaskStore(KEY);
        points.push({
          x,
          y: await cost((round) => {
            const { document, findings } = prepared[round] as (typeof prepared)[number];
            const map = store.open('p', `conversation ${round} of ${x}`);
            const masked = createMasker(map).mask(document, findings);
            if (masked.kind !== 'masked' || masked.count !== x) throw new Error(`not masked: ${masked.kind}`);
            const restorer = createRestorer(map);
            for (const piece of masked.source.match(/[\s\S]{1,40}/g) ?? []) restorer.push('0', piece, 'text');
          }, 2),
        });
      }
      return points;
    },
  },
];

const rows = [
  '| plot | from | to | CPU there | growth at the larger half (1 is linear) |',
  '| --- | --- | --- | --- | --- |',
];
const folder = join(import.meta.dirname, '../../../docs');
for (const curve of curves) {
  const points = await curve.points();
  writeFileSync(join(folder, 'plots', `${curve.file}.svg`), drawPlot({ ...curve, points }));
  const [first, last] = [points[0], points.at(-1)];
  const row = `| [${curve.title}](plots/${curve.file}.svg) | ${first?.x} ${curve.xName} | ${last?.x} | ${first?.y.toFixed(0)} to ${last?.y.toFixed(0)} µs | ${slopeOf(points).toFixed(2)} |`;
  rows.push(row);
  process.stderr.write(`${row}  ${points.map(({ x, y }) => `${x}: ${y.toFixed(0)}`).join(', ')}\n`);
}
if (!isQuick) {
  const page = join(folder, 'performance.md');
  const text = readFileSync(page, 'utf8');
  writeFileSync(
    page,
    text.replace(
      /(<!-- curves -->\n)[\s\S]*?(<!-- end curves -->)/,
      (_, open: string, close: string) => `${open}${rows.join('\n')}\n${close}`,
    ),
  );
}
process.stdout.write(`${rows.join('\n')}\n`);

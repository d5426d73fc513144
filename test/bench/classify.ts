/**
 * Cost of classification: `node test/bench/classify.ts [--json]`. CPU per UTF-16 unit for the one pass alone, for the
 * structured tier and for everything, on texts of the kinds agents send; then the worst texts we know at 1 MB, with
 * the longest time the event loop was held. Prints to stdout; no test reads it.
 */
import { parseArgs } from 'node:util';
import { createClassifier } from '../../classifiers/classify.ts';
import type { Classifier } from '../../classifiers/classifier.ts';
import { createReader } from '../../classifiers/read.ts';
import { builtInRecognizers, builtInTaggers } from '../../classifiers/registry.ts';
import { isBytes } from '../../classifiers/skim/skim.ts';
import { Scan } from '../../classifiers/scan/scan.ts';
import type { Segment } from '../../classifiers/segment.ts';
import { Classify } from '../../config/schema.ts';

const LABELS = ['public', 'internal', 'confidential', 'restricted'];
const { values: flags } = parseArgs({
  options: { json: { type: 'boolean', default: false }, worst: { type: 'boolean', default: true } },
});

const ENGLISH =
  'The committee met on Tuesday to review the draft, and most of the members agreed that the second chapter needs a clearer argument. ' +
  'If the number of readers keeps growing at this pace, the account given in the introduction will have to change: it was written in 2019, when ' +
  'nobody expected 40 percent more traffic. Please explain how the index is rebuilt, which key questions remain, and why the tax section was cut. ';
const CODE =
  'export async function readConfig(path: string, options: Options = {}): Promise<Config> {\n  const source = await readFile(path, "utf8");\n' +
  '  const parsed = parse(source, { maxDepth: options.maxDepth ?? 64, onError: (e) => log.warn({ code: e.code, line: e.line }) });\n' +
  '  if (parsed.version !== 1) throw new ConfigError("CFG_VERSION", `unsupported version ${parsed.version}`);\n  return freeze({ ...defaults, ...parsed });\n}\n' +
  'const TABLE_SIZE = 1 << 16; // 65536 entries, sha 9f2c1e7ab34d55c0e7a1b2c3d4e5f60718293a4b\n\n';
const LOG = (index: number): string =>
  `{"time":"2026-03-04T10:11:${String(index % 60).padStart(2, '0')}.${String(100 + (index % 900))}Z","level":"info","pid":${4000 + (index % 97)},"requestId":"3f1c2b7e-8d4a-4c1b-9e2f-${(0x10000000 + index * 7919).toString(16)}5a6b","route":"/v1/items/${index * 31}","status":200,"durationMs":${(index * 37) % 1000}.25,"bytes":${index * 1021}}\n`;
const DIRTY = (index: number): string =>
  `Customer ${index}: write to jane.doe${index}@example-mail.org or call +1 212 555 ${String(1000 + (index % 9000))}; card 4539 1488 0343 6467, ` +
  'IBAN DE89 3704 0044 0532 0130 00, the rest of this note is ordinary text about the delivery and what was agreed on the phone last week. ';

const fill = (size: number, piece: (index: number) => string): string => {
  let text = '';
  for (let index = 0; text.length < size; index++) text += piece(index);
  return text.slice(0, size);
};
const TEXTS: Readonly<Record<string, (size: number) => string>> = {
  english: (size) => fill(size, () => ENGLISH),
  code: (size) => fill(size, () => CODE),
  json: (size) => fill(size, LOG),
  dirty: (size) => fill(size, DIRTY),
  german: (size) =>
    fill(
      size,
      () =>
        'Die Prüfung der Unterlagen für das Quartal läuft; über größere Änderungen möchten wir später sprechen, weil Müller zurzeit fehlt. ',
    ),
  chinese: (size) => fill(size, () => '请解释一下这个系统的架构设计，以及为什么第二部分需要重新编写。谢谢你的帮助！'),
};
const WORST: Readonly<Record<string, (size: number) => string>> = {
  'a.a.a.': (size) => 'a.'.repeat(size / 2),
  'a@a.': (size) => 'a@a.'.repeat(size / 4),
  '@@@@': (size) => '@'.repeat(size),
  digits: (size) => '4539148803436467'.repeat(size / 16),
  'digit pairs': (size) => '12 34 '.repeat(size / 6),
  'digits with marks': (size) => '1-'.repeat(size / 2),
  backslashes: (size) => '\\'.repeat(size),
  '\\u0041': (size) => '\\u0034\\u0031'.repeat(size / 12),
  '%41': (size) => '%34%31'.repeat(size / 6),
  '&#52;': (size) => '&#52;'.repeat(size / 5),
  'base64 noise': (size) =>
    fill(size, (index) =>
      Buffer.from(`${index * 2654435761}`.repeat(9))
        .toString('base64')
        .slice(0, 70)
        .split('')
        .toReversed()
        .join(''),
    ),
  'base64 of digits': (size) => Buffer.from('4539148803436467 '.repeat(size / 23)).toString('base64'),
  'base64 lines': (size) =>
    `${Buffer.from('call 4539148803436467 and 555 now, then some more.').toString('base64')}\n`.repeat(size / 70),
  hex: (size) =>
    Buffer.from('4539148803436467 ')
      .toString('hex')
      .repeat(size / 34),
  'key words': (size) => 'password= passport number iban ssn card tax '.repeat(size / 44),
  'token starts': (size) => 'sk-ghp_AKIAxoxb-eyJglpat-AIza'.repeat(size / 29),
  'line breaks': (size) => '1a@\n2b'.repeat(size / 6),
  'single characters': (size) => 'a 1 '.repeat(size / 4),
  'look-alikes': (size) => '1O0l '.repeat(size / 5),
  'number words': (size) => 'four five '.repeat(size / 10),
  'zero width': (size) => '4\u200b'.repeat(size / 2),
  combining: (size) => 'e\u0301'.repeat(size / 2),
  'mixed scripts': (size) => 'а1bс'.repeat(size / 4),
  'one letter': (size) => 'a'.repeat(size),
  colons: (size) => '0f:'.repeat(size / 3),
  'uuid soup': (size) => '3f1c2b7e-8d4a-4c1b-9e2f-10005a6b '.repeat(size / 33),
  'capital words': (size) => 'John Smith Mary Jones '.repeat(size / 22),
  'begin blocks': (size) => '-----BEGIN '.repeat(size / 11),
  urls: (size) => 'https://u:p@h/'.repeat(size / 14),
};

const segmentOf = (text: string): Segment => ({
  pointer: '/messages/0/content',
  role: 'user',
  form: 'text',
  text,
  hint: 'content',
  flow: 0,
});
const signal = new AbortController().signal;
const cold = (tiers: 'structured' | 'all'): Classifier =>
  createClassifier(Classify.parse({ cacheEntries: 0, deadlineMs: 600_000 }), LABELS, {
    recognizers: builtInRecognizers(),
    taggers: tiers === 'all' ? builtInTaggers() : [],
  });

async function percentiles(
  rounds: number,
  run: () => unknown,
): Promise<{ readonly cpu: number; readonly p50: number; readonly p99: number }> {
  const times: number[] = [];
  for (let round = 0; round < rounds / 2; round++) await run();
  const before = process.threadCpuUsage();
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  const { user, system } = process.threadCpuUsage(before);
  times.sort((left, right) => left - right);
  return {
    cpu: (user + system) / 1000 / rounds,
    p50: times[Math.floor(times.length / 2)] ?? 0,
    p99: times[Math.floor(times.length * 0.99)] ?? 0,
  };
}

const rows: Record<string, string | number>[] = [];
const show = (row: Record<string, string | number>): void => {
  rows.push(row);
  if (!flags.json)
    process.stdout.write(
      `${Object.entries(row)
        .map(([key, value]) => `${key} ${typeof value === 'number' ? value.toFixed(3) : value}`)
        .join('  ')}\n`,
    );
};

const reader = createReader(builtInRecognizers(), []);
const structured = cold('structured');
const everything = cold('all');
for (const [name, make] of Object.entries(TEXTS)) {
  for (const size of [2048, 61_440]) {
    const text = make(size);
    const rounds = size > 10_000 ? 60 : 900;
    const pass = await percentiles(rounds, () =>
      new Scan(reader.plan, text, Infinity, isBytes(text) ? reader.skim() : undefined).advance(Infinity),
    );
    const first = await percentiles(rounds, () =>
      structured.classify([segmentOf(text)], [], { signal, nearMisses: 'omit' }),
    );
    const whole = await percentiles(rounds, () =>
      everything.classify([segmentOf(text)], [], { signal, nearMisses: 'omit' }),
    );
    show({
      text: name,
      units: size,
      'scan ns/unit': (pass.cpu * 1e6) / size,
      'structured ms': first.p50,
      'structured p99': first.p99,
      'structured ns/unit': (first.cpu * 1e6) / size,
      'all ms': whole.p50,
      'all p99': whole.p99,
      'all ns/unit': (whole.cpu * 1e6) / size,
    });
  }
}

if (flags.worst) {
  for (const [name, make] of Object.entries(WORST)) {
    const text = make(1 << 20);
    let longest = 0;
    let last = performance.now();
    let watching = true;
    const watch = (): void => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (watching) setImmediate(watch);
    };
    setImmediate(watch);
    await new Promise((resolve) => setImmediate(resolve));
    longest = 0;
    const cpu = process.cpuUsage();
    const start = performance.now();
    const { verdict } = await everything.classify([segmentOf(text)], [], { signal, nearMisses: 'omit' });
    const wall = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    await new Promise((resolve) => setImmediate(resolve));
    watching = false;
    show({
      worst: name,
      'wall ms': wall,
      'cpu ms': (user + system) / 1000,
      'longest block ms': longest,
      verdict: verdict.kind,
      gaps:
        verdict.kind === 'unknown'
          ? [...new Set(verdict.gaps.map((gap) => `${gap.classifier}:${gap.cause}`))].slice(0, 3).join(' ')
          : '',
    });
  }
}
if (flags.json) process.stdout.write(`${JSON.stringify(rows, null, 1)}\n`);

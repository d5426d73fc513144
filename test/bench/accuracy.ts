/**
 * docs/accuracy.md from labelled rows: `node test/bench/accuracy.ts ROWS.jsonl [--evasion FILE] [--modules DIR] [--findings NAME=FILE]`. Prints Markdown:
 * rates by source and entity, other detectors on the same rows, the bars and whether each is met. Never prints text of a row. `--modules` is a folder
 * outside this project with node_modules of detectors to compare with; `--findings` are JSON lines `{id, findings: [{entity, start, end}]}` made by a tool
 * that does not run here.
 */
import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Redactor } from '@redactpii/node';
import { loadConfig, parseConfig } from '../../config/load.ts';
import { answers, groupOf } from '../../router/evaluation/entity-names.ts';
import { createJudge } from '../../router/evaluation/judge.ts';
import type { EvaluationRow } from '../../router/evaluation/row.ts';
import { readRows } from '../../router/evaluation/rows.ts';
import { percent } from '../../router/evaluation/table.ts';
import { type Rate, rate, Tally, type Totals } from '../../router/evaluation/tally.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    evasion: { type: 'string' },
    modules: { type: 'string' },
    config: { type: 'string' },
    findings: { type: 'string', multiple: true, default: [] },
    /** Said under the comparison, and under the bars: what numbers cannot say. */
    note: { type: 'string', default: '' },
    remark: { type: 'string', default: '' },
    date: { type: 'string', default: new Date().toISOString().slice(0, 10) },
  },
});
const [rowsFile] = positionals;
if (rowsFile === undefined) throw new Error('name a file of labelled rows');

/** Where the public data sets come from. A source that is not here is printed under its own name. */
const SOURCES: Readonly<Record<string, string>> = {
  'presidio-research': 'presidio-research, synthetic PII templates (MIT)',
  'asq-phi': 'ASQ-PHI, clinical queries and hard negatives (MIT)',
  'gitleaks-rules': 'gitleaks, samples of its rules and look-alikes (MIT)',
  gsm8k: 'GSM8K (MIT)',
  mmlu: 'MMLU through RouteLLM (MIT / Apache-2.0)',
  'arena-hard': 'arena-hard (Apache-2.0)',
  'self-instruct-user': 'self-instruct, user-oriented (Apache-2.0)',
  'semantic-router-kb': 'semantic-router exemplars (Apache-2.0)',
  wnut17: 'WNUT17, names in tweets (CC-BY 4.0)',
};
/** Real questions of every kind, no PII wanted in them. */
const ORDINARY = ['gsm8k', 'mmlu', 'arena-hard', 'self-instruct-user', 'semantic-router-kb'];

interface Span {
  readonly entity: string;
  readonly start: number;
  readonly end: number;
}
interface Detector {
  readonly name: string;
  /** Whether it would keep the row, and where; spans are undefined for tools that give none. */
  find(
    row: EvaluationRow,
    text: string,
  ): Promise<{ readonly flagged: boolean; readonly spans: readonly Span[] | undefined }>;
}

const loaded = flags.config === undefined ? parseConfig('version: 1', 'accuracy', {}) : loadConfig(flags.config, {});
if (loaded.kind === 'invalid') throw new Error('configuration');
const created = createJudge(loaded.config);
if (created.kind === 'invalid') throw new Error('policy');
const { judge } = created;

const others: Detector[] = [
  packaged(),
  ...modules(flags.modules),
  ...(await Promise.all(flags.findings.map(recorded))),
];
const tally = new Tally({ misses: 0 });
const found = new Map<string, number>();
const recalled = new Map<string, number>();
const add = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);
/** Sources no policy speaks about: names of public figures. */
const NAMES_ONLY = new Set(['wnut17']);

// The first requests of a process run before the compiler has seen them.
for await (const each of readRows(rowsFile)) {
  if (each.kind === 'problem' || each.row.line > 500) break;
  await judge.judge(each.row, { nearMisses: 'omit' });
}
for await (const each of readRows(rowsFile)) {
  if (each.kind === 'problem') throw new Error(`line ${each.line}: ${each.message}`);
  const { row } = each;
  if (row.label === undefined) throw new Error(`line ${row.line}: no label`);
  const judged = await judge.judge(row, { nearMisses: 'omit' });
  if (judged.kind === 'problem') throw new Error(`line ${row.line}: ${judged.code}`);
  tally.add(row, row.label, judged);
  const text = textOf(row);
  if (text === undefined || NAMES_ONLY.has(row.source)) continue;
  for (const other of others) {
    const answer = await other.find(row, text);
    if (answer.flagged) add(found, `${other.name} ${row.source} ${row.label}`);
    if (answer.spans === undefined) continue;
    for (const gold of row.spans ?? [])
      if (
        answer.spans.some((span) => answers(span.entity, gold.type) && span.start < gold.end && gold.start < span.end)
      )
        add(recalled, `${other.name} ${groupOf(gold.type)}`);
  }
}
const report = tally.report();
const evasion = flags.evasion === undefined ? undefined : await readEvasion(flags.evasion);
print();

function textOf(row: EvaluationRow): string | undefined {
  const body = JSON.parse(row.request) as { readonly messages?: readonly { readonly content?: unknown }[] };
  const content = body.messages?.[0]?.content;
  return body.messages?.length === 1 && typeof content === 'string' ? content : undefined;
}

function packaged(): Detector {
  const redactor = new Redactor({ apiKey: null });
  const version = versionIn('node_modules/@redactpii/node/package.json');
  return {
    name: `@redactpii/node ${version}`,
    find: (_, text) => Promise.resolve({ flagged: redactor.hasPII(text), spans: undefined }),
  };
}

function modules(folder: string | undefined): readonly Detector[] {
  if (folder === undefined) return [];
  const root = resolve(folder);
  const load = createRequire(`${root}/node_modules/`);
  const { SyncRedactor } = load('redact-pii') as { SyncRedactor: new () => { redact(text: string): string } };
  const { OpenRedaction } = load('openredaction') as {
    OpenRedaction: new () => { detect(text: string): Promise<{ readonly detections: readonly unknown[] }> };
  };
  const redactor = new SyncRedactor();
  const open = new OpenRedaction();
  return [
    {
      name: `redact-pii ${versionIn(`${root}/node_modules/redact-pii/package.json`)}`,
      find: (_, text) => Promise.resolve({ flagged: redactor.redact(text) !== text, spans: undefined }),
    },
    {
      name: `openredaction ${versionIn(`${root}/node_modules/openredaction/package.json`)}`,
      find: async (_, text) => ({ flagged: (await open.detect(text)).detections.length > 0, spans: undefined }),
    },
  ];
}

async function recorded(argument: string): Promise<Detector> {
  const at = argument.indexOf('=');
  const byId = new Map<string, readonly Span[]>();
  for await (const line of createInterface({ input: createReadStream(argument.slice(at + 1)) })) {
    const each = JSON.parse(line) as { readonly id: string; readonly findings: readonly Span[] };
    byId.set(each.id, each.findings);
  }
  return {
    name: argument.slice(0, at),
    find: (row) => {
      const spans = byId.get(row.id);
      if (spans === undefined) throw new Error(`line ${row.line}: ${argument.slice(0, at)} has no answer`);
      return Promise.resolve({ flagged: spans.length > 0, spans });
    },
  };
}

function versionIn(path: string): string {
  return (JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }).version;
}

async function readEvasion(file: string): Promise<ReadonlyMap<string, Rate>> {
  const tiers = (await createInterfaceLines(file)).map((line) => (JSON.parse(line) as { readonly tier: string }).tier);
  const counts = new Map<string, { held: number; rows: number }>();
  let index = 0;
  for await (const each of readRows(file)) {
    if (each.kind === 'problem') throw new Error(`line ${each.line}: ${each.message}`);
    const judged = await judge.judge(each.row, { nearMisses: 'omit' });
    if (judged.kind === 'problem') throw new Error(`line ${each.row.line}: ${judged.code}`);
    const key = `${tiers[index] ?? ''} ${each.row.label ?? ''}`;
    const count = counts.get(key) ?? { held: 0, rows: 0 };
    counts.set(key, { held: count.held + (judged.held ? 1 : 0), rows: count.rows + 1 });
    index += 1;
  }
  return new Map([...counts].map(([key, { held, rows }]) => [key, rate(held, rows)]));
}

async function createInterfaceLines(file: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) if (line.trim() !== '') lines.push(line);
  return lines;
}

function line(...cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}
function head(...cells: readonly string[]): void {
  line(...cells);
  line(...cells.map(() => '---'));
}
function counted(each: Rate | undefined): string {
  return each === undefined || each.of === 0 ? '–' : `${percent(each.share)} (${each.hits}/${each.of})`;
}

function sourceOf(name: string): Totals | undefined {
  return report.sources.find((each) => each.source === name);
}
function pooled(names: readonly string[], measure: (totals: Totals) => Rate): Rate {
  const rates = names
    .map((name) => sourceOf(name))
    .filter((each) => each !== undefined)
    .map(measure);
  return rate(
    rates.reduce((sum, each) => sum + each.hits, 0),
    rates.reduce((sum, each) => sum + each.of, 0),
  );
}
function recallOf(entities: readonly string[]): Rate {
  const scores = report.overall.entities.filter(({ entity }) => entities.includes(entity));
  return rate(
    scores.reduce((sum, each) => sum + each.recallOverlap.hits, 0),
    scores.reduce((sum, each) => sum + each.recallOverlap.of, 0),
  );
}

function print(): void {
  say('# Accuracy');
  say();
  say(
    `Made on ${flags.date} by \`node test/bench/accuracy.ts ROWS.jsonl --evasion EVASION.jsonl --modules DIR --findings NAME=FILE --note … --remark …\` with the default policy, on ${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), shared with other work. Numbers only; no row is stored here.`,
  );
  say();
  say(
    '**Read with care.** These rows were at hand while the classifiers were built, so the numbers are no promise for text nobody has seen. The secrets set was generated from rules of gitleaks and flatters whoever uses rules like them. *Caught* and *flagged* mean kept from a cloud upstream: sensitive, unreadable, or an attempt on the policy. Measure your own with [`sluice evaluate`](tuning.md).',
  );
  say();
  say('## By source');
  say();
  head('source', 'rows', 'sensitive caught', 'safe flagged', 'unknown', 'p50 ms', 'p99 ms');
  for (const each of [report.overall, ...report.sources])
    line(
      each.source === '' ? 'all' : (SOURCES[each.source] ?? each.source),
      String(each.rows),
      counted(each.sensitiveCaught),
      counted(each.safeFlagged),
      counted(each.unknown),
      each.p50Ms.toFixed(2),
      each.p99Ms.toFixed(2),
    );
  say();
  say(
    '`safe flagged` counts rows labelled safe or presumed safe. Milliseconds are of classification alone, each row read for the first time.',
  );
  say();
  printOthers();
  printEntities();
  printBars();
}

function printOthers(): void {
  say('## Side by side');
  say();
  say(
    'Share of the same rows flagged: of sensitive rows higher is better, of safe rows lower. Each tool as it comes, without tuning.',
  );
  say();
  if (flags.note !== '') {
    say(flags.note);
    say();
  }
  head('source and label', 'rows', 'Sluice', ...others.map((each) => each.name));
  for (const { source, labels } of report.sources) {
    if (NAMES_ONLY.has(source)) continue;
    for (const { label, rows, held } of labels)
      if (label === 'sensitive' || label === 'safe' || label === 'presumed_safe')
        line(
          `${source}, ${label.replace('_', ' ')}`,
          String(rows),
          percent(held / rows),
          ...others.map((each) => percent((found.get(`${each.name} ${source} ${label}`) ?? 0) / rows)),
        );
  }
  say();
}

function printEntities(): void {
  const withSpans = others.filter((each) => [...recalled.keys()].some((key) => key.startsWith(`${each.name} `)));
  say('## By entity');
  say();
  say(
    'Spans as the data sets mark them, names mapped by `router/evaluation/entity-names.ts`; a span is found when a finding of an answering entity overlaps it. Precision is over the sources that mark the entity. A dash: nothing found or not looked for.',
  );
  say();
  head(
    'entity',
    'spans',
    'recall',
    'precision',
    'F2',
    'exact recall',
    'exact precision',
    'exact F2',
    ...withSpans.map((each) => `recall of ${each.name}`),
  );
  const number = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(3));
  for (const each of report.overall.entities)
    line(
      each.entity,
      String(each.spans),
      number(each.recallOverlap.share),
      number(each.precisionOverlap.share),
      number(each.f2Overlap),
      number(each.recallExact.share),
      number(each.precisionExact.share),
      number(each.f2Exact),
      ...withSpans.map((other) => {
        const hits = recalled.get(`${other.name} ${each.entity}`);
        return number(hits === undefined ? undefined : hits / each.spans);
      }),
    );
  say();
}

function printBars(): void {
  say('## Bars');
  say();
  head('bar', 'wanted', 'measured', 'met');
  const bar = (name: string, wanted: string, measured: Rate | undefined, isMet: (share: number) => boolean): void =>
    line(
      name,
      wanted,
      counted(measured),
      measured?.share === undefined ? 'not measured' : isMet(measured.share) ? 'yes' : '**no**',
    );
  const atLeast = (least: number) => (share: number) => share >= least;
  const atMost = (most: number) => (share: number) => share <= most;
  for (const entity of ['EMAIL_ADDRESS', 'CREDIT_CARD', 'IBAN_CODE', 'US_SSN'])
    bar(`${entity} spans found`, '>= 99 %', recallOf([entity]), atLeast(0.99));
  bar('PHONE_NUMBER spans found', '>= 92 %', recallOf(['PHONE_NUMBER']), atLeast(0.92));
  bar('secrets caught (not an independent set)', '>= 90 %', sourceOf('gitleaks-rules')?.sensitiveCaught, atLeast(0.9));
  bar('look-alikes of secrets flagged', '<= 3 %', sourceOf('gitleaks-rules')?.safeFlagged, atMost(0.03));
  bar('clinical queries caught', '>= 97 %', sourceOf('asq-phi')?.sensitiveCaught, atLeast(0.97));
  bar('clinical hard negatives flagged', '<= 2 %', sourceOf('asq-phi')?.safeFlagged, atMost(0.02));
  bar('templated PII caught', '>= 93 %', sourceOf('presidio-research')?.sensitiveCaught, atLeast(0.93));
  bar(
    'ordinary prompts flagged',
    '<= 1.5 %',
    pooled(ORDINARY, (totals) => totals.safeFlagged),
    atMost(0.015),
  );
  bar('evasion, must', '>= 98 %', evasion?.get('must sensitive'), atLeast(0.98));
  bar('evasion, stretch', '>= 60 %', evasion?.get('stretch sensitive'), atLeast(0.6));
  bar('evasion, hard negatives flagged', 'none', evasion?.get('must safe'), atMost(0));
  say();
  if (flags.remark !== '') {
    say(flags.remark);
    say();
  }
  say('Latency of 2 KB, 60 KB and 1 MB texts is measured by `test/bench/classify.ts`.');
}

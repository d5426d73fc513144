/**
 * docs/accuracy.md from labelled rows: `node test/bench/accuracy.ts ROWS.jsonl [--evasion FILE] [--modules DIR] [--findings NAME=FILE] [--independent FILE]`. Prints Markdown:
 * rates by source and entity, other detectors on the same rows, the bars and whether each is met. Never prints text of a row. `--modules` is a folder
 * outside this project with node_modules of detectors to compare with; `--findings` are JSON lines `{id, findings: [{entity, start, end}]}` made by a tool
 * that does not run here.
 */
import { createReadStream } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { loadConfig, parseConfig } from '../../config/load.ts';
import { answers, groupOf } from '../../router/evaluation/entity-names.ts';
import { createJudge } from '../../router/evaluation/judge.ts';
import type { EvaluationRow } from '../../router/evaluation/row.ts';
import { readRows } from '../../router/evaluation/rows.ts';
import { percent } from '../../router/evaluation/table.ts';
import { type Detector, modules, packaged, recorded } from './detectors.ts';
import { type Rate, rate, Tally, type Totals } from '../../router/evaluation/tally.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    evasion: { type: 'string' },
    modules: { type: 'string' },
    config: { type: 'string' },
    findings: { type: 'string', multiple: true, default: [] },
    /** Rows made from public test suites and sources; a source ends in ` @seen` or ` @unseen`, whether its misses were looked at. */
    independent: { type: 'string' },
    'independent-note': { type: 'string', default: '' },
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
  if (text === undefined) continue;
  const isNamesOnly = NAMES_ONLY.has(row.source);
  for (const other of others) {
    if (isNamesOnly && other.isRecorded !== true) continue;
    const answer = await other.find(row, text);
    if (answer.flagged && !isNamesOnly) add(found, `${other.name} ${row.source} ${row.label}`);
    if (answer.spans === undefined) continue;
    for (const gold of row.spans ?? [])
      if (
        answer.spans.some((span) => answers(span.entity, gold.type) && span.start < gold.end && gold.start < span.end)
      )
        add(recalled, `${other.name} ${groupOf(gold.type)}`);
  }
}
const report = tally.report();
const independent = flags.independent === undefined ? undefined : await readIndependent(flags.independent);
const evasion = flags.evasion === undefined ? undefined : await readEvasion(flags.evasion);
print();

function textOf(row: EvaluationRow): string | undefined {
  const body = JSON.parse(row.request) as { readonly messages?: readonly { readonly content?: unknown }[] };
  const content = body.messages?.[0]?.content;
  return body.messages?.length === 1 && typeof content === 'string' ? content : undefined;
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
  printIndependent();
  printOthers();
  printEntities();
  printBars();
}

function printIndependent(): void {
  if (independent === undefined) return;
  say('## Independent sets');
  say();
  say(
    'Made from public test suites and sources that none of the rules were written from. Misses of one half of each, by a hash of the rule or file a row comes from, were looked at for their causes; the other half was only measured.',
  );
  say();
  head('source', 'label', 'held, half looked at', 'held, half not looked at');
  for (const [key, halves] of [...independent].toSorted(([left], [right]) => left.localeCompare(right))) {
    const [source = '', label = ''] = key.split('\t');
    line(source, label.replace('_', ' '), counted(halves.get('seen')), counted(halves.get('unseen')));
  }
  say();
  if (flags['independent-note'] !== '') {
    say(flags['independent-note']);
    say();
  }
}

/** By source and label: how many rows of each half stay inside. */
async function readIndependent(file: string): Promise<ReadonlyMap<string, ReadonlyMap<string, Rate>>> {
  const sets = new Map<string, Map<string, Rate>>();
  for await (const each of readRows(file)) {
    if (each.kind === 'problem') throw new Error(`line ${each.line}: ${each.message}`);
    const judged = await judge.judge(each.row, { nearMisses: 'omit' });
    if (judged.kind === 'problem') throw new Error(`line ${each.row.line}: ${judged.code}`);
    const [source = '', half = 'unseen'] = each.row.source.split(' @');
    const key = `${source}\t${each.row.label ?? ''}`;
    const halves = sets.get(key) ?? new Map<string, Rate>();
    const before = halves.get(half) ?? rate(0, 0);
    halves.set(half, rate(before.hits + (judged.held ? 1 : 0), before.of + 1));
    sets.set(key, halves);
  }
  return sets;
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

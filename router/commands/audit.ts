/**
 * `sluice audit verify | search | export | prove | head | key | prune`: what the chain holds and what it proves. Data on stdout, talk on stderr. Exit 0 when it holds, 1 when it is broken, contradicted or
 * open, 2 when it could not be looked at. Reading writes nothing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { Config } from '../../config/schema.ts';
import { type Audit, openAudit } from '../audit/audit.ts';
import type { AuditRecord } from '../audit/event.ts';
import { parseHead, readHeadFile, HEAD_FILE } from '../audit/head-file.ts';
import { toOcsf } from '../audit/ocsf.ts';
import { type Claim, type Proof, proveNotSent } from '../audit/prove.ts';
import { pruneAudit } from '../audit/retention.ts';
import type { AuditQuery } from '../audit/search.ts';
import { parseRecord, unpack } from '../audit/segment.ts';
import { Verifier } from '../audit/signer.ts';
import { type Head, readSegments } from '../audit/table.ts';
import { type ChainReport, verifyChain } from '../audit/verify.ts';
import { openState } from '../store/open-state.ts';
import { data, dataJson, EXIT, leave, loadOrExit, printable, talk, talkProblems } from './terminal.ts';

interface Shared {
  readonly config?: string;
  readonly json?: boolean;
}
interface Trust extends Shared {
  /** Public keys in place of this installation's own. */
  readonly publicKey: readonly string[];
  readonly head: readonly Head[];
}
interface Filters extends Shared {
  readonly id?: string;
  readonly kind?: string;
  readonly principal?: string;
  readonly route?: string;
  readonly label?: string;
  readonly upstream?: string;
  readonly entity?: string;
  readonly outcome?: string;
  readonly since?: number;
  readonly until?: number;
}

const MAX_TOLD = 20;

export function auditCommand(): Command {
  const audit = new Command('audit').description('The chain of receipts: verify, search, export, prove.');
  trusting(audit.command('verify').description('Read the whole chain: links, records, numbers, signatures.'))
    .option('--every-signature', 'check every signature, not only the last, which covers all before it')
    .action(verify);
  filtered(audit.command('search').description('Records, newest first.'))
    .option('--limit <n>', 'most records', count, 100)
    .action((options: Filters & { readonly limit: number }) =>
      withAudit(options, async (opened) => {
        const page = await opened.search({ ...queryOf(options), limit: options.limit });
        if (options.json === true) dataJson(page.hits);
        else for (const { record } of page.hits) data(printable(line(record)));
        if (page.hits.length === 0) talk('no record is like that');
        if (page.next !== '') talk(`the first ${page.hits.length}; there are more`);
        return EXIT.done;
      }),
    );
  audit
    .command('export')
    .description('All records in order, one JSON object a line.')
    .option('--format <format>', '`jsonl` as they stand in the chain, or `ocsf` for a SIEM', formatOf, 'jsonl')
    .option('--since <time>', 'from this time on (ISO 8601, or 7d, 12h)', time)
    .option('--until <time>', 'up to this time', time)
    .option('-c, --config <file>', 'configuration file (YAML)')
    .action(exportRecords);
  trusting(
    audit
      .command('prove')
      .description('Prove that nothing with a label was sent to a cloud, and say on what that rests.'),
  )
    .requiredOption('--label <label>', 'this label or a higher one')
    .requiredOption('--not-to <where>', '`cloud`: all cloud upstreams together', whereOf)
    .option('--since <time>', 'from this time on (ISO 8601, or 7d, 12h); the beginning when absent', time, 0)
    .option('--until <time>', 'up to this time; now when absent', time)
    .option('--allow-masked', 'sends whose masked text is below the label are no breach')
    .action(prove);
  audit
    .command('head')
    .description('The newest head, `n:hash`: note it elsewhere, and a cut at the end of the chain cannot be hidden.')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .action((options: Shared) =>
      withAudit(options, async (opened) => {
        const head = await opened.head();
        if (head !== undefined) data(`${head.n}:${head.hash}`);
        return head === undefined ? EXIT.failed : EXIT.done;
      }),
    );
  audit
    .command('key')
    .description('The public key that verifies the chain, PEM.')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .action((options: Shared) =>
      withAudit(options, (opened) => {
        data(opened.publicKey.trimEnd());
        return Promise.resolve(EXIT.done);
      }),
    );
  audit
    .command('prune')
    .description('Drop records behind a signed anchor; the rest still verifies. The pruning is itself recorded.')
    .requiredOption('--older-than <days>', 'days', count)
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON')
    .action((options: Shared & { readonly olderThan: number }) =>
      withAudit(options, async (opened) => {
        const pruned = await pruneAudit(opened.log, Date.now() - options.olderThan * 86_400_000);
        if (options.json === true) dataJson({ pruned });
        else talk(`${pruned} records pruned`);
        return EXIT.done;
      }),
    );
  return audit;
}

async function verify(options: Trust & { readonly everySignature?: boolean }): Promise<void> {
  await withAudit(options, async (opened, config, stateDir) => {
    const report = await verifyChain(opened.log.database, {
      verifier: verifierOf(options, opened),
      heads: headsOf(options, stateDir),
      everySignature: options.everySignature === true,
    });
    if (options.json === true) dataJson(report);
    else describeChain(report);
    return report.whole ? EXIT.done : EXIT.failed;
  });
}

async function prove(
  options: Trust & {
    readonly label: string;
    readonly notTo: 'cloud';
    readonly since: number;
    readonly until?: number;
    readonly allowMasked?: boolean;
  },
): Promise<void> {
  await withAudit(options, async (opened, config, stateDir) => {
    if (!config.labels.includes(options.label)) {
      talk(`no label ${printable(options.label)}: the ladder is ${config.labels.join(' < ')}`);
      return EXIT.unusable;
    }
    const claim: Claim = {
      label: options.label,
      notTo: options.notTo,
      since: options.since,
      until: options.until ?? Date.now(),
      masked: options.allowMasked === true ? 'allowed' : 'breach',
    };
    const proof = await proveNotSent(opened.log.database, claim, {
      verifier: verifierOf(options, opened),
      heads: headsOf(options, stateDir),
    });
    if (options.json === true) dataJson(proof);
    else describeProof(proof);
    return proof.result === 'proved' ? EXIT.done : EXIT.failed;
  });
}

async function exportRecords(
  options: Shared & { readonly format: 'jsonl' | 'ocsf'; readonly since?: number; readonly until?: number },
): Promise<void> {
  await withAudit(options, async (opened) => {
    for await (const segment of readSegments(opened.log.database, 0)) {
      for (const bytes of unpack(segment.body) ?? []) {
        const record = parseRecord(bytes);
        if (record === undefined) {
          talk(`segment ${segment.n} holds something that is no record; run \`sluice audit verify\``);
          return EXIT.failed;
        }
        if (record.at < (options.since ?? 0) || record.at > (options.until ?? Infinity)) continue;
        if (options.format === 'ocsf')
          for (const event of toOcsf(record, { n: segment.n, instance: segment.instance })) data(JSON.stringify(event));
        else data(JSON.stringify({ segment: segment.n, instance: segment.instance, ...record }));
      }
    }
    return EXIT.done;
  });
}

function describeChain(report: ChainReport): void {
  const range = report.segments === 0 ? 'empty' : `segments ${report.first} to ${report.head?.n ?? 0}`;
  data(
    `${report.whole ? 'whole' : 'BROKEN'}  ${report.records} records in ${report.segments} segments (${range})${report.to === 0 ? '' : `, ${iso(report.from)} to ${iso(report.to)}`}`,
  );
  if (report.head !== undefined) data(`head    ${report.head.n}:${report.head.hash}`);
  if (report.keys.length > 0) data(`signed  ${report.keys.map(printable).join(', ')}`);
  for (const problem of report.problems.slice(0, MAX_TOLD))
    data(printable(`BROKEN  segment ${problem.n}: ${problem.detail} (${problem.code})`));
  if (report.problems.length > MAX_TOLD) data(`        and ${report.problems.length - MAX_TOLD} more; see --json`);
  for (const note of report.notes.slice(0, MAX_TOLD)) data(printable(`note    segment ${note.n}: ${note.detail}`));
}

function describeProof(proof: Proof): void {
  const { claim, counted } = proof;
  data(
    `${proof.result.toUpperCase()}: nothing labelled ${claim.label} or higher was sent to a ${claim.notTo} from ${claim.since === 0 ? 'the beginning' : iso(claim.since)} to ${iso(claim.until)}${claim.masked === 'allowed' ? ', other than masked below it' : ''}`,
  );
  data(
    `  ${counted.requests} requests, ${counted.requestsWithLabel} with the label (${counted.local} answered locally, ${counted.refused} refused); ${counted.sends} sends to a cloud, ${counted.sendsMaskedWithLabel} of them masked ones of requests with the label`,
  );
  for (const ground of proof.grounds)
    data(
      printable(
        `  ${ground.holds ? 'holds' : 'OPEN '}  ${ground.ground}${ground.detail === '' ? '' : `: ${ground.detail}`}`,
      ),
    );
  for (const breach of proof.breaches.slice(0, MAX_TOLD))
    data(
      printable(
        `  BREACH ${iso(breach.at)} ${breach.id} ${breach.label} to ${breach.upstream}${breach.masked ? ' (masked)' : ''}, record ${breach.i} of ${breach.instance} in segment ${breach.n}`,
      ),
    );
}

function line(record: AuditRecord): string {
  const { i: _, at, kind, ...rest } = record;
  return `${iso(at)}  ${kind.padEnd(8)}  ${JSON.stringify(rest)}`;
}

async function withAudit(
  options: Shared,
  work: (audit: Audit, config: Config, stateDir: string) => Promise<number>,
): Promise<void> {
  const loaded = loadOrExit(options.config);
  const { config } = loaded;
  const state = await openState({ config, environment: process.env });
  if (state.kind === 'invalid') {
    talkProblems(loaded.file, state.problems);
    process.exit(EXIT.unusable);
  }
  const opened = await openAudit({
    config: config.audit,
    installationKey: state.key,
    environment: process.env,
    at: state.auditAt,
  });
  if (opened.kind === 'failed') {
    talkProblems(loaded.file, [{ path: opened.path, message: opened.reason }]);
    process.exit(EXIT.unusable);
  }
  const code = await work(opened.audit, config, state.stateDir);
  await opened.audit.close();
  await state.store.close();
  await leave(code);
}

function trusting(command: Command): Command {
  return command
    .option(
      '--public-key <file>',
      "public key (PEM) that may have signed, in place of this installation's; may be given again",
      append,
      [],
    )
    .option('--head <n:hash>', 'head noted earlier that must be in the chain; may be given again', addHead, [])
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON');
}

function filtered(command: Command): Command {
  return command
    .option('--id <request>', 'request id')
    .option('--kind <kind>', 'request, send, tool, intent, key, reload, admin, start, stop')
    .option('--principal <name>')
    .option('--route <route>', 'local, cloud, cloud-masked, refuse')
    .option('--label <label>')
    .option('--upstream <name>')
    .option('--entity <entity>', 'requests in which it was found')
    .option('--outcome <outcome>')
    .option('--since <time>', 'ISO 8601, or 7d, 12h, 30m', time)
    .option('--until <time>', 'as --since', time)
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON');
}

function queryOf(options: Filters): AuditQuery {
  const { config: _, json: __, ...query } = options;
  return query as AuditQuery;
}

function verifierOf(options: Trust, opened: Audit): Verifier {
  if (options.publicKey.length === 0) return new Verifier([opened.publicKey]);
  try {
    return new Verifier(options.publicKey.map((file) => readFileSync(file, 'utf8')));
  } catch {
    talk('a --public-key cannot be read, or is no public key (PEM)');
    return process.exit(EXIT.unusable);
  }
}

function headsOf(options: Trust, stateDir: string): readonly Head[] {
  const path = join(stateDir, HEAD_FILE);
  const own = existsSync(path) ? readHeadFile(path) : undefined;
  return [...options.head, ...(own === undefined ? [] : [own])];
}

const append = (value: string, before: readonly string[]): readonly string[] => [...before, value];

function addHead(text: string, before: readonly Head[]): readonly Head[] {
  const head = parseHead(text);
  if (head === undefined) throw new InvalidArgumentError('n:hash, as `sluice audit head` prints it');
  return [...before, head];
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function time(text: string): number {
  const ago = /^(\d{1,6})([mhd])$/.exec(text);
  if (ago !== null) return Date.now() - Number(ago[1]) * (UNITS[ago[2] ?? ''] ?? 0);
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new InvalidArgumentError('ISO 8601, or a number with m, h or d');
  return at;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('a number');
  return value;
}

function formatOf(text: string): 'jsonl' | 'ocsf' {
  if (text !== 'jsonl' && text !== 'ocsf') throw new InvalidArgumentError('jsonl or ocsf');
  return text;
}

function whereOf(text: string): 'cloud' {
  if (text !== 'cloud') throw new InvalidArgumentError('It takes `cloud`: all cloud upstreams together.');
  return text;
}

const iso = (at: number): string => new Date(at).toISOString();

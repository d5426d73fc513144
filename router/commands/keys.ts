/** `sluice keys create | list | revoke`: API keys of our own. The key is printed once, on stdout; the store keeps a digest. Exit 1 when there is no such key. */
import { Command, InvalidArgumentError } from 'commander';
import { openAudit } from '../audit/audit.ts';
import type { AuditEvent } from '../audit/event.ts';
import type { AuditLog } from '../audit/log.ts';
import { KeyTerms } from '../../config/access-schema.ts';
import { explainIssues } from '../../config/explain.ts';
import type { Config } from '../../config/schema.ts';
import { name as nameTerm } from '../../config/schema-terms.ts';
import { KeyRing } from '../principals/key-ring.ts';
import type { KeyRecord } from '../principals/key-table.ts';
import type { Role } from '../principals/principal.ts';
import { openState } from '../store/open-state.ts';
import { data, dataJson, EXIT, leave, loadOrExit, printable, talk, talkProblems } from './terminal.ts';

interface Shared {
  readonly config?: string;
  readonly json?: boolean;
}
interface CreateOptions extends Shared {
  readonly role: Role;
  readonly agent?: string;
  readonly expires?: number;
  readonly cloudSees?: string;
  readonly localSees?: string;
  readonly routes?: readonly string[];
  readonly models?: readonly string[];
  readonly tools?: readonly string[];
  readonly budget: readonly (readonly [string, string, number])[];
  readonly rate?: number;
  readonly burst?: number;
}

const DAY_MS = 86_400_000;
const list = (text: string): readonly string[] => text.split(',').filter((each) => each !== '');

export function keysCommand(): Command {
  const keys = new Command('keys').description('API keys of agents and of the admin side.');
  keys
    .command('create <principal>')
    .description(
      'Make a key and print it, once. Keys of one principal share its conversations, so a key is replaced by making a second and revoking the first.',
    )
    .option('--role <role>', '`agent` or `admin`', roleOf, 'agent' as Role)
    .option('--agent <name>', 'agent whose sandbox policy applies')
    .option('--expires <days>', 'days until it ends', positive)
    .option('--cloud-sees <label>', 'highest label a cloud upstream may see of it')
    .option('--local-sees <label>', 'highest label at all; above it is refused')
    .option('--routes <list>', 'routes allowed: local,cloud,cloud-masked', list)
    .option('--models <list>', 'model names honoured, `*` for any run', list)
    .option('--tools <list>', 'sandbox tools allowed, `*` for any run', list)
    .option(
      '--budget <unit/period=amount>',
      'requests, tokens or cost per day or month, as in tokens/day=200000; may be given again',
      addBudget,
      [],
    )
    .option('--rate <n>', 'requests per minute over time', positive)
    .option('--burst <n>', 'requests at once', positive)
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON')
    .action(create);
  keys
    .command('list')
    .description('Keys by id, without what opens anything.')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON')
    .action((options: Shared) =>
      withRing(options, async (ring) => {
        const records = await ring.list();
        if (options.json === true) dataJson(records.map(describe));
        else for (const record of records) data(printable(line(record)));
        if (records.length === 0) talk('no keys yet; make one: sluice keys create NAME');
        return EXIT.done;
      }),
    );
  keys
    .command('revoke <id>')
    .description('End a key. Running instances drop it within a second.')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'print JSON')
    .action((id: string, options: Shared) =>
      withRing(options, async (ring, _, log) => {
        const known = (await ring.list()).find((each) => each.id === id);
        const revoked = await ring.revoke(id);
        if (revoked && known !== undefined) log.append(keyEvent('revoked', known));
        if (options.json === true) dataJson({ id, revoked });
        else talk(revoked ? `revoked ${id}` : 'there is no such key, or it was revoked before');
        return revoked ? EXIT.done : EXIT.failed;
      }),
    );
  return keys;
}

async function create(principal: string, options: CreateOptions): Promise<void> {
  await withRing(options, async (ring, config, log) => {
    if (!nameTerm.safeParse(principal).success) {
      talk('a principal is a name: letters, digits, dots, dashes and underscores');
      return EXIT.unusable;
    }
    const budget: Record<string, Record<string, number>> = {};
    for (const [unit, period, amount] of options.budget) (budget[unit] ??= {})[period] = amount;
    const parsed = KeyTerms.safeParse({
      ...(options.agent === undefined ? {} : { agent: options.agent }),
      ceilings: { cloud: options.cloudSees, local: options.localSees },
      routes: options.routes,
      models: options.models,
      tools: options.tools,
      budget,
      ...(options.rate === undefined
        ? {}
        : { rate: { perMinute: options.rate, ...(options.burst === undefined ? {} : { burst: options.burst }) } }),
    });
    if (!parsed.success) {
      talkProblems('key', explainIssues(KeyTerms, parsed.error.issues));
      return EXIT.unusable;
    }
    for (const label of [options.cloudSees, options.localSees])
      if (label !== undefined && !config.labels.includes(label)) {
        talk(`no label ${label}: the ladder is ${config.labels.join(' < ')}`);
        return EXIT.unusable;
      }
    const expiresAt = options.expires === undefined ? 0 : Date.now() + options.expires * DAY_MS;
    const { key, record } = await ring.create({ principal, role: options.role, terms: parsed.data, expiresAt });
    log.append(keyEvent('created', record));
    if (options.json === true) dataJson({ key, ...describe(record) });
    else {
      talk(`${record.role} key ${record.id} of ${principal}, shown once:`);
      data(key);
    }
    return EXIT.done;
  });
}

async function withRing(
  options: Shared,
  work: (ring: KeyRing, config: Config, log: AuditLog) => Promise<number>,
): Promise<void> {
  const loaded = loadOrExit(options.config);
  const state = await openState({ config: loaded.config, environment: process.env });
  if (state.kind === 'invalid') {
    talkProblems(loaded.file, state.problems);
    process.exit(EXIT.unusable);
  }
  const { config } = loaded;
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
  const { audit } = opened;
  const code = await work(await KeyRing.open(state.store.database, state.key), config, audit.log);
  await audit.close();
  await state.store.close();
  await leave(code);
}

function keyEvent(action: 'created' | 'revoked', record: KeyRecord): AuditEvent {
  return { kind: 'key', action, key: record.id, principal: record.principal, role: record.role, by: 'command-line' };
}

function describe(record: KeyRecord): object {
  const at = (time: number): string | null => (time === 0 ? null : new Date(time).toISOString());
  return {
    id: record.id,
    principal: record.principal,
    role: record.role,
    state: stateOf(record),
    createdAt: at(record.createdAt),
    expiresAt: at(record.expiresAt),
    revokedAt: at(record.revokedAt),
    terms: record.terms,
  };
}

function line(record: KeyRecord): string {
  const terms = JSON.stringify(record.terms);
  return `${record.id}  ${record.role.padEnd(5)}  ${stateOf(record).padEnd(7)}  ${record.principal.padEnd(20)}  ${terms}`;
}

function stateOf(record: KeyRecord): 'live' | 'revoked' | 'expired' {
  if (record.revokedAt !== 0) return 'revoked';
  return record.expiresAt !== 0 && Date.now() >= record.expiresAt ? 'expired' : 'live';
}

function roleOf(text: string): Role {
  if (text !== 'agent' && text !== 'admin') throw new InvalidArgumentError('agent or admin');
  return text;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('a number above 0');
  return value;
}

function addBudget(
  text: string,
  before: readonly (readonly [string, string, number])[],
): readonly (readonly [string, string, number])[] {
  const match = /^(requests|tokens|cost)\/(day|month)=(.+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('as in tokens/day=200000');
  return [...before, [match[1] ?? '', match[2] ?? '', positive(match[3] ?? '')]];
}

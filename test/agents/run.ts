/**
 * Real agents through a real Sluice with scripted models behind it: each has to finish a round with one of its own tools in a workspace of planted values, of which no byte may
 * reach the cloud. `npm run agents -- [--dir DIR] [--only NAME,…] [--write]`. Agents are installed into a folder of their own, never as dependencies,
 * and run in a network namespace that has nothing but loopback; where there is none to be had they are not run.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { canaryOf, leaksIn } from '../helpers/canary.ts';
import { CARD, COMPLEX, startSluice } from '../helpers/sluice.ts';
import { type Agent, AGENTS } from './agents.ts';
import { DONE, scriptedTurn } from './scripted-model.ts';

const { values: options } = parseArgs({
  options: {
    dir: { type: 'string' },
    only: { type: 'string' },
    write: { type: 'boolean' },
    verbose: { type: 'boolean' },
  },
});
const chosen = AGENTS.filter(({ name }) => options.only === undefined || options.only.split(',').includes(name));
const ISOLATED = 'SLUICE_AGENTS_ISOLATED';
const TIMEOUT_MS = 120_000;
/** Plain words of the planted file: that they come back shows that the tool ran. */
const PLAIN = 'the green lamp in the hall is on';
const PLANTED = [CARD, 'jane.roe@corp-mail.example', '+49 1512 3456789'];

interface Row {
  readonly agent: Agent;
  readonly result: 'passed' | 'failed' | 'not run';
  readonly routes: readonly string[];
  readonly seconds: number;
  readonly notes: readonly string[];
}

/** The Node this runs on, before whatever the machine has: some agents want a new one. */
const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;

const talk = (line: string): void => void process.stderr.write(`${line}\n`);

if (process.env[ISOLATED] === undefined) isolate();
else await runAll();

/** Installs, and starts this very script again where nothing but loopback can be reached. */
function isolate(): void {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'sluice-agents-'));
  for (const agent of chosen) {
    const home = join(dir, agent.name);
    if (existsSync(join(home, 'node_modules/.bin', agent.bin))) continue;
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{"private":true}');
    talk(`installing ${agent.package}@${agent.version}`);
    const wanted = `${agent.package}@${agent.version}`;
    const installed = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', wanted], {
      cwd: home,
      stdio: 'ignore',
      env: { ...process.env, PATH },
      timeout: 600_000,
    });
    if (installed.status !== 0) talk(`  npm could not install it`);
  }
  const inside = [
    '-n',
    '--',
    'sh',
    '-c',
    'ip link set lo up && exec "$@"',
    'sh',
    process.execPath,
    ...process.argv.slice(1),
    '--dir',
    dir,
  ];
  const child = spawnSync('unshare', inside, { stdio: 'inherit', env: { ...process.env, [ISOLATED]: '1' } });
  if (child.error !== undefined || child.status === null) {
    talk('no network namespace of our own (unshare -n): agents are not run where they could reach anything else');
    process.exit(1);
  }
  if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
  process.exit(child.status);
}

async function runAll(): Promise<void> {
  const rows: Row[] = [];
  for (const agent of chosen) {
    const row = await runOne(agent, options.dir ?? '');
    rows.push(row);
    talk(
      `${row.result.padEnd(8)} ${agent.name.padEnd(12)} ${row.seconds.toFixed(1)} s  ${row.routes.join(', ')}  ${row.notes.join('; ')}`,
    );
  }
  const table = tableOf(rows);
  process.stdout.write(table);
  if (options.write === true) writeTable(table);
  process.exit(rows.every((row) => row.result === 'passed') ? 0 : 1);
}

async function runOne(agent: Agent, dir: string): Promise<Row> {
  const bin = join(dir, agent.name, 'node_modules/.bin', agent.bin);
  const none = { agent, routes: [], seconds: 0 };
  if (!existsSync(bin)) return { ...none, result: 'not run', notes: ['npm could not install it'] };
  const root = mkdtempSync(join(tmpdir(), 'sluice-agent-'));
  const workspace = join(root, 'workspace');
  const home = join(root, 'home');
  mkdirSync(workspace);
  mkdirSync(home);
  const file = join(workspace, 'notes.txt');
  writeFileSync(file, `${PLAIN}\nCustomer card ${PLANTED[0]}, write to ${PLANTED[1]}, call ${PLANTED[2]}.\n`);
  const sluice = await startSluice({
    homeMore: ', contextTokens: 262144',
    // A first turn of 90 KB, read by code that never ran, beside an agent that is starting on the same cores.
    config: 'classify: { deadlineMs: 20000 }',
    local: {
      models: [{ name: 'small:latest', contextLength: 1_000_000 }],
      reply: ({ body }) => {
        const turn = scriptedTurn(body, file);
        return turn.call === undefined ? { text: turn.text ?? '' } : { toolCalls: [turn.call] };
      },
    },
    cloud: {
      reply: ({ body }) => {
        const turn = scriptedTurn(body, file);
        return turn.call === undefined ? { text: turn.text ?? '' } : { toolCalls: [turn.call] };
      },
    },
    ...(agent.cloud === 'anthropic'
      ? {
          claude: {
            reply: ({ body }) => {
              const { call, text = '' } = scriptedTurn(body, file);
              return call === undefined
                ? { text }
                : { text: 'I read it.', toolCalls: [{ name: call.name, input: call.arguments }] };
            },
          },
        }
      : {}),
  });
  const startedAt = performance.now();
  try {
    const prompt = `${COMPLEX} Begin by reading ${file} with a tool, then say ${DONE}.`;
    const run = agent.prepare({ url: sluice.url, home, workspace, prompt });
    const ended = await start(bin, run.args, workspace, { ...baseEnvironment(home), ...run.environment });
    const seconds = (performance.now() - startedAt) / 1000;
    const requests = sluice
      .logged()
      .split('\n')
      .flatMap((line) =>
        line.includes('"event":"request"') ? [JSON.parse(line) as { route: string; outcome: string }] : [],
      );
    const asked = sluice.sentToCloud() + sluice.local.wire().toString();
    const notes = [
      ...(ended.code === 0 ? [] : [`exit ${ended.code ?? 'by time-out'}`]),
      ...(ended.output.includes(DONE) ? [] : ['it did not say that it was done']),
      ...(asked.split(PLAIN).length > 1 ? [] : ['no result of its tool came back']),
      ...PLANTED.flatMap((value) =>
        leaksIn(canaryOf(value), sluice.sentToCloud()).length > 0 ? ['a planted value reached the cloud'] : [],
      ),
      ...PLANTED.flatMap((value) =>
        leaksIn(canaryOf(value), sluice.logged()).length > 0 ? ['a planted value reached the log'] : [],
      ),
    ];
    if (options.verbose === true || notes.length > 0) {
      talk(ended.output.slice(-3_000));
      talk(requests.map((request) => JSON.stringify(request)).join('\n'));
    }
    const routes = requests.map(({ route, outcome }) => (outcome === 'answered' ? route : `${route} (${outcome})`));
    return { agent, result: notes.length === 0 ? 'passed' : 'failed', routes, seconds, notes };
  } finally {
    await sluice.close();
    rmSync(root, { recursive: true, force: true });
  }
}

/** A clean home, and no way out for those who would look for one. */
function baseEnvironment(home: string): Record<string, string> {
  return {
    PATH,
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    XDG_CACHE_HOME: join(home, '.cache'),
    XDG_STATE_HOME: join(home, '.local/state'),
    TERM: 'dumb',
    NO_COLOR: '1',
    CI: '1',
    DO_NOT_TRACK: '1',
  };
}

function start(
  bin: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(bin, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()));
    const timer = setTimeout(() => end(null), TIMEOUT_MS);
    const end = (code: number | null): void => {
      clearTimeout(timer);
      // What it left running is its own group.
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Gone already.
      }
      resolve({ code, output });
    };
    child.on('error', (error) => {
      output += error.message;
      end(-1);
    });
    child.on('close', (code) => end(code));
  });
}

function tableOf(rows: readonly Row[]): string {
  return [
    '| agent | version | asks | cloud behind | result | where its requests went |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map(
      ({ agent, result, routes, notes }) =>
        `| ${agent.name} | ${agent.version} | \`${agent.surface}\` | ${agent.cloud} | ${[result, ...notes].join(': ')} | ${routes.join(', ')} |`,
    ),
    '',
  ].join('\n');
}

function writeTable(table: string): void {
  const page = join(import.meta.dirname, '../../docs/compatibility.md');
  const [begin, end] = ['<!-- agents: begin -->', '<!-- agents: end -->'];
  const text = readFileSync(page, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to === -1) throw new Error(`docs/compatibility.md has no ${begin}`);
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n${table}${text.slice(to)}`);
}

/** `sluice sandbox attack`: runs a file of attempts to get out. Exit 1 when one did, could not be run, or proves nothing because it does not work unconfined. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { SandboxConfig } from '../../config/sandbox-schema.ts';
import { AttackFile } from '../../sandbox/attack/attack-file.ts';
import { callThroughPlanner } from '../../sandbox/attack/call-through-planner.ts';
import { type AttackReport, type AttemptReport, runAttacks } from '../../sandbox/attack/run-attacks.ts';
import { chooseBackends } from '../../sandbox/broker/choose-backends.ts';
import type { Mode } from '../../sandbox/executor.ts';
import { ALLOW_HOST, toSandboxPolicy } from '../../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../../sandbox/tools/catalogue.ts';
import { HoneyKey } from '../../sandbox/watch/honey.ts';
import { sandboxSettingsOrExit, type SandboxOptions } from './sandbox-settings.ts';
import { data, dataJson, EXIT, leave, readInput, talk } from './terminal.ts';

const MODES: readonly Mode[] = ['bubblewrap', 'docker', 'docker+gvisor', 'host'];

interface AttackOptions extends SandboxOptions {
  readonly backend?: string;
  readonly endpoint?: string;
  readonly only: readonly string[];
}

export function attackCommand(): Command {
  return new Command('attack')
    .description('Run attempts to get out of the sandbox. Their controls run on this machine, unconfined.')
    .argument('<file>', 'attack file (JSON)')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--backend <name>', `${MODES.join(', ')}; sandbox.mode when absent`)
    .option('--endpoint <name>', 'only this one of sandbox.docker.endpoints')
    .option(
      '--only <id>',
      'only this attempt; may be given more than once',
      (id, ids: readonly string[]) => [...ids, id],
      [],
    )
    .option('--json', 'print JSON')
    .action(async (file: string, options: AttackOptions) => leave(await attack(file, options)));
}

async function attack(file: string, options: AttackOptions): Promise<number> {
  const { config } = sandboxSettingsOrExit(options);
  const mode = MODES.find((each) => each === (options.backend ?? config.sandbox.mode));
  if (mode === undefined) {
    talk(`--backend takes one of ${MODES.join(', ')}`);
    return EXIT.unusable;
  }
  if (mode === 'host' && config.sandbox.allowHost !== ALLOW_HOST) {
    talk(`the host backend needs sandbox.allowHost: ${ALLOW_HOST}`);
    return EXIT.unusable;
  }
  const parsed = readAttackFile(file);
  if (parsed === undefined) return EXIT.unusable;
  const missing = options.only.filter((id) => !parsed.attacks.some((each) => each.id === id));
  if (missing.length > 0) {
    talk(`the file has no attempt ${missing.join(', ')}`);
    return EXIT.unusable;
  }
  const report = await attackIn(mode, config.sandbox, config.labels, parsed, options);
  if (report === undefined) return EXIT.failed;
  if (options.json === true) dataJson(report);
  else {
    const { counts, notLive, attempts } = report;
    data(
      `${report.backend}: ${attempts.length} attempts, ${counts.denied} denied, ${counts.flagged} flagged, ${counts.refused} refused, ${counts.ESCAPED} ESCAPED, ${counts['not-run']} not run, ${notLive.length} controls not live`,
    );
  }
  return report.passed ? EXIT.done : EXIT.failed;
}

async function attackIn(
  mode: Mode,
  configured: SandboxConfig,
  labels: readonly string[],
  file: AttackFile,
  options: AttackOptions,
): Promise<AttackReport | undefined> {
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  // What is attacked is the backend: rules per tool and agent would send attempts elsewhere or nowhere.
  const endpoints = configured.docker.endpoints
    .filter(({ name }) => options.endpoint === undefined || name === options.endpoint)
    // What attempts see is planted, and of no label.
    .map((endpoint) => ({ ...endpoint, upToLabel: labels.at(-1) }));
  if (options.endpoint !== undefined && endpoints.length === 0) {
    talk(`there is no endpoint ${options.endpoint}`);
    return undefined;
  }
  const sandbox: SandboxConfig = {
    ...configured,
    docker: { ...configured.docker, endpoints },
    mode,
    workspace: 'rw',
    workspaceRoot: '',
    scope: 'call',
    network: 'none',
    tools: {},
    agents: {},
  };
  // Not the service's: what attempts leave in quarantine is nobody's work.
  const stateDir = mkdtempSync(join(tmpdir(), 'sluice-attack-state-'));
  chmodSync(stateDir, 0o711);
  const site = { scopesRoot: join(stateDir, 'scopes'), egressRoot: join(stateDir, 'egress') };
  const backend = chooseBackends({
    modes: [mode],
    sandbox,
    labels,
    stateDir,
    guarded: [],
    honey: new HoneyKey(),
    ...site,
  }).get(mode);
  try {
    const available = await backend?.available();
    if (backend === undefined || available === undefined || !available.usable) {
      talk(`${mode} is not usable: ${available?.usable === false ? available.reason : 'it is not part of this build'}`);
      return undefined;
    }
    talk(`controls and host checks run on this machine as user ${process.getuid?.() === 0 ? sandbox.uid : 'of yours'}`);
    const policy = toSandboxPolicy(sandbox, labels, BUNDLED_TOOL_NAMES);
    const only = new Set(options.only);
    return await runAttacks(file, backend, {
      uid: sandbox.uid,
      gid: sandbox.uid,
      signal: abort.signal,
      callTool: callThroughPlanner(backend, policy, site, abort.signal),
      ...(endpoints.length === 0 ? {} : { endpoints: endpoints.map(({ name }) => name) }),
      ...(only.size === 0 ? {} : { only: ({ id }) => only.has(id) }),
      ...(options.json === true ? {} : { onAttempt: tell }),
    });
  } catch (error) {
    // The file's own words stay out of what is said about it.
    const message = error instanceof Error && error.message.startsWith('attack file: ') ? error.message : 'fault';
    talk(`the attempts could not be run (${message})`);
    return undefined;
  } finally {
    await backend?.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

function tell(attempt: AttemptReport): void {
  const { id, verdict, expected, control = '', end, guard = '' } = attempt;
  const unlike = verdict === expected ? '' : `(expected ${expected})`;
  data([verdict.padEnd(8), control.padEnd(8), id.padEnd(28), end, guard, unlike].join(' ').trimEnd());
}

function readAttackFile(file: string): AttackFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readInput(file).toString('utf8'));
  } catch {
    talk(`${file} is not JSON`);
    return undefined;
  }
  const parsed = AttackFile.safeParse(value);
  if (parsed.success) return parsed.data;
  talk(`${file} is not an attack file`);
  for (const issue of parsed.error.issues.slice(0, 8)) talk(`  ${issue.path.join('.')}: ${issue.code}`);
  return undefined;
}

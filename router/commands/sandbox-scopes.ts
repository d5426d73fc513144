/**
 * `sluice sandbox list | prune | recreate`: what sessions, agents and shared scopes keep on disk, and what is left on endpoints.
 * Works beside a running service. Fails safe: what a sandbox may still be using is left alone and named.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import type { SandboxConfig } from '../../config/sandbox-schema.ts';
import { careForEndpoints } from '../../sandbox/backends/docker/endpoint-care.ts';
import type { EndpointContents } from '../../sandbox/backends/docker/endpoint-care.ts';
import type { ScopeReport } from '../../sandbox/broker/messages.ts';
import { ScopeStore } from '../../sandbox/broker/scope-store.ts';
import { sandboxSettingsOrExit, type SandboxOptions } from './sandbox-settings.ts';
import { data, dataJson, EXIT, leave, talk } from './terminal.ts';

/** Beyond a call's own time limit: what its start, its end and a proof in between may take. */
const GRACE_MS = 60_000;

interface Scopes {
  readonly store: ScopeStore;
  readonly sandbox: SandboxConfig;
}

export function listCommand(): Command {
  return withOptions(
    new Command('list').description('List scopes that keep a home or a workspace, and what endpoints hold.'),
  ).action(async (options: SandboxOptions) => {
    const { store, sandbox } = openScopes(options);
    const mounted = mountedScopes();
    const rows = (await store.list()).map((scope) => describe(scope, sandbox, mounted));
    const endpoints = await careForEndpoints(sandbox.docker.endpoints, { remove: false });
    if (options.json === true) return dataJson({ scopes: rows, endpoints });
    endpoints.forEach(tellEndpoint);
    for (const row of rows)
      data(
        `${row.key}  made ${row.createdAt}  used ${row.usedAt}  ${row.inUse ? 'in use' : row.expired ? 'expired' : 'kept'}`,
      );
    if (rows.length === 0) talk('no scope keeps anything');
  });
}

export function pruneCommand(): Command {
  return withOptions(
    new Command('prune').description(
      'Delete scopes past sandbox.idleMs or sandbox.maxAgeMs, and what is left over on endpoints.',
    ),
  )
    .option('--all', 'delete every scope that nothing runs in')
    .action(async (options: SandboxOptions & { readonly all?: boolean }) => {
      const scopes = openScopes(options);
      const mounted = mountedScopes();
      const chosen = (await scopes.store.list())
        .map((scope) => describe(scope, scopes.sandbox, mounted))
        .filter((scope) => options.all === true || scope.expired);
      // Ends what a service that was killed began to delete.
      await scopes.store.prune('').catch(() => undefined);
      const endpoints = await careForEndpoints(scopes.sandbox.docker.endpoints, { remove: true });
      report(options, { ...(await remove(scopes, chosen)), endpoints });
      await leave(endpoints.every(({ reason }) => reason === '') ? EXIT.done : EXIT.failed);
    });
}

export function recreateCommand(): Command {
  return withOptions(new Command('recreate').description('Delete one scope; its next call finds a new and empty one.'))
    .argument('<key>', 'key of the scope, or its beginning')
    .action(async (key: string, options: SandboxOptions) => {
      const scopes = openScopes(options);
      const mounted = mountedScopes();
      const found = (await scopes.store.list()).filter(({ scopeKey }) => key.length >= 8 && scopeKey.startsWith(key));
      const [scope] = found;
      if (scope === undefined || found.length > 1) {
        talk(
          found.length > 1
            ? 'more than one scope begins so; give more of its key'
            : 'there is no such scope; "sluice sandbox list" names them (eight characters of a key are enough)',
        );
        process.exit(EXIT.unusable);
      }
      const result = await remove(scopes, [describe(scope, scopes.sandbox, mounted)]);
      report(options, result);
      await leave(result.deleted.length === 1 ? EXIT.done : EXIT.failed);
    });
}

function withOptions(command: Command): Command {
  return command.option('-c, --config <file>', 'configuration file (YAML)').option('--json', 'print JSON');
}

function openScopes(options: SandboxOptions): Scopes {
  const { config, stateDir } = sandboxSettingsOrExit(options);
  const { sandbox } = config;
  const { idleMs, maxAgeMs } = sandbox;
  return { store: new ScopeStore({ root: join(stateDir, 'sandbox', 'scopes'), idleMs, maxAgeMs }), sandbox };
}

interface Described {
  readonly key: string;
  readonly createdAt: string;
  readonly usedAt: string;
  readonly expired: boolean;
  /** Mounted in a process of this machine, or entered so lately that its call may not have ended. */
  readonly inUse: boolean;
}

function describe(scope: ScopeReport, sandbox: SandboxConfig, mounted: ReadonlySet<string>): Described {
  const now = Date.now();
  return {
    key: scope.scopeKey,
    createdAt: new Date(scope.createdAt).toISOString(),
    usedAt: new Date(scope.usedAt).toISOString(),
    expired: now - scope.usedAt > sandbox.idleMs || now - scope.createdAt > sandbox.maxAgeMs,
    inUse: mounted.has(scope.scopeKey) || now - scope.usedAt < longestCall(sandbox) + GRACE_MS,
  };
}

function longestCall(sandbox: SandboxConfig): number {
  const perTool = [sandbox, ...Object.values(sandbox.agents)].flatMap(({ tools }) => Object.values(tools));
  return Math.max(sandbox.timeoutMs, ...perTool.map(({ timeoutMs }) => timeoutMs ?? 0));
}

/**
 * The store knows only what its own process runs. A service's sandboxes show in the mounts of their processes; those that
 * may not be looked at are why time counts too.
 */
function mountedScopes(): ReadonlySet<string> {
  const found = new Set<string>();
  let processes: readonly string[];
  try {
    processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return found;
  }
  for (const id of processes) {
    try {
      const mounts = readFileSync(`/proc/${id}/mountinfo`, 'latin1');
      for (const [, key] of mounts.matchAll(/\/scopes\/([0-9a-f]{64})\//g)) if (key !== undefined) found.add(key);
    } catch {
      // Ended meanwhile, or another user's.
    }
  }
  return found;
}

interface Removed {
  readonly deleted: readonly string[];
  readonly inUse: readonly string[];
  readonly endpoints?: readonly EndpointContents[];
}

function tellEndpoint({ name, reason, containers, leftovers, removed }: EndpointContents): void {
  const gone = removed === 0 ? '' : `, ${removed} removed`;
  data(`endpoint ${name}  ${reason === '' ? `${containers} containers, ${leftovers} left over${gone}` : reason}`);
}

async function remove({ store }: Scopes, chosen: readonly Described[]): Promise<Removed> {
  const deleted: string[] = [];
  const inUse: string[] = [];
  for (const { key, inUse: used } of chosen) {
    if (!used && (await store.prune(key)).length > 0) deleted.push(key);
    else inUse.push(key);
  }
  return { deleted, inUse };
}

function report(options: SandboxOptions, { deleted, inUse, endpoints = [] }: Removed): void {
  if (options.json === true) return dataJson({ deleted, inUse, endpoints });
  endpoints.forEach(tellEndpoint);
  for (const key of deleted) data(`deleted  ${key}`);
  for (const key of inUse) data(`in use   ${key}`);
  if (deleted.length + inUse.length === 0) talk('nothing to delete');
  if (inUse.length > 0) talk('what is in use, or was moments ago, is left alone; try again later');
}

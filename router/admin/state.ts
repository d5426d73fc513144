/** What there is to see of the running Sluice: health, totals, sandbox, configuration. Names, codes and counts; values of people are counted, never shown. */
import type { ChangeSet } from '../../sandbox/guard/change-store.ts';
import { changesDirectory, COPY_LIMITS, createChangeStore } from '../../sandbox/guard/change-store.ts';
import type { SandboxClient } from '../../sandbox/client.ts';
import { describeReadiness } from '../pipeline/readiness.ts';
import { redactConfig } from '../shadow/config-change.ts';
import type { Health, SandboxView, Totals } from './api.ts';
import type { AdminExchange } from './exchange.ts';

const STARTED_AT = Date.now() - Math.round(performance.now());
const MOST_CHANGES = 200;

export async function describeHealth(exchange: AdminExchange, configFile: string): Promise<void> {
  const { context } = exchange;
  const readiness = await describeReadiness(context);
  const memory = process.memoryUsage();
  const health: Health = {
    mode: readiness.mode,
    ready: readiness.ready,
    policy: readiness.policy,
    version: '0.1.0',
    startedAt: STARTED_AT,
    configFile,
    checks: readiness.checks,
    memory: { residentBytes: memory.rss, heapBytes: memory.heapUsed },
    decisionsHeld: context.telemetry.decisions.size,
    sessionMarks: context.memory.size,
    recognizers: context.telemetry.silence.rates(),
    totals: await totalsOf(exchange),
  };
  exchange.reply(health);
}

async function totalsOf({ context }: AdminExchange): Promise<Totals> {
  const { metrics, telemetry } = context;
  const sumBy = async (
    counter: { get(): Promise<{ values: readonly { value: number; labels: Readonly<Record<string, unknown>> }[] }> },
    label: string,
  ): Promise<Readonly<Record<string, number>>> => {
    const sums: Record<string, number> = {};
    for (const { value, labels } of (await counter.get()).values) {
      const key = label === '' ? 'all' : String(labels[label]);
      sums[key] = (sums[key] ?? 0) + value;
    }
    return sums;
  };
  const [requests, tokens, findings, cost, avoided] = await Promise.all([
    sumBy(metrics.requests, 'route'),
    sumBy(metrics.tokens, 'route'),
    sumBy(metrics.findings, 'entity'),
    sumBy(metrics.cost, ''),
    sumBy(metrics.costAvoided, ''),
  ]);
  return {
    requests,
    tokens,
    findings,
    cost: cost['all'] ?? 0,
    costAvoided: avoided['all'] ?? 0,
    currency: telemetry.prices.currency,
  };
}

export async function describeSandbox(exchange: AdminExchange): Promise<void> {
  const { context } = exchange;
  const { executor } = context;
  const status = executor.status();
  const view: SandboxView = {
    ...status,
    scopes: hasScopes(executor) ? await executor.scopes() : [],
    changes: readChanges(context.stateDir),
    events: context.sandboxLog.newest(),
  };
  exchange.reply(view);
}

function hasScopes(executor: object): executor is SandboxClient {
  return 'scopes' in executor;
}

/** What copy-on-write calls would change; a set that cannot be read is left out here and named by `sluice sandbox changes`. */
function readChanges(stateDir: string): SandboxView['changes'] {
  let ids: readonly string[];
  const store = createChangeStore({ directory: changesDirectory(stateDir), ...COPY_LIMITS });
  try {
    ids = store.list();
  } catch {
    return [];
  }
  return ids.flatMap((id) => {
    let set: ChangeSet | undefined;
    try {
      set = store.read(id);
    } catch {
      return [];
    }
    if (set === undefined) return [];
    return [
      {
        id,
        workspace: set.workspace,
        changes: set.changes
          .slice(0, MOST_CHANGES)
          .map(({ change, kind, size, shown }) => ({ change, kind, size, path: shown })),
        objections: set.findings.map(({ rule, path }) => ({ rule, path })),
      },
    ];
  });
}

export function describeConfig(exchange: AdminExchange, configFile: string): void {
  const { context } = exchange;
  exchange.reply({ policy: context.policyDigest, file: configFile, config: redactConfig(context.config) });
}

/** What there is to see of the running Sluice: health, totals, sandbox, configuration. Names, codes and counts; values of people are counted, never shown. */
import type { ChangeSet } from '../../sandbox/guard/change-store.ts';
import { changesDirectory, COPY_LIMITS, createChangeStore } from '../../sandbox/guard/change-store.ts';
import type { Context } from '../pipeline/context.ts';
import { describeReadiness } from '../pipeline/readiness.ts';
import { StoreFault } from '../store/database.ts';
import type { MetricValues } from '../processes/gather.ts';
import { redactConfig } from '../shadow/config-change.ts';
import { refreshGauges } from '../telemetry/refresh-gauges.ts';
import type { Health, SandboxView, Totals } from './api.ts';
import type { AdminExchange } from './exchange.ts';

const STARTED_AT = Date.now() - Math.round(performance.now());
const MOST_CHANGES = 200;

export async function describeHealth(exchange: AdminExchange, configFile: string): Promise<void> {
  const { context } = exchange;
  const readiness = await describeReadiness(context);
  const gathered = await gather(context);
  const open = gathered.find(({ name }) => name === 'sluice_upstream_circuit_open')?.values ?? [];
  const memory = process.memoryUsage();
  const health: Health = {
    mode: readiness.mode,
    ready: readiness.ready,
    policy: readiness.policy,
    version: '0.1.0',
    startedAt: STARTED_AT,
    configFile,
    // Those that serve know which upstream they leave alone.
    checks: readiness.checks.map((check) =>
      open.some(({ labels, value }) => value > 0 && check.name === `cloud:${String(labels['upstream'])}`)
        ? { ...check, detail: 'left alone after failures (open)' }
        : check,
    ),
    processes: (await context.fleet?.processes()) ?? [],
    memory: { residentBytes: memory.rss, heapBytes: memory.heapUsed },
    decisionsHeld: context.telemetry.decisions.size,
    sessionMarks: sumOf(gathered, 'sluice_session_marks', '')['all'] ?? 0,
    recognizers: context.telemetry.silence.rates(),
    keeps: await keepsOf(context),
    totals: totalsOf(gathered, context),
  };
  exchange.reply(health);
}

async function keepsOf({ config, samples }: Context): Promise<Health['keeps']> {
  const { feedback, sampling } = config.telemetry;
  const policy = { ...sampling, upTo: samples.upTo };
  try {
    return { feedback, sampling: { ...policy, held: await samples.rows.count() } };
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    return { feedback, sampling: policy };
  }
}

/** Of all processes, where there are several. */
async function gather(context: Context): Promise<readonly MetricValues[]> {
  const registry = context.fleet === undefined ? refreshGauges(context).registry : await context.fleet.metrics();
  return registry.getMetricsAsJSON();
}

/** sumOf adds up a metric's values by one of its labels; an empty one for all together. */
function sumOf(gathered: readonly MetricValues[], name: string, label: string): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { value, labels } of gathered.find((metric) => metric.name === name)?.values ?? []) {
    const key = label === '' ? 'all' : String(labels[label]);
    sums[key] = (sums[key] ?? 0) + value;
  }
  return sums;
}

function totalsOf(gathered: readonly MetricValues[], { telemetry }: Context): Totals {
  return {
    requests: sumOf(gathered, 'sluice_requests_total', 'route'),
    tokens: sumOf(gathered, 'sluice_tokens_total', 'route'),
    findings: sumOf(gathered, 'sluice_findings_total', 'entity'),
    cost: sumOf(gathered, 'sluice_cost_total', '')['all'] ?? 0,
    costAvoided: sumOf(gathered, 'sluice_cost_avoided_total', '')['all'] ?? 0,
    currency: telemetry.prices.currency,
  };
}

export async function describeSandbox(exchange: AdminExchange): Promise<void> {
  const { context } = exchange;
  const { executor } = context;
  const status = executor.status();
  const view: SandboxView = {
    ...status,
    scopes: (await executor.scopes?.()) ?? [],
    changes: readChanges(context.stateDir),
    events: context.sandboxLog.newest(),
  };
  exchange.reply(view);
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

/** Gauges that mirror state are read when somebody looks. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Context } from '../pipeline/context.ts';
import type { Metrics } from './metrics.ts';

/** One for the process: its loop is one. */
const loop = monitorEventLoopDelay({ resolution: 20 });
loop.enable();

export function refreshGauges(context: Context): Metrics {
  const { metrics, telemetry } = context;
  metrics.sessionMarks.set(context.memory.size);
  metrics.sandboxClaim.reset();
  metrics.sandboxEndpoint.reset();
  const status = context.executor.status();
  for (const claim of status.claims) metrics.sandboxClaim.set({ claim: claim.claim }, claim.proved ? 1 : 0);
  for (const { name, state } of status.endpoints ?? [])
    metrics.sandboxEndpoint.set({ endpoint: name }, state === 'ready' ? 1 : 0);
  metrics.recognizerSilent.reset();
  for (const { recognizer, silent } of telemetry.silence.rates())
    metrics.recognizerSilent.set({ recognizer }, silent ? 1 : 0);
  for (const [upstream, gate] of context.gates) {
    metrics.upstreamInFlight.set({ upstream }, gate.inFlight);
    metrics.upstreamOpen.set({ upstream }, gate.state === 'open' ? 1 : 0);
  }
  metrics.policyInfo.reset();
  metrics.policyInfo.set({ policy: context.policyDigest.slice(0, 12) }, 1);
  metrics.processes.set(1);
  metrics.residentBytes.set(process.memoryUsage.rss());
  metrics.loopDelaySeconds.set(Number.isFinite(loop.percentile(99)) ? Math.max(0, loop.percentile(99) / 1e9) : 0);
  loop.reset();
  return metrics;
}

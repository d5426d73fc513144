/** What /healthz and /readyz say. Health: this process serves. Readiness: what it needs is there; each cause comes with its cure. Names and codes only. */
import type { Context } from './context.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly mode: 'demo' | 'configured';
  readonly policy: string;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

export function describeHealth(context: Context): {
  readonly status: 'ok';
  readonly mode: 'demo' | 'configured';
  readonly policy: string;
} {
  return { status: 'ok', mode: context.demo ? 'demo' : 'configured', policy: context.policyDigest.slice(0, 12) };
}

export async function describeReadiness(context: Context): Promise<Readiness> {
  const checks: { name: string; ok: boolean; detail: string }[] = [];
  for (const upstream of context.locals.values()) {
    const answer = await upstream.models();
    if (answer.kind === 'unreachable')
      checks.push({
        name: `local:${upstream.name}`,
        ok: false,
        detail: `${answer.reason}; start Ollama or set OLLAMA_HOST. Until then sensitive requests are refused.`,
      });
    else if (answer.models.length === 0)
      checks.push({
        name: `local:${upstream.name}`,
        ok: false,
        detail: 'no local model; pull one, for example `ollama pull qwen3`. Until then sensitive requests are refused.',
      });
    else
      checks.push({
        name: `local:${upstream.name}`,
        ok: true,
        detail: upstream.standIn ? 'stand-in model (demo)' : `${answer.models.length} local models`,
      });
  }
  if (context.locals.size === 0)
    checks.push({
      name: 'local',
      ok: false,
      detail:
        'no local upstream is configured: sensitive requests are refused. Add one of kind ollama under upstreams.',
    });
  for (const upstream of context.clouds.values()) {
    const state = context.gates.get(upstream.name)?.state ?? 'closed';
    checks.push({
      name: `cloud:${upstream.name}`,
      // Sluice can serve without a cloud: what goes there falls back or fails on its own.
      ok: true,
      detail: upstream.standIn
        ? 'stand-in model (demo)'
        : state === 'closed'
          ? 'configured'
          : `left alone after failures (${state})`,
    });
  }
  // A server that stands behind a pool is missed only when the pool has no other.
  const pooled = new Set([...context.locals.values()].flatMap((upstream) => upstream.members ?? []));
  const needed = checks.every((check) => check.ok || pooled.has(check.name.slice('local:'.length)));
  const sandbox = context.executor.status();
  // Routing works without a sandbox, so it does not make Sluice unready; tools are refused with this reason.
  checks.push({
    name: `sandbox:${sandbox.backend}`,
    ok: sandbox.usable,
    detail: sandbox.usable
      ? `${sandbox.claims.filter((claim) => claim.proved).length} of ${sandbox.claims.length} claims proved`
      : `${sandbox.reason} Tools are refused.`,
  });
  return {
    ready: needed,
    mode: context.demo ? 'demo' : 'configured',
    policy: context.policyDigest.slice(0, 12),
    checks,
  };
}

/** The sandbox's executor behind a wrapper: one receipt per call, and where the audit is required the intent is on disk before it runs. Fails closed: what cannot be recorded then does not run. */
import type { ToolExecutor, ToolOutcome, ToolRequest } from '../../sandbox/executor.ts';
import { BUNDLED_TOOL_NAMES } from '../../sandbox/tools/catalogue.ts';
import type { ToolReceiptEvent } from './event.ts';
import type { AuditLog } from './log.ts';

export function auditExecutor(executor: ToolExecutor, log: AuditLog): ToolExecutor {
  const receipt = (
    request: ToolRequest,
    id: string,
    phase: ToolReceiptEvent['phase'],
    outcome?: ToolOutcome,
  ): ToolReceiptEvent => ({
    kind: 'tool',
    id,
    principal: request.principal,
    agent: request.agent,
    tool: BUNDLED_TOOL_NAMES.includes(request.tool) ? request.tool : 'other',
    label: request.label,
    phase,
    outcome: outcome === undefined ? '' : outcome.kind === 'refused' ? outcome.code : outcome.kind,
    backend: outcome?.receipt.backend ?? executor.status().backend,
    sandboxPolicy: (outcome?.receipt.policyDigest ?? executor.status().policyDigest).slice(0, 12),
    probeAgeMs: outcome?.receipt.probeAgeMs ?? -1,
    durationMs: Math.round(outcome?.receipt.durationMs ?? 0),
  });
  return {
    offered: (agent) => executor.offered(agent),
    status: () => executor.status(),
    verify: () => executor.verify(),
    scopes: () => executor.scopes?.() ?? Promise.resolve([]),
    close: () => executor.close(),
    async run(request, options) {
      if (log.required && (await log.commit(receipt(request, options.requestId ?? '', 'intent'))) === 'failed') {
        const { backend, policyDigest } = executor.status();
        return {
          kind: 'refused',
          code: 'sandbox-unavailable',
          message: 'The call could not be recorded in the audit, which is required here, so it was not run.',
          receipt: { tool: request.tool, backend, policyDigest, probeAgeMs: -1, attested: {}, durationMs: 0 },
        };
      }
      const outcome = await executor.run(request, options);
      log.append(receipt(request, options.requestId ?? '', 'done', outcome));
      return outcome;
    },
  };
}

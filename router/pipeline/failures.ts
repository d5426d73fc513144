/** Upstream failures to what the client is told. A sensitive request that finds no local server is refused by policy (400), not offered for retry. */
import type { UpstreamFailure } from '../chat.ts';
import type { Decision } from '../decision.ts';
import type { ErrorCode } from '../errors.ts';

export function codeFor(failure: UpstreamFailure, decision: Decision, bottomLabel: string): ErrorCode {
  const local = decision.route.kind === 'local';
  const bound =
    decision.label !== bottomLabel ||
    decision.reasons.some((reason) => reason.code === 'classification-incomplete' || reason.code === 'policy-attack');
  switch (failure.code) {
    case 'upstream_unreachable':
    case 'upstream_reset':
    case 'upstream_malformed':
    case 'upstream_failed':
      if (local && bound && failure.code === 'upstream_unreachable') return 'local_model_unavailable';
      return local ? 'local_upstream_failed' : 'cloud_upstream_failed';
    case 'upstream_truncated':
      return 'upstream_truncated';
    case 'upstream_timeout':
      return 'upstream_timeout';
    case 'upstream_rejected':
      return 'upstream_rejected';
    case 'upstream_overloaded':
      return 'upstream_overloaded';
    case 'upstream_unauthorized':
      return 'upstream_unauthorized';
    case 'model_not_found':
      return 'model_not_found';
    case 'model_not_local':
      return 'model_not_local';
    case 'context_too_long':
      return 'context_too_long';
    case 'unsupported_by_model':
      return 'unsupported_by_model';
    case 'audit_unavailable':
      return 'audit_unavailable';
    case 'aborted':
      return local ? 'local_upstream_failed' : 'cloud_upstream_failed';
  }
}

/** Cleared requests for tests of what comes after clearance: made by the real clear(), over a classification that found nothing. */
import { clear, type Cleared, type OutgoingRequest } from '../../router/clearance.ts';

export function clearedFor(upstream: string, body: unknown, more: Partial<OutgoingRequest> = {}): Cleared {
  const stream = typeof body === 'object' && body !== null && 'stream' in body && body.stream === true;
  const clearance = clear(
    { verdict: { kind: 'clean', label: 'public', findings: [] }, signals: [], nearMisses: [], scannedChars: 0 },
    'public',
    { upstream, path: '/chat/completions', body: JSON.stringify(body), stream, ...more },
    { sees: 'public', ladder: ['public', 'restricted'] },
    { rescan: () => [] },
  );
  if (clearance.kind === 'refused') throw new Error(clearance.cause);
  return clearance.cleared;
}

/** Marks a decision as wrong. Fails closed: without the policy's consent no text is kept, and the caller is told so instead of it being dropped silently. */
import { z } from 'zod';
import type { FeedbackView } from './api.ts';
import type { AdminExchange } from './exchange.ts';

const Marked = z.strictObject({
  decision: z.string().max(64).default(''),
  kind: z.enum(['missed', 'over-flagged']),
  text: z.string().max(100_000).optional(),
});
const SHOWN = 500;

export function listFeedback(exchange: AdminExchange): void {
  const { feedback, config } = exchange.context;
  const view: FeedbackView = {
    consent: config.telemetry.feedback,
    rows: feedback
      .read()
      .rows.toReversed()
      .slice(0, SHOWN)
      .map(({ at, decision, kind, text, route, entities, by }) => ({
        at,
        decision,
        kind,
        hasText: text !== undefined,
        route,
        entities,
        by,
      })),
  };
  exchange.reply(view);
}

export async function addFeedback(exchange: AdminExchange): Promise<void> {
  const marked = await exchange.read(Marked);
  if (marked === undefined) return;
  const { context, principal } = exchange;
  const consent = context.config.telemetry.feedback;
  if (consent === 'off' || (marked.text !== undefined && consent !== 'text')) return exchange.fail('admin_unavailable');
  const record = marked.decision === '' ? undefined : context.telemetry.decisions.find(marked.decision);
  if (record === undefined && (marked.decision !== '' || marked.text === undefined))
    return exchange.fail('decision_not_found');
  const kept = context.feedback.add({
    at: Date.now(),
    decision: marked.decision,
    kind: marked.kind,
    by: principal,
    route: record?.route ?? '',
    label: record?.label ?? '',
    reasons: record?.reasons ?? [],
    entities: [...new Set(record?.findings.map((finding) => finding.entity) ?? [])],
    policy: record?.policy ?? context.policyDigest.slice(0, 12),
    ...(marked.text === undefined ? {} : { text: marked.text }),
  });
  if (kept === 'full') return exchange.fail('admin_unavailable');
  context.metrics.feedback.inc({ kind: marked.kind });
  exchange.reply({ kept: true, text: marked.text !== undefined }, 201);
}

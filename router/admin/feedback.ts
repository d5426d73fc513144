/** Marks a decision as wrong, and erases marks and samples. Fails closed: without the policy's consent no text is kept, and the caller is told so instead of it being dropped silently. */
import { z } from 'zod';
import { StoreFault } from '../store/database.ts';
import type { FeedbackView } from './api.ts';
import type { AdminExchange } from './exchange.ts';

const Marked = z.strictObject({
  decision: z.string().max(64).default(''),
  kind: z.enum(['missed', 'over-flagged']),
  text: z.string().max(100_000).optional(),
});
const SHOWN = 500;

export async function listFeedback(exchange: AdminExchange): Promise<void> {
  const { feedback, config } = exchange.context;
  const read = await orFail(exchange, () => feedback.read());
  if (read === undefined) return;
  const view: FeedbackView = {
    consent: config.telemetry.feedback,
    rows: read.rows
      .toReversed()
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
  const row = {
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
  };
  const kept = await orFail(exchange, () => context.feedback.add(row));
  if (kept === undefined) return;
  if (kept === 'too-large') return exchange.fail('admin_unavailable');
  context.metrics.feedback.inc({ kind: marked.kind });
  exchange.reply({ kept: true, text: marked.text !== undefined }, 201);
}

export async function eraseFeedback(exchange: AdminExchange): Promise<void> {
  const { feedback, samples } = exchange.context;
  const erased = await orFail(exchange, async () => ({
    erased: await feedback.erase(),
    samples: await samples.erase(),
  }));
  if (erased !== undefined) exchange.reply(erased);
}

/** orFail answers the request itself where the store fails. */
async function orFail<Value>(exchange: AdminExchange, ask: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    return exchange.fail('store_unavailable');
  }
}

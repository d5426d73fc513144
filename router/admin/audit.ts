/** The audit over HTTP: search receipts, verify the chain, prove that a label never left. Receipts hold no text, so neither does anything here. */
import { z } from 'zod';
import type { AuditQuery } from '../audit/search.ts';
import type { AuditView } from './api.ts';
import type { AdminExchange } from './exchange.ts';

const MOST = 500;
const TEXTS = ['id', 'principal', 'route', 'label', 'upstream', 'entity', 'outcome', 'cursor'] as const;
const KINDS = [
  'start',
  'stop',
  'intent',
  'request',
  'send',
  'tool',
  'reload',
  'key',
  'admin',
  'refused-callers',
  'pruned',
] as const;
const Verified = z.strictObject({ everySignature: z.boolean().default(false) });
const Claimed = z.strictObject({
  label: z.string(),
  since: z.number().min(0),
  until: z.number().min(0).optional(),
  masked: z.enum(['breach', 'allowed']).default('allowed'),
});

export async function searchReceipts(exchange: AdminExchange): Promise<void> {
  const { context, query } = exchange;
  const asked: { -readonly [Key in keyof AuditQuery]: AuditQuery[Key] } = {
    limit: Math.min(MOST, Math.max(1, Number(query.get('limit') ?? 100) || 100)),
  };
  for (const name of TEXTS) {
    const value = query.get(name);
    if (value !== null && value !== '') asked[name] = value;
  }
  const kind = KINDS.find((each) => each === query.get('kind'));
  if (kind !== undefined) asked.kind = kind;
  for (const name of ['since', 'until'] as const) {
    const at = Number(query.get(name) ?? Number.NaN);
    if (query.get(name) !== null && query.get(name) !== '' && Number.isFinite(at)) asked[name] = at;
  }
  await context.fleet?.settle();
  const page = await context.audit.search(asked);
  const head = await context.audit.head();
  const view: AuditView = {
    ladder: context.config.labels,
    required: context.config.audit.required,
    head: head === undefined ? undefined : { n: head.n, hash: head.hash },
    hits: page.hits,
    next: page.next,
  };
  exchange.reply(view);
}

export async function verifyAudit(exchange: AdminExchange): Promise<void> {
  const asked = await exchange.read(Verified);
  if (asked === undefined) return;
  await exchange.context.fleet?.settle();
  exchange.reply(await exchange.context.audit.verify({ everySignature: asked.everySignature }));
}

export async function proveAudit(exchange: AdminExchange): Promise<void> {
  const asked = await exchange.read(Claimed);
  if (asked === undefined) return;
  if (!exchange.context.config.labels.includes(asked.label)) return exchange.fail('unsupported_value', '/label');
  await exchange.context.fleet?.settle();
  exchange.reply(
    await exchange.context.audit.prove({
      label: asked.label,
      notTo: 'cloud',
      since: asked.since,
      until: asked.until ?? Date.now(),
      masked: asked.masked,
    }),
  );
}

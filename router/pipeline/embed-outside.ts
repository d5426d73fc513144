/**
 * Embeddings by a cloud model: only for texts in which nothing was found, only by a model the operator listed for it and the client named. Never masked. Fails inwards: whatever is not so is
 * `undefined`, and the local road is taken; a cloud that fails is an error, because another model's vectors fit into no index of this one's.
 */
import { clear } from '../clearance.ts';
import type { Decision } from '../decision.ts';
import type { EmbedProtocol } from '../protocols/protocol.ts';
import { failure, failureOf } from '../upstreams/failure.ts';
import type { Embedded, ReplyBytes } from '../upstreams/upstream.ts';
import type { Context, RequestScope } from './context.ts';
import type { Turn } from './prepare.ts';

/** 2,048 vectors of 3,072 numbers are some 130 MB; more is no answer. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;

export async function embedOutside(
  turn: Turn,
  protocol: EmbedProtocol,
  scope: RequestScope,
  context: Context,
): Promise<{ readonly embedded: Embedded; readonly decision: Decision } | undefined> {
  const { cloudModels, cloudUpstream } = context.config.surfaces.embeddings;
  const { model, document } = turn.envelope;
  const { classification, decision } = turn;
  if (protocol.forUpstream === undefined || !cloudModels.includes(model)) return undefined;
  // A rule or an attack may hold a clean text inside.
  if (classification.verdict.kind !== 'clean' || decision.reasons.some(({ code }) => STAYS.has(code))) return undefined;
  const view = context.policy.upstreams.find(
    (each) => each.kind === 'cloud' && (cloudUpstream === undefined || each.name === cloudUpstream),
  );
  const upstream = view === undefined ? undefined : context.clouds.get(view.name);
  if (view === undefined || upstream === undefined || upstream.standIn) return undefined;
  const clearance = clear(
    classification,
    decision.label,
    { upstream: upstream.name, path: '/embeddings', body: protocol.forUpstream(document, model), stream: false },
    { sees: view.sees, ladder: context.policy.ladder },
    context.classifier,
  );
  if (clearance.kind === 'refused') {
    context.metrics.doorRefusals.inc({ cause: clearance.cause });
    return undefined;
  }
  context.audit.sends.describe(clearance.cleared, {
    id: scope.id,
    principal: scope.principal,
    label: decision.label,
    sent: classification.verdict.label,
    masked: false,
    policy: context.policyDigest.slice(0, 12),
  });
  const reply = await upstream.send(clearance.cleared, { signal: scope.signal });
  const embedded =
    reply.kind === 'failed'
      ? reply
      : await readEmbeddings(reply.body, upstream.name, model, protocol.readInput(document).input.length);
  return {
    embedded,
    decision: {
      ...decision,
      reasons: [{ code: 'model-honoured' }, ...decision.reasons],
      route: { kind: 'cloud', upstream: upstream.name, model },
    },
  };
}

const STAYS: ReadonlySet<string> = new Set(['rule', 'policy-attack', 'session-label', 'classification-incomplete']);

/** `texts`: how many vectors there must be. */
async function readEmbeddings(body: ReplyBytes, upstream: string, asked: string, texts: number): Promise<Embedded> {
  const malformed: Embedded = {
    kind: 'failed',
    failure: failure(upstream, 'upstream_malformed', true, { status: 200 }),
  };
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) return malformed;
      chunks.push(chunk);
    }
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error, upstream) };
  }
  try {
    const value = JSON.parse(Buffer.concat(chunks, size).toString()) as {
      readonly model?: unknown;
      readonly data: readonly { readonly index?: number; readonly embedding: unknown }[];
      readonly usage?: { readonly prompt_tokens?: unknown };
    };
    const ordered = value.data.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0)).map(({ embedding }) => embedding);
    if (ordered.length !== texts || !ordered.every(isVector)) return malformed;
    const tokens = value.usage?.prompt_tokens;
    return {
      kind: 'embedded',
      model: typeof value.model === 'string' ? value.model : asked,
      embeddings: ordered,
      inputTokens: typeof tokens === 'number' ? tokens : 0,
      loadNanoseconds: 0,
    };
  } catch {
    return malformed;
  }
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'number');
}

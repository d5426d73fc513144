/**
 * Embeddings, by a local model unless the operator allows a cloud one for texts in which nothing was found: a vector gives away much of its text, masked or not, and there is no reply to restore. The texts are classified all the
 * same, because not every local upstream may see every label. Fails closed: no local upstream that may see them is a refusal; nothing goes outwards.
 */
import { rankOf } from '../policy/rank.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Decision } from '../decision.ts';
import type { Caller } from '../principals/principal.ts';
import type { EmbedProtocol } from '../protocols/protocol.ts';
import type { Embedded, LocalUpstream } from '../upstreams/upstream.ts';
import type { Context } from './context.ts';
import type { Turn } from './prepare.ts';
import { embedOutside } from './embed-outside.ts';
import { receive } from './receive.ts';

export function serveEmbed(
  request: IncomingMessage,
  response: ServerResponse,
  protocol: EmbedProtocol,
  caller: Caller,
): Promise<void> {
  const { context } = caller;
  return receive(request, response, protocol, caller, async ({ answer, turn, scope, readAt }) => {
    const { route } = turn.decision;
    if (route.kind === 'refuse') {
      answer.outcome = 'refused';
      return answer.fail(route.code);
    }
    const texts = protocol.readInput(turn.envelope.document);
    const named = turn.envelope.model === 'auto' ? '' : turn.envelope.model;
    let embedded: Embedded | undefined;
    answer.mark('dispatched');
    const outside = await embedOutside(turn, protocol, scope, context);
    if (outside !== undefined) {
      answer.decision = outside.decision;
      embedded = outside.embedded;
    }
    const asked = protocol.unknownModel === 'route' && !(await isLocal(named, context)) ? '' : named;
    for (const upstream of embedded === undefined ? allowed(turn, context) : []) {
      answer.decision = atHome(turn.decision, upstream);
      embedded = await upstream.embed(texts, { model: asked, signal: scope.signal });
      // Only a server without the model was not asked to read anything, so the next one may be.
      if (embedded.kind === 'embedded' || embedded.failure.code !== 'model_not_found') break;
    }
    if (embedded === undefined) {
      answer.decision = { ...turn.decision, route: { kind: 'refuse', code: 'no_local_model' } };
      answer.outcome = 'refused';
      return answer.fail('no_local_model');
    }
    if (embedded.kind === 'failed') return answer.failUpstream(embedded.failure);
    answer.model = embedded.model;
    answer.usage = { inputTokens: embedded.inputTokens, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 };
    const body = protocol.writeEmbeddings(embedded, performance.now() - readAt, turn.envelope.document);
    response.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      ...answer.headers(),
    });
    response.end(body);
    answer.outcome = 'answered';
  });
}

async function isLocal(model: string, context: Context): Promise<boolean> {
  for (const upstream of context.locals.values()) {
    const answer = await upstream.models();
    if (answer.kind === 'models' && answer.models.some(({ id }) => id === model || id === `${model}:latest`))
      return true;
  }
  return false;
}

/** Local upstreams that may see the label, the decision's own first. */
function allowed(turn: Turn, context: Context): readonly LocalUpstream[] {
  const { ladder, upstreams } = context.policy;
  const { route, label } = turn.decision;
  const rank = (each: string): number => rankOf(ladder, each);
  const names = upstreams
    .filter((each) => each.kind === 'local' && rank(each.sees) >= rank(label))
    .map((each) => each.name);
  const first = route.kind === 'local' ? route.upstream : '';
  return names
    .toSorted((a, b) => Number(b === first) - Number(a === first))
    .flatMap((name) => context.locals.get(name) ?? []);
}

function atHome(decision: Decision, upstream: LocalUpstream): Decision {
  return {
    ...decision,
    reasons: [{ code: 'local-only' }, ...decision.reasons],
    route: { kind: 'local', upstream: upstream.name, model: '' },
  };
}

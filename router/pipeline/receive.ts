/**
 * From an HTTP request to a turn with its decision, for every path that models answer; what follows is the path's own. Fails closed: every problem ends in
 * an error with a code in the protocol's own form, and nothing in an error comes from the request or an upstream.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../http/body.ts';
import type { BodyAccount } from '../http/body-budget.ts';
import type { ErrorCode } from '../errors.ts';
import type { JsonDocument } from '../json/document.ts';
import { newRequestId } from '../http/request-id.ts';
import type { Caller } from '../principals/principal.ts';
import type { Protocol, RequestProtocol } from '../protocols/protocol.ts';
import { readClientKey } from '../upstreams/client-key.ts';
import { Answer } from './answer.ts';
import type { Context, RequestScope } from './context.ts';
import { countTurn } from './count-turn.ts';
import { prepare, type Turn } from './prepare.ts';

export interface Received {
  readonly answer: Answer;
  readonly turn: Turn;
  readonly scope: RequestScope;
  /** When the body was complete, on the performance clock. */
  readonly readAt: number;
}

/** A request whose body says more than it holds: what is prepared instead, and by which protocol. */
export type Opened =
  | {
      readonly kind: 'opened';
      readonly bytes: Uint8Array;
      readonly protocol: Protocol;
      /** The bytes as they were read, where they are the client's own. */
      readonly document?: JsonDocument;
      /** What the conversation is already known to be. */
      readonly floor?: RequestScope['floor'];
    }
  | { readonly kind: 'problem'; readonly code: ErrorCode; readonly pointer: string };

/** receive reads, prepares and hands over to `work`; whatever happens, the request is answered, counted and logged once. */
export async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  protocol: RequestProtocol,
  { principal, context }: Caller,
  work: (received: Received) => Promise<void>,
  open?: (bytes: Buffer) => Promise<Opened>,
): Promise<void> {
  const answer = new Answer(newRequestId(), request, response, protocol, principal, context);
  context.metrics.openRequests.inc();
  const account = context.bodies.open();
  try {
    const taken = await context.limits.take(principal);
    if (taken.kind === 'barred')
      return answer.fail(
        taken.code,
        '',
        taken.retryAfterSeconds > 0 ? { 'retry-after': String(taken.retryAfterSeconds) } : {},
      );
    const { log } = context.audit;
    if (log.required) {
      const intent = { kind: 'intent', id: answer.id, principal: principal.id, protocol: protocol.name } as const;
      if ((await log.commit(intent)) === 'failed') return answer.fail('audit_unavailable');
    }
    const received = await readTurn(answer, account, open);
    if (received.kind === 'problem') return answer.fail(received.code, received.pointer);
    const { turn } = received;
    context.samples.consider(turn);
    await work(received);
    context.shadow.consider(turn);
  } catch (error) {
    await answer.endInFault(error);
  } finally {
    account.close();
    answer.finish();
  }
}

/** Apart from receive, so that what it holds for as long as the reply takes is the turn and not the body's bytes too. */
async function readTurn(
  answer: Answer,
  account: BodyAccount,
  open: ((bytes: Buffer) => Promise<Opened>) | undefined,
): Promise<
  | ({ readonly kind: 'turn' } & Received)
  | { readonly kind: 'problem'; readonly code: ErrorCode; readonly pointer?: string }
> {
  const { request, protocol, principal, context } = answer;
  const body = await readBody(request, context.config.listen.maxBodyBytes, account);
  if (body.kind === 'problem') return body;
  const readAt = performance.now();
  answer.mark('read');
  const opened = await open?.(body.bytes);
  if (opened?.kind === 'problem') return opened;
  if (opened !== undefined) answer.protocol = opened.protocol;
  const scope: RequestScope = {
    id: answer.id,
    principal: principal.id,
    agent: principal.terms.agent,
    conversationIds: conversationIds(request, context),
    ...(forwards(context) ? clientKeyOf(request) : {}),
    features: protocol.features?.(request.headers) ?? [],
    signal: answer.gone.signal,
    ...(opened?.floor === undefined ? {} : { floor: opened.floor }),
  };
  const prepared = await prepare(opened?.bytes ?? body.bytes, answer.protocol, scope, context, {
    pass: 'first',
    nearMisses: 'omit',
    ...(opened?.document === undefined ? {} : { document: opened.document }),
  });
  if (prepared.kind === 'problem') return prepared;
  const { turn } = prepared;
  answer.turn = turn;
  answer.decision = turn.decision;
  answer.mark('decided');
  countTurn(turn, context);
  return { kind: 'turn', answer, turn, scope, readAt };
}

/** Nobody holds a client's key where no upstream is to get it. */
function forwards(context: Context): boolean {
  return [...context.clouds.values()].some((upstream) => upstream.forwardsClientKey === true);
}

function clientKeyOf(request: IncomingMessage): Pick<RequestScope, 'clientKey'> {
  const clientKey = readClientKey(request.headers);
  return clientKey === undefined ? {} : { clientKey };
}

function conversationIds(request: IncomingMessage, context: Context): readonly string[] {
  return context.config.sessions.headers.flatMap((name) => {
    const value = request.headers[name];
    return typeof value === 'string' && value.length > 0 && value.length <= 256 ? [`${name}:${value}`] : [];
  });
}

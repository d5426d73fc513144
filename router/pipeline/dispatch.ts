/**
 * Decision to a reply. Narrows, never widens: cloud may become local (door refused, masking failed, upstream down), local never becomes
 * cloud. Fails closed: without a Cleared there is no cloud request.
 */
import { offers } from '../policy/offers.ts';
import { rankOf } from '../policy/rank.ts';
import type { ServerResponse } from 'node:http';
import type { ReplyEvent, UpstreamFailure } from '../chat.ts';
import type { Cleared } from '../clearance.ts';
import type { Decision, Reason, Route } from '../decision.ts';
import type { ErrorCode } from '../errors.ts';
import type { GuardOptions, PassthroughGuard, Protocol } from '../protocols/protocol.ts';
import { CLOUD_WIRES } from '../protocols/wire.ts';
import { failure } from '../upstreams/failure.ts';
import type { PipeOptions, PipeOutcome } from '../upstreams/pipe-sink.ts';
import type { CloudUpstream } from '../upstreams/upstream.ts';
import { clearFor } from './clear-for.ts';
import type { Context, RequestScope } from './context.ts';
import { maskTurn, type Ready } from './mask-turn.ts';
import { noteSeals } from './note-seals.ts';
import type { Turn } from './prepare.ts';

export type Dispatched =
  | {
      readonly kind: 'events';
      readonly events: AsyncIterable<ReplyEvent>;
      readonly decision: Decision;
      readonly model: string;
      readonly removed?: readonly string[];
    }
  /** The client's wire is the upstream's and nothing needs to be read: the bytes may pass as they come. Nothing is sent before `pipe` is called. */
  | {
      readonly kind: 'pipe';
      readonly openGuard: (options: Pick<GuardOptions, 'includeUsage' | 'heard'>) => PassthroughGuard;
      readonly pipe: (response: ServerResponse, options: PipeOptions) => Promise<PipeOutcome>;
      /** What to do when it failed before the head was out. */
      readonly onFailure: (failure: UpstreamFailure) => Dispatched | Promise<Dispatched>;
      readonly decision: Decision;
      readonly model: string;
      readonly removed?: readonly string[];
    }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure; readonly decision: Decision }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly decision: Decision };

export interface DispatchOptions {
  /** `allowed` when no tool call of this turn could be ours to run. */
  readonly raw: 'allowed' | 'needs-events';
}

export async function dispatch(
  turn: Turn,
  protocol: Protocol,
  scope: RequestScope,
  context: Context,
  options: DispatchOptions,
): Promise<Dispatched> {
  const { decision } = turn;
  const { route } = decision;
  switch (route.kind) {
    case 'refuse':
      return { kind: 'refused', code: route.code, decision };
    case 'local':
      return toLocal(turn, decision, route, scope, context);
    case 'cloud':
    case 'cloud-masked':
      if (turn.envelope.chat.messages.length === 0)
        return { kind: 'events', events: nothingToLoad(), decision, model: route.model };
      return toCloud(turn, route, protocol, scope, context, options);
  }
}

/** A request without messages loads a model, which only a local server can do. */
async function* nothingToLoad(): AsyncGenerator<ReplyEvent> {
  yield { kind: 'finish', choice: 0, reason: 'stop' };
  yield { kind: 'end' };
}

function toLocal(
  turn: Turn,
  decision: Decision,
  route: Route & { readonly kind: 'local' },
  scope: RequestScope,
  context: Context,
): Dispatched {
  const upstream = context.locals.get(route.upstream);
  if (upstream === undefined) return { kind: 'refused', code: 'no_local_model', decision };
  return {
    kind: 'events',
    events: upstream.send(turn.envelope.chat, { model: route.model, signal: scope.signal }),
    decision,
    model: route.model,
  };
}

/** inward takes a cloud route home: the first local upstream that may see the label, or a refusal. */
function inward(turn: Turn, reason: Reason, refusal: ErrorCode, scope: RequestScope, context: Context): Dispatched {
  const ladder = context.policy.ladder;
  const rank = (label: string): number => rankOf(ladder, label);
  const view = context.policy.upstreams.find(
    (each) => each.kind === 'local' && rank(each.sees) >= rank(turn.decision.label),
  );
  const reasons: Decision['reasons'] = [reason, ...turn.decision.reasons];
  if (view === undefined)
    return {
      kind: 'refused',
      code: refusal,
      decision: { ...turn.decision, reasons, route: { kind: 'refuse', code: 'no_local_model' } },
    };
  const route = { kind: 'local', upstream: view.name, model: '' } as const;
  return toLocal(turn, { ...turn.decision, reasons, route }, route, scope, context);
}

async function toCloud(
  turn: Turn,
  route: Route & { readonly kind: 'cloud' | 'cloud-masked' },
  protocol: Protocol,
  scope: RequestScope,
  context: Context,
  options: DispatchOptions,
): Promise<Dispatched> {
  const target = context.policy.upstreams.find((each) => each.name === route.upstream);
  const pool = context.pools.get(route.upstream);
  const members = (pool?.order(turn.trace.root) ?? [route.upstream])
    .flatMap((name) => context.clouds.get(name) ?? [])
    .filter((upstream) => pool === undefined || route.model === '' || offers(upstream.models, route.model))
    .slice(0, pool?.attempts ?? 1);
  const [first, ...others] = members;
  if (first === undefined || target === undefined)
    return { kind: 'refused', code: 'cloud_upstream_failed', decision: turn.decision };
  const ready = route.kind === 'cloud' ? asItStands(turn) : await maskTurn(turn, target.sees, protocol, scope, context);
  if (ready.kind === 'failed') {
    context.metrics.doorRefusals.inc({ cause: 'mask-failed' });
    return inward(turn, { code: 'mask-failed' }, 'clearance_failed', scope, context);
  }
  const next = (failed: UpstreamFailure, rest: readonly CloudUpstream[]): Dispatched | Promise<Dispatched> => {
    const [another, ...later] = rest;
    if (another !== undefined && pool?.mayAskAnother(failed) === true && !scope.signal.aborted)
      return toMember(another, (more) => next(more, later));
    if (context.config.policy.onCloudFailure === 'local' && fallsBack(failed) && context.locals.size > 0)
      return inward(turn, { code: 'cloud-failed' }, 'cloud_upstream_failed', scope, context);
    return { kind: 'failed', failure: failed, decision: turn.decision };
  };
  return toMember(first, (failed) => next(failed, others));

  /** One upstream asked. Each is cleared for on its own: another wire makes other bytes, another receiver has another ceiling. */
  async function toMember(
    upstream: CloudUpstream,
    onFailure: (failed: UpstreamFailure) => Dispatched | Promise<Dispatched>,
  ): Promise<Dispatched> {
    const view = context.policy.upstreams.find((each) => each.name === upstream.name);
    if (view === undefined || ready.kind === 'failed')
      return { kind: 'refused', code: 'cloud_upstream_failed', decision: turn.decision };
    const clearNow = () => clearFor(turn, route, upstream, view.sees, protocol, ready, scope, context);
    let outgoing = clearNow();
    // What this process never relayed, another or an earlier one may have.
    if (outgoing.kind === 'cleared' && outgoing.lost.length > 0) {
      const { lost: unknown } = outgoing;
      if (await context.seals.recall(scope.principal, upstream.name, unknown)) outgoing = clearNow();
    }
    if (outgoing.kind === 'unsupported') return onFailure(failure(upstream.name, 'unsupported_by_model', false));
    if (outgoing.kind === 'refused') {
      context.metrics.doorRefusals.inc({ cause: outgoing.cause });
      return inward(turn, { code: 'door-refused', entities: outgoing.entities }, 'clearance_failed', scope, context);
    }
    const { cleared, native, note, model, lost } = outgoing;
    // A protocol that was made for this request tells by itself what it left out.
    const removed = lost.length > 0 && protocol.removed === undefined ? [`reasoning:${lost.length}`] : [];
    context.audit.sends.describe(cleared, {
      id: scope.id,
      principal: scope.principal,
      label: turn.decision.label,
      sent: ready.label,
      masked: route.kind === 'cloud-masked',
      policy: context.policyDigest.slice(0, 12),
    });
    const clientKey =
      upstream.forwardsClientKey === true && scope.clientKey !== undefined ? { clientKey: scope.clientKey } : {};
    const createGuard = native?.createGuard?.bind(native);
    const passes = ready.guard === undefined || native?.guardRestores === true;
    if (options.raw === 'allowed' && passes && createGuard !== undefined && upstream.pipeRaw !== undefined) {
      return {
        kind: 'pipe',
        openGuard: (how) => createGuard({ ...how, ...ready.guard, note }),
        pipe: sendOnce(upstream.pipeRaw.bind(upstream), cleared, clientKey),
        onFailure,
        decision: turn.decision,
        model,
        removed,
      };
    }
    const reply = await upstream.send(cleared, { signal: scope.signal, ...clientKey });
    if (reply.kind === 'failed') return onFailure(reply.failure);
    const wire = CLOUD_WIRES[upstream.wire];
    const read = cleared.stream ? wire.readStream : wire.readBody;
    return {
      kind: 'events',
      events: ready.restore(noteSeals(read(reply.body, upstream.name), note)),
      decision: turn.decision,
      model,
      removed,
    };
  }
}

type PipeRaw = NonNullable<CloudUpstream['pipeRaw']>;

/** What was cleared is let go of when it is sent: the pipe lives as long as the reply, and a thousand open streams would hold a thousand bodies. */
function sendOnce(
  pipe: PipeRaw,
  cleared: Cleared,
  clientKey: Pick<PipeOptions, 'clientKey'>,
): (response: ServerResponse, options: PipeOptions) => Promise<PipeOutcome> {
  let unsent: Cleared | undefined = cleared;
  return (response, options) => {
    if (unsent === undefined) throw new Error('what was cleared was sent before');
    const sent = unsent;
    unsent = undefined;
    return pipe(sent, response, { ...options, ...clientKey });
  };
}

/** A rejection is the request's own fault and would fail at home too; an abort is the client's wish. */
function fallsBack(failure: UpstreamFailure): boolean {
  return failure.code !== 'upstream_rejected' && failure.code !== 'aborted' && failure.code !== 'model_not_found';
}

function asItStands(turn: Turn): Ready {
  return {
    kind: 'ready',
    document: turn.envelope.document,
    chat: turn.envelope.chat,
    classification: turn.classification,
    label: turn.decision.label,
    restore: (events) => events,
  };
}

/**
 * Body to decision: strict parse, shape, offered tools, classification, what the conversation is remembered for, complexity, the table. Every turn of
 * the tool loop comes through here again, so nothing is sent on the strength of an earlier look. Fails closed: a problem is a 400 and nothing is
 * sent; a classifier that cannot answer makes the verdict unknown.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { Classification } from '../../classifiers/classifier.ts';
import { isOpen, type Settled, settleBand } from '../../classifiers/complexity/band.ts';
import { scoreComplexity } from '../../classifiers/complexity/score.ts';
import type { ChatMessage, ChatRequest } from '../chat.ts';
import type { Decision } from '../decision.ts';
import type { RequestEnvelope } from '../envelope.ts';
import type { ErrorCode } from '../errors.ts';
import type { JsonDocument } from '../json/document.ts';
import { KnownValues } from '../json/known-values.ts';
import { parseJson } from '../json/parse.ts';
import { toolSawSensitive } from './tool-taint.ts';
import { offers } from '../policy/offers.ts';
import { rankOf } from '../policy/rank.ts';
import { aliasOf, decide, type DecisionInput } from '../policy/decide.ts';
import { textsOf, type Weighed, weighEntities } from '../policy/entity-policy.ts';
import type { RequestProtocol } from '../protocols/protocol.ts';
import { atLeast, type ConversationTrace, type Remembered, traceConversation } from '../sessions/memory.ts';
import { StoreFault } from '../store/database.ts';
import { complexityInput, insideToolLoop } from './complexity-input.ts';
import type { Context, RequestScope } from './context.ts';
import { ReadEnvelope } from './read-envelope.ts';

export interface Turn {
  readonly envelope: RequestEnvelope;
  /** With the labels of this request, when conditions gave entities others. */
  readonly classification: Classification;
  /** weigh gives another classification of this turn (after masking) the labels of this request. */
  readonly weigh: (classification: Classification, segments: readonly Segment[]) => Weighed;
  readonly weighed: Weighed;
  readonly trace: ConversationTrace;
  readonly remembered: Remembered;
  readonly complexity: {
    readonly score: number;
    readonly reasons: readonly { readonly code: string; readonly weight: number }[];
    readonly band: Settled['band'];
    /** Of the score alone. */
    readonly zone: Settled['zone'];
    readonly settledBy: Settled['by'];
  };
  /** What the decision was made from. */
  readonly input: DecisionInput;
  readonly decision: Decision;
  /** Bundled tools this request may use, by the name the model knows. */
  readonly bundled: ReadonlySet<string>;
}

export type Prepared =
  | { readonly kind: 'turn'; readonly turn: Turn }
  | { readonly kind: 'problem'; readonly code: ErrorCode; readonly pointer: string };

/** What was read strictly before is known again by its hash. */
const KNOWN = new KnownValues();

/** Leaves in one body; a 20 MB body of single digits would otherwise cost seconds. */
const MAX_LEAVES = 500_000;

export interface PrepareOptions {
  /** `first`: as the client sent it, so offered tools and kept tool rounds are added. `again`: a turn of the tool loop. */
  readonly pass: 'first' | 'again';
  readonly nearMisses: 'collect' | 'omit';
  /** What the strict parser made of these very bytes, where somebody has read them already. */
  readonly document?: JsonDocument;
}

export async function prepare(
  bytes: Uint8Array,
  protocol: RequestProtocol,
  scope: RequestScope,
  context: Context,
  options: PrepareOptions,
): Promise<Prepared> {
  const limits = { maxDepth: context.config.listen.maxDepth, maxLeaves: MAX_LEAVES };
  const first =
    options.document === undefined
      ? readBody(bytes, protocol, limits, scope.principal)
      : readDocument(options.document, protocol);
  if (first.kind === 'problem') return first;
  let body = first;

  const declared = new Set(body.read.chat.tools.map((tool) => tool.name));
  const wanted = new Set(context.config.tools.offer);
  const offered =
    body.read.chat.toolChoice.kind === 'none'
      ? []
      : context.executor
          .offered(scope.agent)
          .filter((tool) => (wanted.has('all') || wanted.has(tool.name)) && !declared.has(tool.name));
  if (options.pass === 'first') {
    let source = body.document.source;
    const kept = keptResults(body.read.chat.messages, scope, context);
    if (offered.length > 0) source = protocol.withTools(body.document, offered);
    if (kept.length > 0) {
      const reread = readBody(Buffer.from(source), protocol, limits, scope.principal);
      if (reread.kind === 'problem') return reread;
      source = protocol.withToolRound(reread.document, '', kept);
    }
    if (source !== body.document.source) {
      const again = readBody(Buffer.from(source), protocol, limits, scope.principal);
      if (again.kind === 'problem') return again;
      body = again;
    }
  }

  const { document, read } = body;
  const trace = traceConversation(
    context.key,
    scope.principal,
    read.chat.messages,
    scope.conversationIds,
    read.blocks?.messageKeys,
  );
  const recalled = await recall(trace, context);
  const remembered = atLeast(recalled.remembered, scope.floor, context.policy.ladder);
  const unseen =
    recalled.kind === 'lost'
      ? [STORE_UNAVAILABLE]
      : isUnseen(read.chat.messages, remembered, context)
        ? [UNSEEN_HISTORY]
        : [];
  const envelope = new ReadEnvelope(scope, protocol.name, document, read, unseen);
  const { blocks } = read;
  const how = { signal: scope.signal, nearMisses: options.nearMisses };
  const classified =
    blocks === undefined
      ? await context.classifier.classify(read.segments, [...read.gaps, ...unseen], how)
      : await context.classifier.classifyBlocks(blocks.blocks, [...blocks.gaps, ...unseen], how);
  const weigh = (each: Classification, segments: () => readonly Segment[]): Weighed =>
    weighEntities(
      each,
      {
        model: read.model,
        tools: read.chat.tools.map((tool) => tool.name),
        principal: scope.principal,
        protocol: protocol.name,
        chars: document.source.length,
        turns: read.chat.messages.length,
        textAt: textsOf(segments),
      },
      context.policy,
    );
  const maps = await loadMaps(read.chat, remembered, trace, scope, context);
  const weighed = weigh(classified, () => read.segments);
  const { classification } = weighed;
  const scored = scoreComplexity(complexityInput(envelope, context.config, read.blocks?.messageKeys));
  const byScore = settleBand(scored.score, context.config.complexity, remembered.band, insideToolLoop(envelope));
  const unsettled: DecisionInput = {
    verdict: classification.verdict,
    signals: classification.signals,
    session: remembered,
    toolSawSensitive:
      maps === 'lost' ||
      toolSawSensitive(classification, envelope, context.policy, () => context.masks.peek(scope.principal, trace.root)),
    complexity: scored.score,
    band: byScore.band,
    model: read.model,
    localModels: await namedLocalModel(read.model, context),
    tools: read.chat.tools.map((tool) => tool.name),
    principal: scope.principal,
    protocol: protocol.name,
    chars: document.source.length,
    turns: read.chat.messages.length,
    relabelled: weighed.relabelled,
  };
  const { zone, band, by } = isOpen(byScore)
    ? await settleByJudge(byScore, unsettled, weighed.policy, read.chat, scope, context)
    : byScore;
  const input: DecisionInput = { ...unsettled, band };
  const decision = decide(input, weighed.policy);
  return {
    kind: 'turn',
    turn: {
      envelope,
      classification,
      weighed,
      weigh: (each, segments) => weigh(each, () => segments),
      trace,
      remembered,
      complexity: { ...scored, band, zone, settledBy: by },
      input,
      decision,
      bundled: new Set(offered.map((tool) => tool.name)),
    },
  };
}

/**
 * The uncertain band of a new conversation, by the judge on a local upstream: asked only where the answer changes the route and that upstream may see
 * the label. Without an answer it stays as it was.
 */
async function settleByJudge(
  settled: Settled,
  input: DecisionInput,
  policy: Weighed['policy'],
  chat: ChatRequest,
  scope: RequestScope,
  context: Context,
): Promise<Settled> {
  const { complexityJudge } = context;
  if (complexityJudge === undefined) return settled;
  const simple = decide({ ...input, band: 'simple' }, policy);
  const complex = decide({ ...input, band: 'complex' }, policy);
  if (isDeepStrictEqual(simple.route, complex.route)) return settled;
  const { sees = '' } = policy.upstreams.find((each) => each.name === complexityJudge.upstream) ?? {};
  if (rankOf(policy.ladder, simple.label) > rankOf(policy.ladder, sees)) return settled;
  const band = await complexityJudge.judge(chat.messages, scope.signal);
  return band === 'undecided' ? settled : { zone: settled.zone, band, by: 'judge' };
}

function readBody(
  bytes: Uint8Array,
  protocol: RequestProtocol,
  limits: { readonly maxDepth: number; readonly maxLeaves: number },
  owner: string,
) {
  const { cut } = protocol;
  const parsed = parseJson(bytes, limits, cut === undefined ? undefined : { values: KNOWN, cut, owner });
  if (parsed.kind === 'problem')
    return { kind: 'problem', code: parsed.problem.code, pointer: parsed.problem.pointer } as const;
  return readDocument(parsed.document, protocol);
}

function readDocument(document: JsonDocument, protocol: RequestProtocol) {
  const read = protocol.read(document);
  if (read.kind === 'problem')
    return { kind: 'problem', code: read.problem.code, pointer: read.problem.pointer } as const;
  return { kind: 'body', document, read } as const;
}

/**
 * What was masked before this process knew the conversation: a tool that was given such a value saw it, whoever masked it. Only a conversation that is remembered for something can have such a map. Fails closed:
 * `lost` counts as seen.
 */
async function loadMaps(
  chat: ChatRequest,
  remembered: Remembered,
  trace: ConversationTrace,
  scope: RequestScope,
  context: Context,
): Promise<'loaded' | 'lost'> {
  if (remembered.label === context.policy.ladder[0]) return 'loaded';
  if (!chat.messages.some((message) => message.toolCalls.length > 0)) return 'loaded';
  try {
    await context.masks.load(scope.principal, trace.root);
    return 'loaded';
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    return 'lost';
  }
}

const STORE_UNAVAILABLE: Gap = { classifier: 'sessions', cause: 'store-unavailable', pointer: '' };

/** A store that does not answer leaves the conversation unknown, which keeps it inside. */
async function recall(
  trace: ConversationTrace,
  context: Context,
): Promise<{ readonly kind: 'known' | 'lost'; readonly remembered: Remembered }> {
  try {
    return { kind: 'known', remembered: await context.memory.recall(trace) };
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    context.log.error({ err: error, reason: error.reason, event: 'store-failed' }, 'store-failed');
    return { kind: 'lost', remembered: { label: context.policy.ladder[0] ?? '', maskable: false, band: undefined } };
  }
}

const UNSEEN_HISTORY: Gap = { classifier: 'sessions', cause: 'unseen-history', pointer: '' };

/** Answers in a history that none of this process's conversations leads to: the operator may not want to trust what they left out. */
function isUnseen(messages: readonly ChatMessage[], remembered: Remembered, context: Context): boolean {
  return (
    context.config.sessions.unseenHistory === 'local' &&
    remembered.band === undefined &&
    messages.some((message) => message.role === 'assistant')
  );
}

/** Results of calls that ran here while the client's own were out; they belong right after the client's answers. */
function keptResults(messages: readonly ChatMessage[], scope: RequestScope, context: Context) {
  const answered: string[] = [];
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message?.role !== 'tool') break;
    answered.push(message.toolCallId);
  }
  return context.pending.take(scope.principal, answered);
}

/** Asks the local catalogues only for a name that could be theirs: `auto` and cloud names cost no look-up. */
async function namedLocalModel(
  model: string,
  context: Context,
): Promise<readonly { readonly upstream: string; readonly model: string }[]> {
  if (model === '' || model === 'auto' || !context.config.policy.honourModels) return [];
  if (aliasOf(model, context.policy) !== undefined) return [];
  if (context.policy.upstreams.some((upstream) => upstream.kind === 'cloud' && offers(upstream.models, model)))
    return [];
  const found: { readonly upstream: string; readonly model: string }[] = [];
  for (const upstream of context.locals.values()) {
    const answer = await upstream.models();
    if (answer.kind === 'unreachable') continue;
    const hit = answer.models.find((each) => each.id === model || each.id === `${model}:latest`);
    if (hit !== undefined) found.push({ upstream: upstream.name, model: hit.id });
  }
  return found;
}

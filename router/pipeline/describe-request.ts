/** From what an answer went through to its record. The only place where a turn becomes evidence: positions are made public here, names are mapped to known ones. */
import type { Usage } from '../chat.ts';
import type { Decision } from '../decision.ts';
import { describeReason } from '../http/decision-headers.ts';
import { publicPointer } from '../json/public-pointer.ts';
import {
  FINDINGS_KEPT,
  type Operation,
  type RequestRecord,
  type ToolRecord,
  type TraceContext,
} from '../telemetry/request-record.ts';
import type { Context } from './context.ts';
import type { Turn } from './prepare.ts';

export interface RequestFacts {
  readonly id: string;
  readonly at: number;
  readonly principal: string;
  readonly protocol: string;
  readonly turn: Turn | undefined;
  readonly decision: Decision | undefined;
  /** As the upstream or the request named it; empty until one was. */
  readonly model: string;
  readonly outcome: string;
  readonly usage: Usage | undefined;
  readonly tools: readonly ToolRecord[];
  readonly timings: RequestRecord['timings'];
  readonly trace: TraceContext | undefined;
}

const NO_COMPLEXITY: RequestRecord['complexity'] = { score: 0, band: '', reasons: [] };
const SESSION_DIGITS = 12;

export function describeRequest(facts: RequestFacts, context: Context): RequestRecord {
  const { turn, decision, usage } = facts;
  const { telemetry } = context;
  const route = decision?.route;
  const upstream = route === undefined || route.kind === 'refuse' ? '' : route.upstream;
  const verdict = turn?.classification.verdict;
  const responseModel = telemetry.models.answered(facts.model, route?.kind === 'local' ? 'local' : 'cloud');
  const findings = verdict?.findings ?? [];
  return {
    id: facts.id,
    at: facts.at,
    principal: facts.principal,
    protocol: facts.protocol,
    operation: operationOf(facts.protocol),
    route: route?.kind ?? 'none',
    upstream,
    provider: telemetry.provider(upstream),
    label: decision?.label ?? '',
    verdict: verdict?.kind ?? 'none',
    reasons: decision?.reasons.map(describeReason) ?? [],
    counterfactual: decision?.counterfactual ?? '',
    outcome: facts.outcome,
    complexity: turn?.complexity ?? NO_COMPLEXITY,
    requestModel: telemetry.models.asked(turn?.envelope.model ?? ''),
    responseModel,
    session: turn?.trace.root.slice(0, SESSION_DIGITS) ?? '',
    turns: turn?.envelope.chat.messages.length ?? 0,
    chars: turn?.envelope.document.source.length ?? 0,
    stream: turn?.envelope.chat.stream ?? false,
    findings: findings.slice(0, FINDINGS_KEPT).map(({ entity, span, score, recognizer }) => ({
      entity,
      pointer: publicPointer(span.segment),
      start: span.start,
      end: span.end,
      score,
      recognizer,
    })),
    findingCount: findings.length,
    gaps:
      verdict?.kind === 'unknown'
        ? verdict.gaps
            .slice(0, FINDINGS_KEPT)
            .map(({ cause, classifier, pointer }) => ({ cause, classifier, pointer: publicPointer(pointer) }))
        : [],
    signals: turn?.classification.signals.slice(0, FINDINGS_KEPT).map(({ kind, name }) => `${kind}:${name}`) ?? [],
    tools: facts.tools,
    usage,
    cost:
      usage === undefined || upstream === ''
        ? undefined
        : route?.kind === 'local'
          ? 0
          : telemetry.prices.costOf(responseModel, usage),
    policy: context.policyDigest.slice(0, SESSION_DIGITS),
    timings: facts.timings,
    trace: facts.trace,
  };
}

/** gen_ai.operation.name of a protocol. */
function operationOf(protocol: string): Operation {
  if (protocol.includes('embed')) return 'embeddings';
  return protocol.includes('generate') || protocol === 'openai-completions' ? 'text_completion' : 'chat';
}

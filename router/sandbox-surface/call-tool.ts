/**
 * A tool call that did not come from a model's answer but over HTTP or MCP: the same executor, the same classifiers, the same latch. What a call
 * brings in and what it brings back raise its session's label, and the label closes the network. Fails closed: what cannot be
 * remembered is not run, and a result that cannot be remembered is withheld.
 */
import { randomBytes } from 'node:crypto';
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { ToolOutcome } from '../../sandbox/executor.ts';
import { BUNDLED_TOOL_NAMES } from '../../sandbox/tools/catalogue.ts';
import type { JsonDocument } from '../json/document.ts';
import { parseJsonText } from '../json/parse.ts';
import type { Context } from '../pipeline/context.ts';
import { isMaskable } from '../pipeline/remember.ts';
import { decide } from '../policy/decide.ts';
import { textsOf, weighEntities } from '../policy/entity-policy.ts';
import { rankOf } from '../policy/rank.ts';
import type { Principal } from '../principals/principal.ts';
import { collectSegments, type Placement } from '../protocols/segments.ts';
import { countTool } from '../telemetry/count-tool.ts';

import { type ConversationTrace, type Remembered, traceConversation } from '../sessions/memory.ts';

export interface DirectCall {
  readonly id: string;
  readonly surface: 'sandbox' | 'mcp';
  readonly tool: string;
  /** As received: read by the broker's engine and nowhere else. */
  readonly arguments: string;
  /** As the client named it; empty for none. */
  readonly session: string;
  /** The whole request: every leaf of it is classified. */
  readonly document: JsonDocument;
  readonly principal: Principal;
  readonly signal: AbortSignal;
}

/** What was found in the result, without its text. `label` is that of the session with this call in it. */
export interface ResultClassification {
  readonly verdict: 'clean' | 'sensitive' | 'unknown';
  readonly label: string;
  readonly findings: Readonly<Record<string, number>>;
}

export type CalledTool =
  | { readonly kind: 'outcome'; readonly outcome: ToolOutcome; readonly classification: ResultClassification }
  | { readonly kind: 'store-failed' };

/** Calls that name no session share this one, new with every start: what they learn together must not leave by the next of them. */
const NAMELESS = `nameless-${randomBytes(8).toString('hex')}`;
const ASKED: Placement = { role: 'assistant', talk: 'none', unread: 'none' };
const ANSWERED: Placement = { role: 'tool', talk: 'none', unread: 'none' };
const RESULT_LIMITS = { maxDepth: 8, maxLeaves: 100 };

export async function callTool(call: DirectCall, context: Context): Promise<CalledTool> {
  const session = call.session === '' ? NAMELESS : call.session;
  const trace = traceConversation(context.key, call.principal.id, [], namesOf(session, context));
  const request = collectSegments(call.document, () => ASKED);
  const asked = await weigh(request, call, trace, context);
  if (asked === 'store-failed') return { kind: 'store-failed' };

  const outcome = await context.executor.run(
    {
      id: call.id,
      tool: call.tool,
      arguments: call.arguments,
      principal: call.principal.id,
      session,
      agent: call.principal.terms.agent,
      label: asked.label,
    },
    { signal: call.signal, requestId: call.id },
  );
  report(call, outcome, context);
  const raiseTo = outcome.watched?.raiseTo ?? '';
  if (raiseTo !== '' && (await raise(trace, raiseTo, call, context)) === 'store-failed')
    return { kind: 'store-failed' };
  // A refusal brings nothing back from inside.
  if (outcome.kind === 'refused') {
    // Both are written by now: the higher of them is what a recall would give.
    const { ladder } = context.policy;
    const label = rankOf(ladder, raiseTo) > rankOf(ladder, asked.label) && raiseTo !== '' ? raiseTo : asked.label;
    return { kind: 'outcome', outcome, classification: { verdict: 'clean', label, findings: {} } };
  }
  const answered = await weigh(collectResult(outcome), call, trace, context);
  if (answered === 'store-failed') return { kind: 'store-failed' };
  return { kind: 'outcome', outcome, classification: answered };
}

/** A chat that names its conversation by a header of the same value is the same session. */
function namesOf(session: string, context: Context): readonly string[] {
  return [`session:${session}`, ...context.config.sessions.headers.map((header) => `${header}:${session}`)];
}

function collectResult(outcome: Exclude<ToolOutcome, { kind: 'refused' }>): {
  readonly segments: readonly Segment[];
  readonly gaps: readonly Gap[];
} {
  const { stdout, stderr } = outcome;
  const texts = {
    stdout: stdout.omittedBytes === 0 ? stdout.head + stdout.tail : [stdout.head, stdout.tail],
    stderr: stderr.omittedBytes === 0 ? stderr.head + stderr.tail : [stderr.head, stderr.tail],
  };
  const parsed = parseJsonText(JSON.stringify(texts), RESULT_LIMITS);
  if (parsed.kind === 'document') return collectSegments(parsed.document, () => ANSWERED);
  return { segments: [], gaps: [{ classifier: 'tool-result', cause: 'unsupported-content', pointer: '' }] };
}

/** weigh classifies, joins with what the session is known for, and remembers. */
async function weigh(
  { segments, gaps }: { readonly segments: readonly Segment[]; readonly gaps: readonly Gap[] },
  call: DirectCall,
  trace: ConversationTrace,
  context: Context,
): Promise<ResultClassification | 'store-failed'> {
  let remembered: Remembered;
  try {
    remembered = await context.memory.recall(trace);
  } catch (error) {
    context.log.error({ id: call.id, err: error, event: 'store-failed' }, 'store-failed');
    return 'store-failed';
  }
  // Not the call's signal: a client that hangs up would make its session unknown. The classifier has its own deadline.
  const { signal } = new AbortController();
  const classified = await context.classifier.classify(segments, gaps, { signal, nearMisses: 'omit' });
  const about = {
    model: '',
    tools: [call.tool],
    principal: call.principal.id,
    protocol: call.surface,
    chars: segments.reduce((sum, { text }) => sum + text.length, 0),
    turns: 0,
  };
  const { classification, policy, relabelled } = weighEntities(
    classified,
    { ...about, textAt: textsOf(() => segments) },
    context.policy,
  );
  const { verdict, signals } = classification;
  const { label } = decide(
    {
      verdict,
      signals,
      session: remembered,
      toolSawSensitive: false,
      complexity: 0,
      band: 'simple',
      localModels: [],
      ...about,
      relabelled,
    },
    policy,
  );
  const findings: Record<string, number> = {};
  for (const { entity } of verdict.findings) {
    context.metrics.findings.inc({ entity });
    findings[entity] = (findings[entity] ?? 0) + 1;
  }
  if (verdict.kind === 'unknown') for (const { cause } of verdict.gaps) context.metrics.gaps.inc({ cause });
  try {
    await context.memory.remember(trace, label, {
      from: 0,
      maskable: isMaskable({ classification, remembered }, context),
    });
  } catch (error) {
    context.log.error({ id: call.id, err: error, event: 'store-failed' }, 'store-failed');
    return 'store-failed';
  }
  return { verdict: verdict.kind, label, findings };
}

/** An alarm of the watch makes the session what the policy says. */
async function raise(
  trace: ConversationTrace,
  label: string,
  call: DirectCall,
  context: Context,
): Promise<'kept' | 'store-failed'> {
  try {
    await context.memory.remember(trace, label, { from: 0, maskable: false });
    return 'kept';
  } catch (error) {
    context.log.error({ id: call.id, err: error, event: 'store-failed' }, 'store-failed');
    return 'store-failed';
  }
}

/** The tool's name is the client's text until it is one of ours. */
function report(call: DirectCall, outcome: ToolOutcome, context: Context): void {
  const tool = BUNDLED_TOOL_NAMES.includes(call.tool) ? call.tool : 'unknown';
  const end = countTool(context.metrics, tool, outcome);
  context.log.info(
    {
      id: call.id,
      event: 'tool-call',
      surface: call.surface,
      tool,
      outcome: end,
      receipt: { ...outcome.receipt, tool },
    },
    'tool-call',
  );
}

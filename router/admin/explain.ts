/** Explain a text or a request: the decision, every finding with its steps, near misses, and the keys to change. Sends nothing to a cloud (local judges the configuration names are asked), runs and remembers nothing; answers with positions, never with text. */
import { z } from 'zod';
import { readerOf, wireOf } from '../protocols/recognise.ts';
import { type Wire, WIRES } from '../protocols/wires.ts';
import { prepare } from '../pipeline/prepare.ts';
import type { Context, RequestScope } from '../pipeline/context.ts';
import { describeReason } from '../http/decision-headers.ts';
import type { ErrorCode } from '../errors.ts';
import { ruleOf } from '../policy/rank.ts';
import type { ScoreStep } from '../../classifiers/finding.ts';
import type { Explanation } from './api.ts';
import type { AdminExchange } from './exchange.ts';
import { leversOf } from './levers.ts';

/** `request` is the body as JSON text, so that what is explained is what would be parsed, duplicate keys and all. Without `protocol` it is recognised by its shape. */
const Asked = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ request: z.string(), protocol: z.enum(WIRES).optional() }),
]);
const ClassifyAsked = z.strictObject({ text: z.string(), nearMisses: z.boolean().default(false) });

export async function explain(exchange: AdminExchange): Promise<void> {
  const asked = await exchange.read(Asked);
  if (asked === undefined) return;
  const body =
    'text' in asked
      ? JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: asked.text }] })
      : asked.request;
  const wire =
    'text' in asked
      ? 'openai-chat'
      : (asked.protocol ?? wireOf(Buffer.from(body), exchange.context.config.listen.maxDepth));
  const explained = await explainBody(Buffer.from(body), wire, exchange.context);
  if (explained.kind === 'problem') return exchange.fail(explained.code, explained.pointer);
  exchange.reply(explained.explanation);
}

export async function classify(exchange: AdminExchange): Promise<void> {
  const asked = await exchange.read(ClassifyAsked);
  if (asked === undefined) return;
  const { verdict, signals, nearMisses } = await exchange.context.classifier.classify(
    [{ pointer: '', role: 'user', form: 'text', text: asked.text, hint: '', flow: -1 }],
    [],
    { signal: new AbortController().signal, nearMisses: asked.nearMisses ? 'collect' : 'omit' },
  );
  exchange.reply({ verdict, signals, nearMisses });
}

async function explainBody(
  bytes: Buffer,
  wire: Wire,
  context: Context,
): Promise<
  | { readonly kind: 'explained'; readonly explanation: Explanation }
  | { readonly kind: 'problem'; readonly code: ErrorCode; readonly pointer: string }
> {
  const startedAt = performance.now();
  const scope: RequestScope = {
    id: 'req_explain',
    principal: 'explain',
    agent: 'main',
    conversationIds: [],
    features: [],
    signal: new AbortController().signal,
  };
  const prepared = await prepare(bytes, readerOf(wire), scope, context, { pass: 'again', nearMisses: 'collect' });
  if (prepared.kind === 'problem') return prepared;
  const { turn } = prepared;
  const { decision, classification, complexity } = turn;
  const { verdict } = classification;
  const span = (each: {
    readonly entity: string;
    readonly span: { readonly segment: string; readonly start: number; readonly end: number };
    readonly score: number;
    readonly recognizer: string;
  }) => ({
    entity: each.entity,
    pointer: each.span.segment,
    start: each.span.start,
    end: each.span.end,
    score: each.score,
    threshold: ruleOf(context.policy, each.entity).threshold,
    label: ruleOf(context.policy, each.entity).label,
    recognizer: each.recognizer,
  });
  return {
    kind: 'explained',
    explanation: {
      protocol: wire,
      route: decision.route.kind,
      upstream: decision.route.kind === 'refuse' ? '' : decision.route.upstream,
      label: decision.label,
      verdict: verdict.kind,
      reasons: decision.reasons.map(describeReason),
      counterfactual: decision.counterfactual,
      complexity: {
        score: complexity.score,
        threshold: context.config.complexity.threshold,
        band: complexity.band,
        zone: complexity.zone,
        settledBy: complexity.settledBy,
        reasons: complexity.reasons,
      },
      findings: verdict.findings.map((finding) => ({
        ...span(finding),
        pattern: finding.explanation.pattern,
        views: finding.explanation.views,
        steps: finding.explanation.steps.map((step) => ({
          kind: step.kind,
          detail: detailOf(step),
          score: step.score,
        })),
      })),
      nearMisses: classification.nearMisses.map((miss) => ({ ...span(miss), cause: miss.cause })),
      signals: classification.signals,
      gaps: verdict.kind === 'unknown' ? verdict.gaps : [],
      levers: leversOf(decision.reasons, context.config),
      chars: turn.envelope.document.source.length,
      ms: performance.now() - startedAt,
    },
  };
}

function detailOf(step: ScoreStep): string {
  switch (step.kind) {
    case 'context':
      return step.word;
    case 'model':
      return step.model;
    case 'validated':
    case 'damped':
    case 'combined':
      return step.by;
    case 'pattern':
      return '';
  }
}

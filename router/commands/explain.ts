/** `sluice explain`: what would happen to this request and why. Sends nothing to a cloud (local judges the configuration names are asked, as for a real request), runs nothing, remembers nothing, and prints no value: positions, entities, steps. */
import type { ScoreStep } from '../../classifiers/finding.ts';
import { Command, Option } from 'commander';
import { ERRORS } from '../errors.ts';
import { describeReason } from '../http/decision-headers.ts';
import { prepare, type Turn } from '../pipeline/prepare.ts';
import { readerOf, wireOf } from '../protocols/recognise.ts';
import { type Wire, WIRES } from '../protocols/wires.ts';
import { provision } from '../provision.ts';
import { createLog } from '../telemetry/log.ts';
import { data, dataJson, EXIT, loadOrExit, readInput, talk, talkProblems, oneLine } from './terminal.ts';

export function explainCommand(): Command {
  return new Command('explain')
    .description(
      'Explain the decision for a request of any wire (JSON file or standard input). Sends nothing to a cloud; asks local judges where the configuration names them.',
    )
    .argument('[file]', 'request JSON; standard input when absent or -')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--principal <name>', 'as whom to ask, for conditions and rules', 'explain')
    .addOption(new Option('--wire <name>', 'the wire the request is of; without it told by its shape').choices(WIRES))
    .option('--json', 'print JSON')
    .action(
      async (
        file: string | undefined,
        options: {
          readonly config?: string;
          readonly principal: string;
          readonly wire?: Wire;
          readonly json?: boolean;
        },
      ) => {
        const loaded = loadOrExit(options.config);
        // The environment alone may know no cloud; then the question is answered as if there were one.
        const models = options.config === undefined ? 'stand-ins' : 'configured';
        const provisioned = await provision({
          config: loaded.config,
          digest: loaded.digest,
          environment: process.env,
          log: createLog('silent'),
          models,
          sandbox: 'off',
        });
        if (provisioned.kind === 'invalid') {
          talkProblems(loaded.file, provisioned.problems);
          process.exit(EXIT.unusable);
        }
        const scope = {
          id: 'req_explain',
          principal: options.principal,
          agent: 'main',
          conversationIds: [],
          features: [],
          signal: new AbortController().signal,
        };
        const body = readInput(file);
        const wire = options.wire ?? wireOf(body, loaded.config.listen.maxDepth);
        const prepared = await prepare(body, readerOf(wire), scope, provisioned.context, {
          pass: 'again',
          nearMisses: 'collect',
        });
        await provisioned.close();
        if (prepared.kind === 'problem') {
          talk(
            `${prepared.code}${prepared.pointer === '' ? '' : ` at ${prepared.pointer}`}: ${ERRORS[prepared.code].message}`,
          );
          if (prepared.code === 'invalid_json')
            talk('explain takes a request body, such as {"messages": […]}; for a bare text there is sluice classify');
          process.exit(EXIT.unusable);
        }
        const explanation = { wire, ...explainTurn(prepared.turn) };
        if (options.json === true) dataJson(explanation);
        else for (const line of describeExplanation(wire, explanation)) data(oneLine(line));
      },
    );
}

export interface DecisionExplanation {
  readonly route: string;
  readonly upstream: string;
  readonly label: string;
  readonly verdict: string;
  readonly reasons: readonly string[];
  readonly counterfactual: string;
  readonly complexity: {
    readonly score: number;
    readonly band: string;
    /** Of the score alone: simple, uncertain or complex. */
    readonly zone: string;
    /** Who settled it: score, conversation, tool-loop, judge, default. */
    readonly settledBy: string;
    readonly reasons: readonly { readonly code: string; readonly weight: number }[];
  };
  /** Entities a condition or their number gave another label. */
  readonly relabelled: Turn['weighed']['relabelled'];
  readonly findings: Turn['classification']['verdict']['findings'];
  readonly nearMisses: Turn['classification']['nearMisses'];
  readonly signals: Turn['classification']['signals'];
  readonly gaps: Turn['envelope']['gaps'];
}

export function explainTurn(turn: Turn): DecisionExplanation {
  const { decision, classification, complexity } = turn;
  const { verdict } = classification;
  return {
    route: decision.route.kind,
    upstream: decision.route.kind === 'refuse' ? '' : decision.route.upstream,
    label: decision.label,
    verdict: verdict.kind,
    reasons: decision.reasons.map(describeReason),
    counterfactual: decision.counterfactual,
    complexity: {
      score: complexity.score,
      band: complexity.band,
      zone: complexity.zone,
      settledBy: complexity.settledBy,
      reasons: complexity.reasons,
    },
    relabelled: turn.weighed.relabelled,
    findings: verdict.findings,
    nearMisses: classification.nearMisses,
    signals: classification.signals,
    gaps: verdict.kind === 'unknown' ? verdict.gaps : [],
  };
}

/** A step of a score: what acted, and what the score was after it. */
function stepText(step: ScoreStep): string {
  const what =
    step.kind === 'context'
      ? ` "${step.word}"`
      : 'by' in step
        ? ` by ${step.by}`
        : step.kind === 'model'
          ? ` ${step.model}`
          : '';
  return `${step.kind}${what} ${step.score.toFixed(2)}`;
}

function bandText({ band, zone, settledBy }: DecisionExplanation['complexity']): string {
  return zone === band && settledBy === 'score' ? band : `${zone}, counts as ${band} by ${settledBy}`;
}

function describeExplanation(wire: Wire, explanation: DecisionExplanation): readonly string[] {
  const span = (each: {
    readonly span: { readonly segment: string; readonly start: number; readonly end: number };
  }): string => `${each.span.segment} [${each.span.start}, ${each.span.end})`;
  return [
    `route       ${explanation.route}${explanation.upstream === '' ? '' : ` (${explanation.upstream})`}`,
    `label       ${explanation.label}`,
    `verdict     ${explanation.verdict}`,
    `because     ${explanation.reasons.join(', ')}`,
    `wire        ${wire}`,
    ...(explanation.counterfactual === '' ? [] : [`otherwise   ${explanation.counterfactual}`]),
    `complexity  ${explanation.complexity.score.toFixed(2)} (${bandText(explanation.complexity)})  ${explanation.complexity.reasons.map((reason) => `${reason.code} ${reason.weight >= 0 ? '+' : ''}${reason.weight.toFixed(2)}`).join('  ')}`,
    ...explanation.relabelled.map(
      ({ entity, by, from, to }) => `condition   ${by} takes ${entity} from ${from} to ${to}`,
    ),
    ...explanation.findings.map(
      (finding) =>
        `finding     ${finding.entity} ${finding.score.toFixed(2)} at ${span(finding)} by ${finding.recognizer}: ${finding.explanation.steps.map(stepText).join(' -> ')}${finding.explanation.views.length === 0 ? '' : ` (read as ${finding.explanation.views.join(' > ')})`}`,
    ),
    ...explanation.gaps.map((gap) => `gap         ${gap.cause} at ${gap.pointer || '/'} (${gap.classifier})`),
    ...explanation.signals.map(
      (signal) => `signal      ${signal.kind}:${signal.name} ${signal.score.toFixed(2)} at ${signal.pointer}`,
    ),
    ...explanation.nearMisses.map(
      (miss) =>
        `near miss   ${miss.entity} ${miss.score.toFixed(2)} at ${span(miss)} by ${miss.recognizer}: ${miss.cause}${miss.cause === 'below-threshold' ? ` (needs ${miss.threshold})` : ''}`,
    ),
  ];
}

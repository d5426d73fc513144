/**
 * What Sluice would make of one row under one policy: the way of a request from parse to decision, with no memory of conversations, no model asked
 * and nothing sent. A row that is no readable request is a problem, never a clean one.
 */
import type { Classifier } from '../../classifiers/classifier.ts';
import { type Band, bandOf } from '../../classifiers/complexity/band.ts';
import { scoreComplexity } from '../../classifiers/complexity/score.ts';
import type { Finding, NearMiss } from '../../classifiers/finding.ts';
import type { Label, Signal, Verdict } from '../../classifiers/verdict.ts';
import type { ConfigProblem } from '../../config/explain.ts';
import type { Config, UpstreamConfig } from '../../config/schema.ts';
import type { RouteKind } from '../decision.ts';
import { parseJson } from '../json/parse.ts';
import { complexityInput } from '../pipeline/complexity-input.ts';
import { compilePolicy } from '../policy/compile.ts';
import { type CompiledPolicy, decide } from '../policy/decide.ts';
import { textsOf, weighEntities } from '../policy/entity-policy.ts';
import { provePolicy } from '../policy/prove.ts';
import { openaiChat } from '../protocols/openai-chat.ts';
import { IN_MESSAGES } from '../protocols/whereabouts.ts';
import { buildClassifier, standInUpstreams } from '../provision.ts';
import type { EvaluationRow } from './row.ts';

export interface Judgement {
  readonly kind: 'judgement';
  readonly verdict: Verdict['kind'];
  readonly label: Label;
  readonly findings: readonly Finding[];
  readonly nearMisses: readonly NearMiss[];
  readonly signals: readonly Signal[];
  /** Kept inside by what was found: not clean, or an attempt on the policy. */
  readonly held: boolean;
  readonly route: RouteKind;
  readonly complexity: number;
  readonly band: Band;
  /** Classification alone, without parsing. */
  readonly classifyMs: number;
}
export type Judged = Judgement | { readonly kind: 'problem'; readonly code: string; readonly pointer: string };

export interface Judge {
  readonly config: Config;
  readonly policy: CompiledPolicy;
  /** No cloud upstream is configured, so routes are those the built-in stand-ins would give. */
  readonly standIns: boolean;
  judge(row: EvaluationRow, options: { readonly nearMisses: 'collect' | 'omit' }): Promise<Judged>;
  /** Whether the row would go outwards if it counted as complex; undefined for a row that cannot be read. */
  mayLeave(row: EvaluationRow): Promise<{ readonly complexity: number; readonly leaves: boolean } | undefined>;
}

export type CreatedJudge =
  | { readonly kind: 'judge'; readonly judge: Judge }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] };

/** Who asks, for conditions. */
const PRINCIPAL = 'evaluate';
/** As the listener's own limits; rows of a file are no larger than requests. */
const MAX_LEAVES = 500_000;

/** createJudge proves and builds one policy. `config` must come from the loader. */
export function createJudge(config: Config): CreatedJudge {
  const standIns = !config.upstreams.some((upstream) => upstream.kind !== 'ollama');
  const upstreams: readonly UpstreamConfig[] = standIns ? standInUpstreams(config) : config.upstreams;
  const problems = [...provePolicy(config, upstreams)];
  // Equal rows must cost what they cost the first time.
  const built = buildClassifier({ ...config, classify: { ...config.classify, cacheEntries: 0 } });
  if (built.kind === 'invalid') problems.push(...built.problems);
  if (built.kind === 'invalid' || problems.length > 0) return { kind: 'invalid', problems };
  return {
    kind: 'judge',
    judge: new PolicyJudge(config, built.classifier, compilePolicy(config, upstreams), standIns),
  };
}

class PolicyJudge implements Judge {
  readonly config: Config;
  readonly standIns: boolean;
  readonly policy: CompiledPolicy;
  readonly #classifier: Classifier;

  constructor(config: Config, classifier: Classifier, policy: CompiledPolicy, standIns: boolean) {
    this.config = config;
    this.standIns = standIns;
    this.#classifier = classifier;
    this.policy = policy;
  }

  async judge(row: EvaluationRow, options: { readonly nearMisses: 'collect' | 'omit' }): Promise<Judged> {
    return await this.#judge(row, options.nearMisses, undefined);
  }

  async mayLeave(row: EvaluationRow): Promise<{ readonly complexity: number; readonly leaves: boolean } | undefined> {
    const judged = await this.#judge(row, 'omit', 'complex');
    if (judged.kind === 'problem') return undefined;
    return { complexity: judged.complexity, leaves: judged.route === 'cloud' || judged.route === 'cloud-masked' };
  }

  /** `band` given takes the place of the row's own. */
  async #judge(row: EvaluationRow, nearMisses: 'collect' | 'omit', band: Band | undefined): Promise<Judged> {
    const parsed = parseJson(Buffer.from(row.request), {
      maxDepth: this.config.listen.maxDepth,
      maxLeaves: MAX_LEAVES,
    });
    if (parsed.kind === 'problem')
      return { kind: 'problem', code: parsed.problem.code, pointer: parsed.problem.pointer };
    const { document } = parsed;
    const read = openaiChat.read(document);
    if (read.kind === 'problem') return { kind: 'problem', code: read.problem.code, pointer: read.problem.pointer };
    const startedAt = performance.now();
    const classified = await this.#classifier.classify(read.segments, read.gaps, {
      signal: new AbortController().signal,
      nearMisses,
    });
    const classifyMs = performance.now() - startedAt;
    const weighed = weighEntities(
      classified,
      {
        model: read.model,
        tools: read.chat.tools.map((tool) => tool.name),
        principal: PRINCIPAL,
        protocol: openaiChat.name,
        chars: document.source.length,
        turns: read.chat.messages.length,
        textAt: textsOf(() => read.segments),
      },
      this.policy,
    );
    const { classification } = weighed;
    const { verdict, signals } = classification;
    const scored = scoreComplexity(
      complexityInput(
        {
          id: 'req_evaluate',
          protocol: openaiChat.name,
          principal: PRINCIPAL,
          model: read.model,
          document,
          segments: read.segments,
          gaps: read.gaps,
          chat: read.chat,
          where: IN_MESSAGES,
        },
        this.config,
      ),
    );
    const settled = band ?? bandOf(scored.score, this.config.complexity, undefined);
    const decision = decide(
      {
        verdict,
        signals,
        session: { label: this.config.labels[0] ?? '', maskable: true },
        toolSawSensitive: false,
        complexity: scored.score,
        band: settled,
        model: read.model,
        localModels: [],
        tools: read.chat.tools.map((tool) => tool.name),
        principal: PRINCIPAL,
        protocol: openaiChat.name,
        chars: document.source.length,
        turns: read.chat.messages.length,
        relabelled: weighed.relabelled,
      },
      weighed.policy,
    );
    return {
      kind: 'judgement',
      verdict: verdict.kind,
      label: verdict.label,
      findings: verdict.findings,
      nearMisses: classification.nearMisses,
      signals,
      held: verdict.kind !== 'clean' || signals.some(({ kind }) => kind === 'control-text' || kind === 'evasion'),
      route: decision.route.kind,
      complexity: scored.score,
      band: settled,
      classifyMs,
    };
  }
}

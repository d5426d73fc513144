/**
 * Config to a Context that can serve: proof, upstreams, classifier, sandbox, memory. Says what is missing and how to get it. Fails closed: a
 * configuration whose proof fails, or a secret that is not there, is `invalid`, and nothing is served.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Classifier } from '../classifiers/classifier.ts';
import { createClassifier } from '../classifiers/classify.ts';
import { builtInRecognizers, builtInTaggers } from '../classifiers/registry.ts';
import type { Recognizer } from '../classifiers/recognizer.ts';
import { loadRuleFile } from '../classifiers/rules/load.ts';
import type { ConfigProblem } from '../config/explain.ts';
import { type Environment, stateDirOf } from '../config/load.ts';
import type { Config, UpstreamConfig } from '../config/schema.ts';
import { createToolExecutor } from '../sandbox/client.ts';
import type { ToolExecutor } from '../sandbox/executor.ts';
import { policyProblems } from '../sandbox/policy-problems.ts';
import { toSandboxPolicy } from '../sandbox/policy.ts';
import { BUNDLED_TOOL_NAMES } from '../sandbox/tools/catalogue.ts';
import { BodyBudget } from './http/body-budget.ts';
import { openAudit } from './audit/audit.ts';
import { auditExecutor } from './audit/audited-executor.ts';
import { auditClouds } from './audit/audited-upstream.ts';
import type { PolicyInForce } from './audit/event.ts';
import type { Head } from './audit/table.ts';
import { createMaskStore } from './masking/store.ts';
import type { Context } from './pipeline/context.ts';
import { createPendingRounds } from './pipeline/pending-rounds.ts';
import { compilePolicy } from './policy/compile.ts';
import { provePolicy } from './policy/prove.ts';
import { isLocal } from './policy/targets.ts';
import { type Peers, sharePending } from './processes/peers.ts';
import { processProblems } from './processes/shares.ts';
import { KeyRing } from './principals/key-ring.ts';
import { createLimits } from './principals/limits.ts';
import { recordSandboxEvent } from './sandbox-surface/record-sandbox-event.ts';
import { createSealedResponses } from './responses/sealed-responses.ts';
import { createResponseStore, type ResponseStore } from './responses/response-store.ts';
import { createSealMemory, type SealMemory } from './seals.ts';
import { createSessionMemory } from './sessions/memory.ts';
import { openComplexityJudge } from './deep/complexity-judge.ts';
import { openDeepTier } from './deep/open-deep-tier.ts';
import { openState } from './store/open-state.ts';
import type { Store } from './store/store.ts';
import type { Log } from './telemetry/log.ts';
import { FeedbackStore } from './feedback/feedback-store.ts';
import { Sampler } from './feedback/sampler.ts';
import { Shadow } from './shadow/shadow.ts';
import { SandboxLog } from './telemetry/sandbox-log.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { Telemetry } from './telemetry/telemetry.ts';
import { openCollector } from './upstreams/collector.ts';
import type { CountOutcome } from './upstreams/gated-cloud.ts';
import { anyModelIn, closeUpstreams, openUpstreams } from './upstreams/open.ts';

const VERSION = '0.1.0';
/** Heads go into the log so often: whoever keeps logs elsewhere can see a cut at the chain's end. */
const HEAD_MS = 600_000;

export interface ProvisionOptions {
  readonly config: Config;
  readonly digest: string;
  /** The file the config came from: no workspace may hold it. Empty when there was none. */
  readonly configFile?: string;
  readonly environment: Environment;
  readonly log: Log;
  /**
   * `stand-ins`: the demo's built-in models take the place of whatever upstreams the configuration names. `stand-ins-if-alone`: only where
   * none of those is in reach.
   */
  readonly models: 'configured' | 'stand-ins' | 'stand-ins-if-alone';
  /** `off` leaves the broker unstarted, for commands that run no tools; an executor is taken as it is. */
  readonly sandbox: 'on' | 'off' | ToolExecutor;
  /** Other processes behind the same port. */
  readonly peers?: Peers;
}

export type Provisioned =
  | {
      readonly kind: 'context';
      readonly context: Context;
      readonly close: () => Promise<void>;
      /** The executor itself, whose calls nobody records: for processes that write receipts of their own. */
      readonly bareExecutor: ToolExecutor;
    }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] };

/** Stand-ins for the demo. The cloud one may see only the lowest label, as a real one would by default. */
export function standInUpstreams(config: Config): readonly UpstreamConfig[] {
  const timeouts = { connectTimeoutMs: 5_000, firstByteTimeoutMs: 60_000, idleTimeoutMs: 60_000 };
  return [
    { kind: 'stand-in', name: 'local', sees: config.labels.at(-1) ?? '', model: 'stand-in-local', ...timeouts },
    { kind: 'stand-in', name: 'cloud', sees: config.labels[0] ?? '', model: 'stand-in-cloud', ...timeouts },
  ];
}

/** The demo shows the sandbox at work, so it offers the bundled tools where nobody chose any. */
function withDemoTools(config: Config): Config {
  const { tools } = config;
  // Pools and aliases name upstreams that stand-ins took the place of.
  return { ...config, pools: {}, aliases: {}, tools: tools.offer.length > 0 ? tools : { ...tools, offer: ['all'] } };
}

export async function provision(options: ProvisionOptions): Promise<Provisioned> {
  const { environment } = options;
  const metrics = createMetrics();
  const count: CountOutcome = (upstream, outcome) => metrics.upstreamRequests.inc({ upstream, outcome });
  let opened = openUpstreams(options.config.upstreams, environment, { ...options.config, count });
  const demo =
    options.models === 'stand-ins' ||
    (options.models === 'stand-ins-if-alone' && opened.problems.length === 0 && !(await anyModelIn(opened)));
  const config = demo ? withDemoTools(options.config) : options.config;
  const upstreams: readonly UpstreamConfig[] = demo ? standInUpstreams(config) : config.upstreams;
  if (demo) {
    await closeUpstreams(opened);
    opened = openUpstreams(upstreams, environment);
  }
  const classifier = buildClassifier(config);
  const collector = openCollector(config.telemetry.traces, environment);
  const problems = [
    ...provePolicy(config, upstreams),
    ...sandboxProblems(config),
    ...processProblems(config),
    ...opened.problems,
    ...(collector.kind === 'invalid' ? [collector.problem] : []),
    ...(classifier.kind === 'invalid' ? classifier.problems : []),
  ];
  if (problems.length > 0 || classifier.kind === 'invalid') {
    await closeUpstreams(opened);
    return { kind: 'invalid', problems };
  }
  const { locals, pools, gates } = opened;
  const deepened = await openDeepTier(classifier.classifier, config, locals);
  const judging = openComplexityJudge(config, locals);
  if (deepened.kind === 'invalid' || judging.kind === 'invalid') {
    await closeUpstreams(opened);
    return {
      kind: 'invalid',
      problems: [deepened, judging].flatMap((each) => (each.kind === 'invalid' ? each.problems : [])),
    };
  }
  const state = await openState({
    config,
    environment,
    ...(demo
      ? {
          volatile: {
            key: randomBytes(32),
            stateDir:
              config.stateDir === '' ? mkdtempSync(join(tmpdir(), 'sluice-demo-')) : stateDirOf(config, environment),
          },
        }
      : {}),
  });
  if (state.kind === 'invalid') {
    await closeUpstreams(opened);
    return state;
  }
  const { key, store, stateDir } = state;
  const sandboxLog = new SandboxLog();
  const noted = noteHeads(options.log);
  const auditing = await openAudit({
    config: config.audit,
    installationKey: key,
    environment,
    at: state.auditAt,
    opening: { kind: 'start', version: VERSION, ...rulesOf(config, upstreams, options.digest) },
    onFault(reason, waiting) {
      metrics.auditFailures.inc();
      options.log.error({ event: 'audit-failed', reason, waiting }, 'audit-failed');
    },
    onHead: noted,
  });
  if (auditing.kind === 'failed') {
    await Promise.all([closeUpstreams(opened), store.close()]);
    return { kind: 'invalid', problems: [{ path: auditing.path, message: auditing.reason }] };
  }
  const { audit } = auditing;
  const bare =
    options.sandbox === 'on'
      ? await createToolExecutor({
          config: config.sandbox,
          labels: config.labels,
          stateDir,
          ...(options.configFile === undefined || options.configFile === '' ? {} : { configFile: options.configFile }),
          onEvent: (event) => {
            recordSandboxEvent(event, options.log, metrics);
            sandboxLog.add(event);
          },
        })
      : options.sandbox === 'off'
        ? sandboxOff(config)
        : options.sandbox;
  const executor = auditExecutor(bare, audit.log);
  const clouds = auditClouds(opened.clouds, audit);
  const keys = await KeyRing.open(store.database, key);
  const { peers } = options;
  const limits = createLimits(store.database, peers?.takeRate);
  const pending = createPendingRounds();
  sharePending(peers, pending);
  const context: Context = {
    config,
    policyDigest: options.digest,
    policy: compilePolicy(config, upstreams),
    classifier: deepened.classifier,
    complexityJudge: judging.judge,
    store,
    memory: createSessionMemory({ key, ladder: config.labels, marks: store.marks, bands: store.bands }),
    key,
    audit,
    keys,
    limits,
    locals,
    clouds,
    pools,
    gates,
    executor,
    masks: createMaskStore(key, {}, config.sessions.placeholderDays > 0 ? store.placeholders : undefined),
    pending,
    ...(peers === undefined ? {} : { peers }),
    seals: openSeals(config, key, store, options.log),
    bodies: new BodyBudget(config.listen.maxOpenBytes),
    responses: openResponses(config, store, options.log),
    metrics,
    telemetry: new Telemetry({
      config,
      upstreams,
      metrics,
      onFault: (error) => options.log.error({ err: error, event: 'telemetry-fault' }, 'telemetry-fault'),
      ...(collector.kind === 'collector' ? { send: collector.collector.send } : {}),
    }),
    shadow: new Shadow((outcome) => metrics.shadowDecisions.inc({ outcome })),
    feedback: new FeedbackStore(store, config.telemetry.feedbackDays),
    samples: new Sampler({
      store,
      config,
      policyDigest: options.digest,
      count: (outcome) => metrics.samples.inc({ outcome }),
    }),
    sandboxLog,
    stateDir,
    log: options.log,
    demo,
  };
  const close = async (): Promise<void> => {
    await Promise.all([executor.close(), closeUpstreams(opened), context.telemetry.close()]);
    if (collector.kind === 'collector') await collector.collector.close();
    await audit.close();
    await limits.close();
    await store.close();
    if (demo && config.stateDir === '') rmSync(stateDir, { recursive: true, force: true });
  };
  return { kind: 'context', context, close, bareExecutor: bare };
}

/** What an audit's reader has to know of the policy in force. */
export function rulesOf(config: Config, upstreams: readonly UpstreamConfig[], digest: string): PolicyInForce {
  return {
    policy: digest.slice(0, 12),
    ladder: config.labels,
    upstreams: upstreams.map((each) => ({
      name: each.name,
      kind: isLocal(each) ? 'local' : 'cloud',
      sees: each.sees,
    })),
    required: config.audit.required,
    sampling: config.telemetry.sampling.share,
  };
}

function openResponses(config: Config, store: Store, log: Log): ResponseStore {
  const { store: where, maxResponses, maxBytes, maxAgeMs } = config.surfaces.responses;
  const memory = createResponseStore({ maxResponses, maxChars: maxBytes, maxAgeMs });
  if (where !== 'store') return memory;
  const kept = store.kept('response', { maxPerOwner: maxResponses });
  const onFault = (error: unknown): void => log.error({ err: error, event: 'store-failed' }, 'store-failed');
  return createSealedResponses(memory, kept, { maxAgeMs, onFault });
}

/** Digests of a principal that are kept; a day of several agents makes some thousand. */
const SEALS_KEPT = 20_000;

function openSeals(config: Config, key: Buffer, store: Store, log: Log): SealMemory {
  const { placeholderDays } = config.sessions;
  if (placeholderDays === 0) return createSealMemory(key);
  return createSealMemory(key, undefined, {
    objects: store.kept('seal', { maxPerOwner: SEALS_KEPT }),
    ttlMs: placeholderDays * 86_400_000,
    onFault: (error) => log.error({ err: error, event: 'store-failed' }, 'store-failed'),
  });
}

function noteHeads(log: Log): (head: Head) => void {
  let last = -Infinity;
  return ({ n, hash }) => {
    if (performance.now() - last < HEAD_MS) return;
    last = performance.now();
    log.info({ event: 'audit-head', n, hash }, 'audit-head');
  };
}

/** What the broker's engine would find unfit once it runs, found before anything is started. */
export function sandboxProblems(config: Config): readonly ConfigProblem[] {
  return policyProblems(toSandboxPolicy(config.sandbox, config.labels, BUNDLED_TOOL_NAMES)).map((problem) => {
    const colon = problem.indexOf(': ');
    return { path: problem.slice(0, colon), message: problem.slice(colon + 2) };
  });
}

export function buildClassifier(
  config: Config,
):
  | { readonly kind: 'classifier'; readonly classifier: Classifier }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const extra: Recognizer[] = [];
  const builtIn = builtInRecognizers();
  const entities = new Set([...builtIn, ...builtInTaggers()].flatMap((each) => each.entities));
  config.classify.recognizerFiles.forEach((file, index) => {
    const path = `classify.recognizerFiles[${index}]`;
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      problems.push({ path, message: `cannot read ${file}` });
      return;
    }
    const loaded = loadRuleFile(file, text, entities);
    if (loaded.kind === 'invalid')
      problems.push(
        ...loaded.problems.map((problem) => ({ path, message: `${file}:${problem.line}: ${problem.message}` })),
      );
    else extra.push(...loaded.recognizers);
  });
  if (problems.length > 0) return { kind: 'invalid', problems };
  return {
    kind: 'classifier',
    classifier: createClassifier(config.classify, config.labels, {
      recognizers: [...builtIn, ...extra],
      taggers: builtInTaggers(),
    }),
  };
}

function sandboxOff(config: Config): ToolExecutor {
  const status = {
    backend: config.sandbox.mode,
    usable: false,
    reason: 'the sandbox was not started for this command.',
    claims: [],
    probedAt: 0,
    policyDigest: '',
  } as const;
  const receipt = (tool: string) => ({
    tool,
    backend: config.sandbox.mode,
    policyDigest: '',
    probeAgeMs: 0,
    attested: {},
    durationMs: 0,
  });
  return {
    offered: () => [],
    run: (request) =>
      Promise.resolve({
        kind: 'refused',
        code: 'sandbox-unavailable',
        message: 'The sandbox was not started for this command.',
        receipt: receipt(request.tool),
      }),
    status: () => status,
    verify: () => Promise.resolve(status),
    close: () => Promise.resolve(),
  };
}

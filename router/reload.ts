/**
 * The context in force, and how another takes its place: read, proved and built beside the old one, then swapped between two requests. Fails closed: a file that
 * cannot be read, a policy that could leak or a key that needs a restart changes nothing, and says so.
 */
import { type Stats, unwatchFile, watchFile } from 'node:fs';
import { auditClouds } from './audit/audited-upstream.ts';
import type { ConfigProblem } from '../config/explain.ts';
import { type Environment, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { openComplexityJudge } from './deep/complexity-judge.ts';
import { openDeepTier } from './deep/open-deep-tier.ts';
import { Sampler } from './feedback/sampler.ts';
import type { Context } from './pipeline/context.ts';
import { compilePolicy } from './policy/compile.ts';
import { provePolicy } from './policy/prove.ts';
import { buildClassifier, rulesOf } from './provision.ts';
import { changesBetween, type KeyChange } from './shadow/config-change.ts';
import { Telemetry } from './telemetry/telemetry.ts';
import { openCollector } from './upstreams/collector.ts';
import { closeUpstreams, openUpstreams } from './upstreams/open.ts';

export interface Reloaded {
  readonly kind: 'unchanged' | 'reloaded' | 'would-reload' | 'invalid' | 'needs-restart' | 'unavailable';
  /** First digits of the digest of the policy in force afterwards. */
  readonly policy: string;
  readonly changes: readonly KeyChange[];
  readonly problems: readonly ConfigProblem[];
}

/** What is bound to the process: listener, state, the broker's policy, the ladder that marks are written in, and how many are held. */
const BOUND = [
  'listen',
  'stateDir',
  'store',
  'audit',
  'sandbox',
  'labels',
  'log',
  'sessions.maxEntries',
  'telemetry.decisions',
  'telemetry.feedbackDays',
];
/** How often the file is looked at. */
const WATCH_MS = 2_000;
/** Longest a reply of the old context may still need its upstreams. */
const LINGER_MS = 30 * 60_000;

/** Processes under this one's configuration: it is in force in all of them, or in none. */
export interface Others {
  /** What keeps one of them from it; empty when all hold it ready. */
  prepare(config: Config, digest: string): Promise<readonly ConfigProblem[]>;
  commit(digest: string): Promise<void>;
  abort(): void;
}

/** A context that was built and is not yet in force. */
export type Prepared =
  | { readonly kind: 'built'; readonly swap: () => void; readonly drop: () => Promise<void> }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] };

export interface LiveOptions {
  readonly context: Context;
  readonly close: () => Promise<void>;
  /** Absolute; empty when there is none, and then there is nothing to reload. */
  readonly configFile: string;
  readonly environment: Environment;
}

export class LiveContext {
  readonly #options: LiveOptions;
  readonly #closers: (() => Promise<void>)[];
  #context: Context;
  #last: Promise<unknown> = Promise.resolve();
  #others: Others | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#closers = [options.close];
  }

  get current(): Context {
    return this.#context;
  }

  get environment(): Environment {
    return this.#options.environment;
  }

  get configFile(): string {
    return this.#options.configFile;
  }

  /** lead has others follow: from now on a reload is theirs too. `context` knows of them. */
  lead(others: Others, context: Context): void {
    this.#others = others;
    this.#context = context;
  }

  /** prepare is for a process that follows: what it is given was proved by the first, and becomes this process's own record in the audit. */
  async prepare(config: Config, digest: string): Promise<Prepared> {
    const changes = changesBetween(this.#context.config, config);
    const built = await this.#build(config, digest);
    if (built.kind === 'invalid') return built;
    return {
      kind: 'built',
      swap: () => {
        this.#swap(built);
        this.#record('reloaded', changes);
      },
      drop: built.close,
    };
  }

  /** One at a time, in the order asked for. */
  reload(how: 'apply' | 'dry-run'): Promise<Reloaded> {
    const next = this.#last.then(() => this.#reload(how));
    this.#last = next.catch(() => undefined);
    return next;
  }

  /**
   * Reloads when the file changes. Looked at by its times and size, not by events: a file that an orchestrator swaps by a link (a ConfigMap) or an editor by a rename is the same path and
   * another file, which events lose. Answers what ends it.
   */
  watch(everyMs = WATCH_MS): () => void {
    const { configFile } = this.#options;
    if (configFile === '') return () => undefined;
    const look = (now: Stats, before: Stats): void => {
      // A file that is gone for a moment is being replaced; one that stays away changes nothing either.
      if (now.mtimeMs === 0 || (now.mtimeMs === before.mtimeMs && now.size === before.size && now.ino === before.ino))
        return;
      void this.reload('apply');
    };
    watchFile(configFile, { interval: everyMs, persistent: false }, look);
    return () => unwatchFile(configFile, look);
  }

  async close(): Promise<void> {
    // The newest first: the first one owns what the others borrowed.
    for (const close of this.#closers.toReversed()) await close();
  }

  async #reload(how: 'apply' | 'dry-run'): Promise<Reloaded> {
    const before = this.#context;
    const { configFile, environment } = this.#options;
    const answer = (kind: Reloaded['kind'], more: Partial<Reloaded> = {}): Reloaded => {
      const reloaded = { kind, policy: this.#context.policyDigest.slice(0, 12), changes: [], problems: [], ...more };
      if (how === 'apply') this.#tell(reloaded);
      return reloaded;
    };
    if (configFile === '' || before.demo) return answer('unavailable');
    const loaded = loadConfig(configFile, environment);
    if (loaded.kind === 'invalid') return answer('invalid', { problems: loaded.problems });
    // Address and port may have come from the command line.
    const config: Config = {
      ...loaded.config,
      listen: { ...loaded.config.listen, host: before.config.listen.host, port: before.config.listen.port },
    };
    const changes = changesBetween(before.config, config);
    if (changes.length === 0) return answer('unchanged');
    const bound = BOUND.filter((key) =>
      changes.some(
        (change) => change.key === key || change.key.startsWith(`${key}.`) || change.key.startsWith(`${key}[`),
      ),
    );
    if (bound.length > 0)
      return answer('needs-restart', {
        changes,
        problems: bound.map((key) => ({ path: key, message: 'takes effect with the next start only' })),
      });
    const built = await this.#build(config, loaded.digest);
    if (built.kind === 'invalid') return answer('invalid', { changes, problems: built.problems });
    if (how === 'dry-run') {
      await built.close();
      return answer('would-reload', { changes });
    }
    const unready = (await this.#others?.prepare(config, loaded.digest)) ?? [];
    if (unready.length > 0) {
      this.#others?.abort();
      await built.close();
      return answer('invalid', { changes, problems: unready });
    }
    this.#swap(built);
    await this.#others?.commit(loaded.digest);
    return answer('reloaded', { changes });
  }

  #swap({ context, close }: { readonly context: Context; readonly close: () => Promise<void> }): void {
    // A candidate was held against the policy that is gone.
    this.#context.shadow.stop();
    this.#context = context;
    const previous = this.#closers.length > 1 ? this.#closers.pop() : undefined;
    this.#closers.push(close);
    // Replies that began under the old policy end under it.
    if (previous !== undefined) setTimeout(() => void previous(), LINGER_MS).unref();
  }

  /** Everything a policy decides is built anew; what remembers, counts and runs goes over as it is. */
  async #build(
    config: Config,
    digest: string,
  ): Promise<
    | { readonly kind: 'built'; readonly context: Context; readonly close: () => Promise<void> }
    | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] }
  > {
    const before = this.#context;
    const { environment } = this.#options;
    const opened = openUpstreams(config.upstreams, environment, {
      ...config,
      count: (upstream, outcome) => before.metrics.upstreamRequests.inc({ upstream, outcome }),
    });
    const collector = openCollector(config.telemetry.traces, environment);
    const classifier = buildClassifier(config);
    const problems = [
      ...provePolicy(config, config.upstreams),
      ...opened.problems,
      ...(collector.kind === 'invalid' ? [collector.problem] : []),
      ...(classifier.kind === 'invalid' ? classifier.problems : []),
    ];
    if (classifier.kind === 'invalid' || problems.length > 0) {
      void closeUpstreams(opened);
      return { kind: 'invalid', problems };
    }
    const deepened = await openDeepTier(classifier.classifier, config, opened.locals);
    const judging = openComplexityJudge(config, opened.locals);
    if (deepened.kind === 'invalid' || judging.kind === 'invalid') {
      void closeUpstreams(opened);
      return {
        kind: 'invalid',
        problems: [deepened, judging].flatMap((each) => (each.kind === 'invalid' ? each.problems : [])),
      };
    }
    const telemetry = new Telemetry({
      config,
      upstreams: config.upstreams,
      metrics: before.metrics,
      onFault: (error) => before.log.error({ err: error, event: 'telemetry-fault' }, 'telemetry-fault'),
      before: before.telemetry,
      ...(collector.kind === 'collector' ? { send: collector.collector.send } : {}),
    });
    return {
      kind: 'built',
      context: {
        ...before,
        config,
        policyDigest: digest,
        policy: compilePolicy(config, config.upstreams),
        classifier: deepened.classifier,
        complexityJudge: judging.judge,
        locals: opened.locals,
        pools: opened.pools,
        gates: opened.gates,
        clouds: auditClouds(opened.clouds, before.audit),
        telemetry,
        samples: new Sampler({
          store: before.store,
          config,
          policyDigest: digest,
          count: (outcome) => before.metrics.samples.inc({ outcome }),
        }),
      },
      async close() {
        await Promise.all([closeUpstreams(opened), telemetry.close()]);
        if (collector.kind === 'collector') await collector.collector.close();
      },
    };
  }

  #tell({ kind, policy, changes, problems }: Reloaded): void {
    const { log, metrics } = this.#context;
    metrics.reloads.inc({ outcome: kind });
    this.#record(kind, changes);
    const fields = { event: 'reload', outcome: kind, policy, changes: changes.map(({ key }) => key), problems };
    if (kind === 'reloaded' || kind === 'unchanged') log.info(fields, 'reload');
    else log.error(fields, 'reload');
  }

  #record(outcome: Reloaded['kind'], changes: readonly KeyChange[]): void {
    const { config, policyDigest, audit } = this.#context;
    audit.log.append({
      kind: 'reload',
      outcome,
      applied: outcome === 'reloaded',
      changes: changes.map(({ key }) => key),
      ...rulesOf(config, config.upstreams, policyDigest),
    });
  }
}

/** Everything a request needs that outlives it. Built once by main; a reload builds a new one and swaps it whole. */
import type { Classifier } from '../../classifiers/classifier.ts';
import type { Config } from '../../config/schema.ts';
import type { ToolExecutor } from '../../sandbox/executor.ts';
import type { BodyBudget } from '../http/body-budget.ts';
import type { Audit } from '../audit/audit.ts';
import type { ComplexityJudge } from '../deep/complexity-judge.ts';
import type { AuditedClouds } from '../audit/audited-upstream.ts';
import type { MaskStore } from '../masking/store.ts';
import type { Fleet } from '../processes/fleet.ts';
import type { Peers } from '../processes/peers.ts';
import type { KeyRing } from '../principals/key-ring.ts';
import type { Limits } from '../principals/limits.ts';
import type { CompiledPolicy } from '../policy/decide.ts';
import type { ResponseStore } from '../responses/response-store.ts';
import type { SealMemory } from '../seals.ts';
import type { SessionMemory } from '../sessions/memory.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Shadow } from '../shadow/shadow.ts';
import type { FeedbackStore } from '../feedback/feedback-store.ts';
import type { Sampler } from '../feedback/sampler.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { SandboxLog } from '../telemetry/sandbox-log.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { ClientKey } from '../upstreams/client-key.ts';
import type { Gate } from '../upstreams/gate.ts';
import type { Pool } from '../upstreams/pool.ts';
import type { LocalUpstream } from '../upstreams/upstream.ts';
import type { PendingRounds } from './pending-rounds.ts';

export interface Context {
  readonly config: Config;
  /** Digest of the configuration, hex; the first 12 digits go into headers. */
  readonly policyDigest: string;
  readonly policy: CompiledPolicy;
  readonly classifier: Classifier;
  /** Settles the uncertain band; undefined where none is named. */
  readonly complexityJudge: ComplexityJudge | undefined;
  readonly store: Store;
  readonly memory: SessionMemory;
  /** Key of all digests of this installation. */
  readonly key: Buffer;
  readonly audit: Audit;
  readonly keys: KeyRing;
  readonly limits: Limits;
  readonly locals: ReadonlyMap<string, LocalUpstream>;
  readonly clouds: AuditedClouds;
  /** Pools of cloud upstreams; a pool of local ones is a local upstream. */
  readonly pools: ReadonlyMap<string, Pool>;
  readonly gates: ReadonlyMap<string, Gate>;
  readonly executor: ToolExecutor;
  readonly masks: MaskStore;
  readonly pending: PendingRounds;
  readonly seals: SealMemory;
  /** What all open requests hold of their bodies. */
  readonly bodies: BodyBudget;
  readonly responses: ResponseStore;
  /** Other processes behind the same port; absent for one alone. */
  readonly peers?: Peers;
  /** In the first process of several: those that serve. */
  readonly fleet?: Fleet;
  readonly metrics: Metrics;
  readonly telemetry: Telemetry;
  readonly shadow: Shadow;
  readonly feedback: FeedbackStore;
  readonly samples: Sampler;
  readonly sandboxLog: SandboxLog;
  /** Where labels, keys and the audit live. */
  readonly stateDir: string;
  readonly log: Log;
  /** Stand-in models answer: every reply says so. */
  readonly demo: boolean;
}

/** What is fixed for one HTTP request. */
export interface RequestScope {
  readonly id: string;
  readonly principal: string;
  readonly agent: string;
  /** Values of headers that name the conversation. */
  readonly conversationIds: readonly string[];
  /** Features of its wire that the client asked for in headers, each of a form that says nothing else. */
  readonly features: readonly string[];
  /** Only for upstreams whose configuration forwards it. */
  readonly clientKey?: ClientKey;
  readonly signal: AbortSignal;
  /** What the conversation is already known to be, from what it was continued from. */
  readonly floor?: { readonly label: string; readonly maskable: boolean };
}

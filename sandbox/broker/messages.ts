/** What the router, the engine and the executor may say to each other. Strict: one unknown member ends the connection. */
import { z } from 'zod';
import type { Outcome } from '../backend.ts';
import { egressEvent } from '../egress/egress-event.ts';
import type { EndpointReport } from '../executor.ts';
import type { ExecutionPlan, SignedPlan } from '../plan.ts';
import { alertEvent, watched } from '../watch/alert-event.ts';

const sequence = z.int().min(0);
const mode = z.enum(['bubblewrap', 'docker', 'docker+gvisor', 'host', 'deny']);
const refusalCode = z.enum([
  'unknown-tool',
  'malformed-arguments',
  'denied-by-policy',
  'path-refused',
  'sandbox-unavailable',
  'claim-unproved',
  'broker-unavailable',
  'busy',
  'aborted',
  'session-ended',
  'outcome-unknown',
]);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const boundedOutput = z.strictObject({ head: z.string(), tail: z.string(), omittedBytes: z.int().min(0) });
const attestation = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const toolRequest = z.strictObject({
  id: z.string(),
  tool: z.string(),
  arguments: z.string(),
  principal: z.string(),
  session: z.string(),
  agent: z.string(),
  label: z.string(),
  atMost: z
    .strictObject({
      mode: z.literal('deny').exactOptional(),
      network: z.literal('none').exactOptional(),
      workspace: z.enum(['none', 'ro', 'cow']).exactOptional(),
      timeoutMs: z.int().min(1).exactOptional(),
      outputBytes: z.int().min(1).exactOptional(),
    })
    .exactOptional(),
});

const signedPlan: z.ZodType<SignedPlan> = z.strictObject({ body: z.string(), signature: z.string() });

const limits = z.strictObject({
  wallMs: z.int().min(1),
  memoryBytes: z.int().min(1),
  processes: z.int().min(1),
  outputBytes: z.int().min(1),
  diskBytes: z.int().min(1),
  fileBytes: z.int().min(1),
});
export const executionPlan: z.ZodType<ExecutionPlan> = z.strictObject({
  callId: z.string(),
  tool: z.string(),
  mode,
  argv: z.tuple([z.string()], z.string()),
  stdin: z.base64(),
  cwd: z.string().startsWith('/'),
  env: z.record(z.string(), z.string()),
  workspace: z.discriminatedUnion('access', [
    z.strictObject({ access: z.literal('none') }),
    z.strictObject({ access: z.enum(['ro', 'rw', 'cow']), source: z.string().startsWith('/') }),
  ]),
  home: z.string(),
  egress: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('proxy'), socket: z.string().startsWith('/') }),
  ]),
  limits,
  terminal: z
    .strictObject({
      action: z.enum(['start', 'write', 'poll', 'kill']),
      id: z.string().regex(/^[a-p]{8}$/),
      waitMs: z.int().min(0),
    })
    .exactOptional(),
  endpoints: z.array(z.string()).exactOptional(),
  scopeKey: digest,
  sessionKey: digest,
  policyDigest: digest,
});

const definition = z.strictObject({
  name: z.string(),
  description: z.string(),
  parameters: z.record(z.string(), z.unknown()),
});
const offer = z.strictObject({ mode, definition });
export type Offer = z.infer<typeof offer>;

/** First on the engine's channel and never again: the policy it will decide under. Shapes are checked by the config schema. */
export const engineStart = z.strictObject({
  kind: z.literal('start'),
  sandbox: z.unknown(),
  labels: z.array(z.string()).min(1),
  stateDir: z.string().startsWith('/'),
  /** What no workspace may hold, beside the state directory: the config file. */
  guarded: z.array(z.string()),
});
export const toEngine = z.discriminatedUnion('kind', [
  engineStart,
  z.strictObject({ kind: z.literal('plan'), sequence, request: toolRequest }),
]);
export type ToEngine = z.infer<typeof toEngine>;

export const fromEngine = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('ready'),
    policyDigest: digest,
    mode,
    everyone: z.array(offer),
    agents: z.array(z.strictObject({ agent: z.string(), offers: z.array(offer) })),
  }),
  z.strictObject({ kind: z.literal('unfit'), problems: z.array(z.string()).min(1) }),
  z.strictObject({ kind: z.literal('planned'), sequence, plan: signedPlan, mode, wallMs: z.int().min(1) }),
  z.strictObject({ kind: z.literal('refused'), sequence, code: refusalCode, message: z.string(), mode }),
]);
export type FromEngine = z.infer<typeof fromEngine>;

const claim = z.strictObject({ claim: z.string(), proved: z.boolean(), evidence: z.string() });
const endpointReport: z.ZodType<EndpointReport> = z.strictObject({
  name: z.string(),
  kind: z.enum(['local', 'tls', 'ssh']),
  state: z.enum(['ready', 'unproved', 'unusable', 'resting']),
  reason: z.string(),
  probedAt: z.number().min(0),
  running: z.int().min(0),
  capacity: z.int().min(1),
});
const standing = z.strictObject({
  mode,
  usable: z.boolean(),
  reason: z.string(),
  claims: z.array(claim),
  probedAt: z.number().min(0),
  endpoints: z.array(endpointReport).exactOptional(),
});
/** What is known of one backend: usable at all, and which of its claims were seen to hold, when. */
export type Standing = z.infer<typeof standing>;

export const toExecutor = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('run'), sequence, plan: signedPlan }),
  z.strictObject({ kind: z.literal('abort'), sequence }),
  z.strictObject({ kind: z.literal('prove'), sequence }),
  z.strictObject({ kind: z.literal('scopes'), sequence }),
  z.strictObject({
    kind: z.literal('prune'),
    sequence,
    scopeKey: z.union([digest, z.literal('idle'), z.literal('all')]),
  }),
]);
export type ToExecutor = z.infer<typeof toExecutor>;

const exited = z.strictObject({
  kind: z.literal('exited'),
  code: z.int(),
  stdout: boundedOutput,
  stderr: boundedOutput,
  attested: attestation,
});
const killed = z.strictObject({
  kind: z.literal('killed'),
  by: z.enum(['timeout', 'memory', 'output-limit', 'abort', 'seccomp']),
  stdout: boundedOutput,
  stderr: boundedOutput,
  attested: attestation,
});
const notStarted = z.strictObject({
  kind: z.literal('not-started'),
  cause: z.enum(['unavailable', 'plan-unsupported', 'attestation-failed', 'aborted']),
  detail: z.string(),
});
const unknown = z.strictObject({ kind: z.literal('unknown'), detail: z.string(), attested: attestation });
export const outcome: z.ZodType<Outcome> = z.discriminatedUnion('kind', [exited, killed, unknown, notStarted]);

const scopeReport = z.strictObject({
  scopeKey: digest,
  createdAt: z.number(),
  usedAt: z.number(),
  running: z.int().min(0),
});
export type ScopeReport = z.infer<typeof scopeReport>;

export const fromExecutor = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  /** The signature held, the plan is fresh, and it will be answered by `finished` or `refused`. */
  z.strictObject({ kind: z.literal('accepted'), sequence }),
  /** From here on a command may be running. */
  z.strictObject({ kind: z.literal('started'), sequence }),
  z.strictObject({
    kind: z.literal('refused'),
    sequence,
    code: refusalCode,
    message: z.string(),
    watched: watched.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('finished'),
    sequence,
    outcome: z.union([exited, killed]),
    probeAgeMs: z.number(),
    durationMs: z.number(),
    watched: watched.exactOptional(),
  }),
  /** Sent whenever a proof ends; `sequence` is that of the `prove` it answers, or -1. */
  z.strictObject({ kind: z.literal('standings'), sequence: z.int().min(-1), standings: z.array(standing) }),
  z.strictObject({ kind: z.literal('scopes'), sequence, scopes: z.array(scopeReport) }),
  z.strictObject({ kind: z.literal('egress'), event: egressEvent }),
  z.strictObject({ kind: z.literal('alert'), event: alertEvent }),
]);
export type FromExecutor = z.infer<typeof fromExecutor>;

/** On the link between engine and executor, which the router hands over unread and keeps no end of. */
export const linkHello = z.strictObject({ kind: z.literal('hello') });
export const linkBinding = z.strictObject({
  kind: z.literal('bind'),
  /** Base64 of 32 random bytes. */
  key: z.base64(),
  policyDigest: digest,
  modes: z.array(mode),
  /** Read again by the config schema. */
  sandbox: z.unknown(),
  labels: z.array(z.string()),
  stateDir: z.string().startsWith('/'),
  guarded: z.array(z.string()),
  scopesRoot: z.string().startsWith('/'),
  egressRoot: z.string().startsWith('/'),
  /** What first calls will look like, without a command. */
  warm: z.array(executionPlan),
});
export type LinkHello = z.infer<typeof linkHello>;
export type LinkBinding = z.infer<typeof linkBinding>;

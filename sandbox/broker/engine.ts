/**
 * The policy engine: the only process that reads the sandbox policy. It gets the policy once, over the channel it was born
 * with, and from then on turns requests into signed plans or refusals. It starts nothing and opens nothing. Fails closed:
 * a policy with a problem makes it unfit, a request it cannot plan is refused, and a frame it does not understand ends it.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Sandbox } from '../../config/sandbox-schema.ts';
import type { SandboxConfig } from '../../config/sandbox-schema.ts';
import { nameEgressRoot } from '../egress/egress-root.ts';
import type { ToolRequest } from '../executor.ts';
import type { ExecutionPlan } from '../plan.ts';
import { planCall, plansToWarm } from '../planner.ts';
import type { Site } from '../planner.ts';
import { policyProblems } from '../policy-problems.ts';
import { modesOf, resolveTool, toSandboxPolicy } from '../policy.ts';
import type { Resolution, SandboxPolicy } from '../policy.ts';
import { BUNDLED_TOOLS, BUNDLED_TOOL_NAMES } from '../tools/catalogue.ts';
import { toDefinition } from '../tools/tool.ts';
import { openChannel } from './frame.ts';
import type { Channel } from './frame.ts';
import { engineStart, linkHello, toEngine } from './messages.ts';
import type { FromEngine, LinkBinding, Offer, ToEngine } from './messages.ts';
import { TicketSigner } from './ticket.ts';

const KEY_BYTES = 32;
/** Requests carry arguments of at most 2 MiB, six bytes per escaped character. */
const REQUEST_FRAME_LIMIT = 16 * 1024 * 1024;

interface Decided {
  readonly policy: SandboxPolicy;
  readonly stateDir: string;
  readonly guarded: string[];
  readonly scopesRoot: string;
  readonly egressRoot: string;
  readonly signer: TicketSigner;
  readonly key: Uint8Array;
}

/** Serves until the router's channel ends, then calls `done`. */
export function serveEngine(options: {
  readonly router: Duplex;
  readonly link: Duplex;
  readonly done: () => void;
}): void {
  let decided: Decided | undefined;
  let greeted = false;

  const router: Channel<FromEngine> = openChannel(
    options.router,
    toEngine,
    {
      message(message) {
        switch (message.kind) {
          case 'start':
            return start(message);
          case 'plan':
            return plan(message.sequence, message.request as ToolRequest);
        }
      },
      closed: options.done,
    },
    REQUEST_FRAME_LIMIT,
  );
  const link: Channel<LinkBinding> = openChannel(options.link, linkHello, {
    message() {
      // A second hello would be someone else asking for the key.
      if (greeted) return link.close();
      greeted = true;
      bind();
    },
    closed() {
      if (!greeted) router.close();
    },
  });

  function start(message: Extract<ToEngine, { kind: 'start' }>): void {
    // The policy is read once. A second one is not a reload, it is someone else's.
    if (decided !== undefined) return router.close();
    const policy = readPolicy(message);
    if (policy.kind === 'unfit') {
      router.send({ kind: 'unfit', problems: policy.problems });
      return;
    }
    const key = randomBytes(KEY_BYTES);
    decided = {
      policy: policy.policy,
      stateDir: message.stateDir,
      guarded: message.guarded,
      scopesRoot: join(message.stateDir, 'sandbox', 'scopes'),
      egressRoot: nameEgressRoot(process.pid),
      signer: new TicketSigner(key),
      key,
    };
    bind();
    router.send({
      kind: 'ready',
      policyDigest: decided.policy.digest,
      mode: decided.policy.sandbox.mode,
      everyone: offersTo(decided.policy, ''),
      agents: Object.keys(decided.policy.sandbox.agents).map((agent) => ({
        agent,
        offers: offersTo((decided as Decided).policy, agent),
      })),
    });
  }

  /** The key leaves this process once, over a socket pair whose other end only the executor holds. */
  function bind(): void {
    if (decided === undefined || !greeted) return;
    link.send({
      kind: 'bind',
      key: Buffer.from(decided.key).toString('base64'),
      policyDigest: decided.policy.digest,
      modes: [...modesOf(decided.policy)],
      sandbox: decided.policy.sandbox,
      labels: [...decided.policy.labels],
      stateDir: decided.stateDir,
      guarded: decided.guarded,
      scopesRoot: decided.scopesRoot,
      egressRoot: decided.egressRoot,
      warm: [...plansToWarm(decided.policy, siteOf(decided))],
    });
  }

  function plan(sequence: number, request: ToolRequest): void {
    if (decided === undefined) return router.close();
    const planned = planCall(request, decided.policy, siteOf(decided));
    if (planned.kind === 'refused') {
      const { code, message, mode } = planned;
      router.send({ kind: 'refused', sequence, code, message, mode });
      return;
    }
    router.send({
      kind: 'planned',
      sequence,
      plan: decided.signer.sign(planned.plan),
      mode: planned.plan.mode,
      wallMs: stepMs(planned.plan),
    });
  }
}

/** How long the answer may take. A program on a terminal lives on after the step that started it, and nobody waits for its end. */
function stepMs({ terminal, limits }: ExecutionPlan): number {
  return terminal === undefined ? limits.wallMs : Math.max(1, terminal.waitMs);
}

function siteOf({ scopesRoot, egressRoot }: Decided): Site {
  return { scopesRoot, egressRoot, nonce: randomBytes(16).toString('hex') };
}

type ReadPolicy =
  | { readonly kind: 'policy'; readonly policy: SandboxPolicy }
  | { readonly kind: 'unfit'; readonly problems: string[] };

export function readPolicy(message: unknown): ReadPolicy {
  const started = engineStart.safeParse(message);
  if (!started.success) return { kind: 'unfit', problems: ['the policy did not arrive whole'] };
  const sandbox = Sandbox.safeParse(started.data.sandbox);
  if (!sandbox.success)
    return {
      kind: 'unfit',
      problems: sandbox.error.issues.map((issue) => `sandbox.${issue.path.join('.')}: ${issue.message}`),
    };
  const policy = toSandboxPolicy(sandbox.data satisfies SandboxConfig, started.data.labels, BUNDLED_TOOL_NAMES);
  const problems = policyProblems(policy);
  return problems.length === 0 ? { kind: 'policy', policy } : { kind: 'unfit', problems: [...problems] };
}

function offersTo(policy: SandboxPolicy, agent: string): Offer[] {
  const offers: Offer[] = [];
  for (const tool of BUNDLED_TOOLS.values()) {
    const resolution = resolveTool(policy, { agent, principal: '' }, tool.name);
    if (resolution.kind !== 'settings') continue;
    const { name, description, parameters } = toDefinition(tool, noteFor(resolution));
    offers.push({ mode: resolution.settings.mode, definition: { name, description, parameters: { ...parameters } } });
  }
  return offers;
}

/** What a model has to know to use the tool well: where it starts, what is kept, whether there is a network. */
function noteFor(resolution: Extract<Resolution, { kind: 'settings' }>): string {
  const { workspace, scope, network } = resolution.settings;
  const place = {
    none: 'It starts in an empty home directory',
    ro: 'It starts in /workspace, which is read-only',
    rw: 'It starts in /workspace',
    cow: 'It starts in /workspace; changes are kept apart for review',
  }[workspace];
  const kept = {
    call: workspace === 'none' ? '; nothing is kept between calls.' : '; outside it nothing is kept between calls.',
    session: '; files are kept for this session.',
    agent: '; files are kept for this agent.',
    shared: '; files are kept and shared between agents.',
  }[scope];
  return `${place}${kept} ${network === 'none' ? 'There is no network.' : 'The network reaches allowed hosts only, by HTTP proxy.'}`;
}

/**
 * The one schema of Sluice's configuration. Every object is strict, every field says its unit and default;
 * config/schema.json and docs/config.md are checked against it. Fails closed: what is not described here is an error.
 */
import { z } from 'zod';
import { Access } from './access-schema.ts';
import { Audit } from './audit-schema.ts';
import { Complexity } from './complexity-schema.ts';
import { Deep } from './deep-schema.ts';
import { EntityRule } from './entity-schema.ts';
import { Sandbox } from './sandbox-schema.ts';
import { Store } from './store-schema.ts';
import { Surfaces } from './surfaces-schema.ts';
import { Alias, Pool, Provider, Upstream } from './upstream-schema.ts';
import { Telemetry } from './telemetry-schema.ts';
import { bytes, label, milliseconds, name } from './schema-terms.ts';

export const Listen = z.strictObject({
  host: z.string().default('127.0.0.1').describe('Address to listen on.'),
  port: z.int().min(0).max(65535).default(8484).describe('TCP port; 0 takes a free one.'),
  processes: z
    .int()
    .min(1)
    .max(128)
    .default(1)
    .describe(
      'Processes that serve this port, each on a core of its own, with one more that holds console, metrics and sandbox. Bounds on bodies, connections and upstreams are shared out among them.',
    ),
  maxBodyBytes: bytes.default(20 * 1024 * 1024).describe('Largest request body, after decompression; more is 413.'),
  maxOpenBytes: bytes
    .default(512 * 1024 * 1024)
    .describe('Bytes of request bodies held at once, over all open requests; a request past it is 503.'),
  maxConnections: z.int().min(1).default(4096).describe('Open connections; further ones are closed unanswered.'),
  maxDepth: z.int().min(8).max(512).default(64).describe('Deepest JSON nesting accepted; more is 400.'),
  drainMs: milliseconds
    .default(10_000)
    .describe('How long SIGTERM waits for open requests before they are cut with an error.'),
});

export const Combination = z.strictObject({
  name: name.describe('Name shown by explain.'),
  all: z.array(z.string()).min(2).describe('Entities or signal names (`topic:health`) that must all be present.'),
  within: z
    .enum(['segment', 'message', 'request'])
    .default('message')
    .describe('How near to one another they must be.'),
  label: label.describe('Label when they are.'),
});

export const Classify = z.strictObject({
  deadlineMs: milliseconds
    .default(10_000)
    .describe(
      'Past it, what was not read makes the verdict unknown. The first long prompt of a cold process on a busy machine took up to 3 s.',
    ),
  maxChars: z.int().min(1024).default(8_000_000).describe('Past it, the rest is not read and the verdict is unknown.'),
  cacheEntries: z.int().min(0).default(20_000).describe('Segments whose findings are remembered, by keyed hash.'),
  entities: z
    .record(z.string(), EntityRule)
    .default({})
    .describe('Per entity; merged over the defaults in config/defaults.ts.'),
  otherEntities: EntityRule.prefault({ label: 'confidential' }).describe('Entities not named in `entities`.'),
  combinations: z.array(Combination).default([]).describe('Replaces the default combinations when not empty.'),
  disable: z.array(name).default([]).describe('Recognizers switched off.'),
  allow: z
    .array(z.string())
    .default([])
    .describe('Exact values that are never findings (test numbers, own support address).'),
  deny: z
    .array(
      z.strictObject({
        value: z.string().min(3).describe('The value, at least three characters.'),
        entity: z.string().default('DENY_LIST').describe('Entity it is reported as.'),
      }),
    )
    .default([])
    .describe('Exact values that always are.'),
  recognizerFiles: z
    .array(z.string())
    .default([])
    .describe('Presidio YAML or gitleaks TOML files, relative to the config file.'),
  deep: Deep.prefault({}).describe('Models asked about what the fast tiers leave in doubt. Off unless named.'),
});

export const Rule = z.strictObject({
  name: name.describe('Named in headers, metrics and receipts.'),
  when: z
    .string()
    .describe('CEL over label, entities, complexity, band, model, tools, principal, protocol, chars, turns.'),
  upToLabel: label
    .optional()
    .describe(
      'Highest label this rule may act on; above it the rule is skipped. A rule to a cloud upstream needs one that the upstream may see.',
    ),
  route: z.enum(['local', 'cloud', 'cloud-masked', 'refuse']).describe('What the rule asks for; labels still bind.'),
  upstream: name.optional().describe('Upstream for cloud routes; the first cloud upstream when absent.'),
});

export const Policy = z.strictObject({
  clean: z
    .strictObject({
      simple: z.enum(['local', 'cloud']).default('local').describe('Where clean and simple requests go.'),
      complex: z.enum(['local', 'cloud']).default('cloud').describe('Where clean and complex requests go.'),
    })
    .prefault({})
    .describe('Requests in which nothing was found.'),
  masking: z
    .enum(['off', 'complex'])
    .default('complex')
    .describe('Whether maskable sensitive and complex requests may go to the cloud masked.'),
  maskingStyle: z
    .enum(['placeholder', 'surrogate'])
    .default('placeholder')
    .describe(
      'What a cloud is shown for a masked value: a placeholder in brackets, or a realistic made-up value (e-mail, phone, card, name, IP address; all else stays a placeholder). A model may bend a made-up value so that it is not put back.',
    ),
  maskedToolResults: z
    .enum(['local', 'mask'])
    .default('local')
    .describe(
      'After a tool was given a sensitive value: keep the conversation inside, or mask what is recognised in its result and go on. A steered cloud model can ask for a result in which nothing is recognised.',
    ),
  maskUpTo: label.default('confidential').describe('Highest label masking may make fit for the cloud.'),
  unknown: z.enum(['local', 'refuse']).default('local').describe('Requests with parts that could not be classified.'),
  attack: z.enum(['local', 'refuse']).default('local').describe('Routing instructions inside prompts, or evasion.'),
  onCloudFailure: z
    .enum(['error', 'local'])
    .default('local')
    .describe('Cloud upstream failed before its first byte: fall inwards, or answer with an error.'),
  rules: z.array(Rule).default([]).describe('First that matches decides, inside what labels allow.'),
  replyFindings: z
    .enum(['off', 'flag', 'remove'])
    .default('off')
    .describe(
      'Sensitive values in a cloud reply that its request did not hold: flag counts and logs them by entity, after the client has the reply; remove puts a mark such as [EMAIL_ADDRESS removed] in their place as it streams (a number in JSON becomes 0), holding back the last 64 to 96 characters and a value that has begun, and leaves log probabilities out. Replies are then always read, never passed on as bytes.',
    ),
  honourModels: z
    .boolean()
    .default(true)
    .describe('A real model name picks its upstream when the decision allows that upstream.'),
});

export const Sessions = z.strictObject({
  maxEntries: z
    .int()
    .min(1000)
    .default(200_000)
    .describe('Conversation marks held exactly; older ones fold into filters that only over-report.'),
  placeholderDays: z
    .number()
    .min(0)
    .default(30)
    .describe(
      'Days the placeholders of a conversation are kept, encrypted, after the last one was made, so that they are restored after a restart and by other instances; so are keyed digests of sealed reasoning and of signatures, so that they may go back to their upstream. 0 keeps both in memory only.',
    ),
  unseenHistory: z
    .enum(['classify', 'local'])
    .default('classify')
    .describe('History this Sluice never saw: trust the classifiers, or keep it local.'),
  headers: z
    .array(z.string())
    .default(['x-session-id', 'session-id', 'x-claude-code-session-id', 'openai-conversation-id'])
    .describe('Headers that also name a conversation; they only raise.'),
});

export const Tools = z.strictObject({
  offer: z
    .array(z.string())
    .default([])
    .describe(
      'Bundled tools added to every chat request: exec, read, write, edit, list, search, python, node, session, or `all`.',
    ),
  rules: z
    .array(
      z.strictObject({
        match: z.string().describe('Tool name; `*` stands for any run of characters.'),
        action: z
          .enum(['sandbox', 'return', 'deny'])
          .describe('Run here, hand to the client, or answer the model with the reason why not.'),
        as: z.string().optional().describe('Bundled tool that runs it, when the names differ.'),
      }),
    )
    .default([])
    .describe(
      'First match decides. A bundled tool that was offered by the proxy runs in the sandbox; a tool only the client declared is returned.',
    ),
  maxRounds: z
    .int()
    .min(1)
    .max(100)
    .default(16)
    .describe('Model turns in one request before the loop stops with what it has.'),
  maxCalls: z.int().min(1).max(1000).default(64).describe('Tool calls run in one request.'),
});

export const Config = z.strictObject({
  $schema: z.string().optional().describe('For editors.'),
  version: z.literal(1).default(1).describe('Of this file format.'),
  labels: z
    .array(label)
    .min(2)
    .default(['public', 'internal', 'confidential', 'restricted'])
    .describe('The ladder, lowest first.'),
  listen: Listen.prefault({}).describe('The HTTP listener.'),
  access: Access.prefault({}).describe('Who may ask.'),
  audit: Audit.prefault({}).describe('What is kept as proof.'),
  upstreams: z.array(Upstream).default([]).describe('Models that can be reached; local ones are those of kind ollama.'),
  providers: z
    .record(name, Provider)
    .default({})
    .describe('Cloud APIs that upstreams of kind provider speak, by name.'),
  pools: z
    .record(name, Pool)
    .default({})
    .describe('Upstreams that stand in for one another under one name, which may see what its lowest member may.'),
  aliases: z
    .record(z.string(), Alias)
    .default({})
    .describe('Model names of your own. They choose among what the decision allows, and widen nothing.'),
  classify: Classify.prefault({}).describe('What counts as sensitive.'),
  complexity: Complexity.prefault({}).describe('What counts as complex.'),
  policy: Policy.prefault({}).describe('Where requests may go.'),
  sessions: Sessions.prefault({}).describe('How conversations are remembered.'),
  tools: Tools.prefault({}).describe('What happens to tool calls of models.'),
  surfaces: Surfaces.prefault({}).describe('What the APIs for clients keep and carry.'),
  sandbox: Sandbox.prefault({}).describe('How tools are run.'),
  telemetry: Telemetry.prefault({}).describe('What is measured and told about requests.'),
  stateDir: z
    .string()
    .default('')
    .describe(
      'Where labels, keys and the audit live; empty means ~/.local/state/sluice (demo: a temporary directory).',
    ),
  store: Store.prefault({}).describe('Where what outlives a request is kept.'),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('Least important line that is written.'),
    })
    .prefault({})
    .describe('Structured log on stderr; never text of a request.'),
});

export type Config = z.infer<typeof Config>;
export type { UpstreamConfig } from './upstream-schema.ts';
export type ClassifyConfig = z.infer<typeof Classify>;
export type PolicyConfig = z.infer<typeof Policy>;
export type ToolsConfig = z.infer<typeof Tools>;
export type { EntityRule } from './entity-schema.ts';

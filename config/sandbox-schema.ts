/** How tools are run. The sandbox's own part of the schema, read by the broker's processes without the rest. */
import { z } from 'zod';
import { SandboxEgress } from './sandbox-egress-schema.ts';
import { SandboxEndpoint } from './sandbox-endpoint-schema.ts';
import { SandboxTerminals } from './sandbox-terminals-schema.ts';
import { SandboxWatch } from './sandbox-watch-schema.ts';
import { bytes, milliseconds } from './schema-terms.ts';

/** Timers past 2^31 ms fire at once, and a time limit that fires at once stops every tool. */
const upToADay = milliseconds.max(86_400_000);
/** What two streams of control bytes, six characters each in JSON, may fill of a broker frame. */
const MAX_OUTPUT_BYTES = 2 * 1024 * 1024;
const sandboxMode = z.enum(['bubblewrap', 'docker', 'docker+gvisor', 'host', 'deny']);
/** OpenClaw's `sandbox.mode`: whose tools run in a sandbox at all. */
const isolate = z.enum(['all', 'non-main', 'off']);
export const SandboxTool = z.strictObject({
  mode: sandboxMode.optional().describe('Backend for this tool.'),
  scope: z.enum(['call', 'session', 'agent', 'shared']).optional().describe('What home and workspace are shared with.'),
  workspace: z.enum(['none', 'ro', 'rw', 'cow']).optional().describe('How the workspace is mounted for this tool.'),
  network: z.enum(['none', 'egress']).optional().describe('Network for this tool.'),
  timeoutMs: upToADay.optional().describe('Wall clock for one call.'),
  memoryBytes: bytes.optional().describe('Memory for one call.'),
  processes: z.int().min(1).optional().describe('Processes for one call.'),
  outputBytes: bytes.max(MAX_OUTPUT_BYTES).optional().describe('Kept of each output stream.'),
  diskBytes: bytes.optional().describe('Size of /tmp and home inside.'),
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .optional()
    .describe('Variables set inside, besides the built-in ones.'),
});

const selectors = z.array(z.string());

export const SandboxAgent = SandboxTool.extend({
  isolate: isolate.optional().describe('Over sandbox.isolate for this agent.'),
  workspaceRoot: z.string().optional().describe('Over sandbox.workspaceRoot for this agent.'),
  allow: selectors.optional().describe('Tools or groups this agent may use; absent means all that are offered.'),
  deny: selectors.optional().describe('Tools or groups it may not.'),
  tools: z.record(z.string(), SandboxTool).default({}).describe('Per tool, over sandbox.tools and this agent.'),
});

export const Sandbox = z.strictObject({
  isolate: isolate
    .default('all')
    .describe(
      'Whose tools run in a sandbox: `all`; `non-main`, everybody’s but those of sandbox.main, whose tools run on this machine; `off`, nobody’s. The last two need allowHost.',
    ),
  main: z
    .strictObject({
      principals: z.array(z.string()).default([]).describe('Principals by name; empty means nobody is main.'),
      agents: z.array(z.string()).default(['main']).describe('Agents that are main when such a principal runs them.'),
    })
    .prefault({})
    .describe('Who is main for isolate `non-main`. Told by credentials, never by a name a client gives its session.'),
  mode: sandboxMode
    .default('bubblewrap')
    .describe('Default backend. `host` runs without isolation and needs allowHost.'),
  allowHost: z
    .enum(['no', 'yes-run-tools-without-isolation'])
    .default('no')
    .describe('The words without which mode `host` is refused.'),
  scope: z
    .enum(['call', 'session', 'agent', 'shared'])
    .default('call')
    .describe('What home and workspace are shared with: nothing, one conversation, one agent, everybody.'),
  workspace: z
    .enum(['none', 'ro', 'rw', 'cow'])
    .default('none')
    .describe('How the workspace directory is mounted at /workspace.'),
  workspaceRoot: z
    .string()
    .default('')
    .describe(
      'Directory on this machine that holds the workspace; empty means an empty one per scope under the state directory.',
    ),
  network: z
    .enum(['none', 'egress'])
    .default('none')
    .describe('`egress` reaches what sandbox.egress allows, through a proxy; nothing else is ever reachable.'),
  timeoutMs: upToADay.default(30_000).describe('Wall clock for one call.'),
  memoryBytes: bytes.default(512 * 1024 * 1024).describe('Memory for one call.'),
  processes: z.int().min(1).default(64).describe('Processes and threads for one call.'),
  outputBytes: bytes
    .max(MAX_OUTPUT_BYTES)
    .default(64 * 1024)
    .describe('Kept of each stream; head and tail.'),
  diskBytes: bytes.default(64 * 1024 * 1024).describe('Size of /tmp and home inside.'),
  uid: z.int().min(1).default(65534).describe('User the sandbox runs under when Sluice is root. Never 0.'),
  pool: z.int().min(0).max(64).default(2).describe('Pre-warmed single-use sandboxes per profile.'),
  landlock: z
    .strictObject({
      use: z
        .enum(['auto', 'required'])
        .default('auto')
        .describe('`auto` uses Landlock where the kernel has it (Linux 5.19); `required` runs nothing without it.'),
      tcp: z
        .enum(['loopback', 'none'])
        .default('loopback')
        .describe(
          'TCP of a sandbox without network: between its own programs, or `none` at all, which needs Landlock 4 (Linux 6.7).',
        ),
    })
    .prefault({})
    .describe('A second layer under the mounts of mode `bubblewrap`, by another part of the kernel.'),
  docker: z
    .strictObject({
      socket: z
        .string()
        .regex(/^\//, 'a socket is an absolute path')
        .default('/var/run/docker.sock')
        .describe(
          'Unix socket of a Docker Engine on this machine, for mode `docker`. Whoever may open it is as good as root.',
        ),
      image: z
        .string()
        .max(128)
        .regex(
          /^[a-z0-9]{1,64}(?:[._-][a-z0-9]{1,64}){0,8}$/,
          'an image name is lower-case letters and digits, joined by dots, dashes or underscores',
        )
        .default('sluice-sandbox')
        .describe('Name under which the image of the sandbox is made on this machine. Nothing is fetched.'),
      endpoints: z
        .array(SandboxEndpoint)
        .max(16)
        .default([])
        .describe('Engines that share the calls, instead of the one at `socket`: on this machine and on others.'),
      include: z
        .array(
          z.string().regex(/^\/(?:usr|bin|sbin|lib|lib64)\/[^\0]+$/, 'needs a path beneath /usr, /bin, /sbin or /lib'),
        )
        .default([])
        .describe(
          'Files and directories of this machine that the image for other machines holds, besides shells, common tools, Python, git and Node.',
        ),
    })
    .prefault({})
    .describe('The engine behind mode `docker`.'),
  probeIntervalMs: upToADay.default(300_000).describe('How often every claim is proved again.'),
  idleMs: milliseconds
    .default(86_400_000)
    .describe('A session, agent or shared scope that ran nothing for so long is deleted with its home and workspace.'),
  maxAgeMs: milliseconds
    .default(604_800_000)
    .describe('And one older than this, however busy, once nothing runs in it.'),
  egress: SandboxEgress.prefault({}).describe('The only way out of a sandbox.'),
  terminals: SandboxTerminals.prefault({}).describe('Programs that outlive their call (the tool session).'),
  watch: SandboxWatch.prefault({}).describe('What raises an alarm, and what an alarm does.'),
  tools: z.record(z.string(), SandboxTool).default({}).describe('Per tool, over the defaults above.'),
  allow: selectors.optional().describe('Tools or groups that may be used at all; absent means all that are offered.'),
  deny: selectors.optional().describe('Tools or groups that may not be used by anyone.'),
  agents: z.record(z.string(), SandboxAgent).default({}).describe('Per agent, over everything above.'),
});

export type SandboxConfig = z.infer<typeof Sandbox>;

/** Docker Engines that run sandboxes, this machine's and others'. */
import { z } from 'zod';

const file = z
  .string()
  .regex(/^file:\/[^\0"]+$/, 'needs file:/path: the executor, which alone reads it, has no environment');

export const SandboxEndpoint = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'lower-case letters, digits and dashes')
    .describe('Stands in receipts, metrics and messages.'),
  url: z
    .string()
    .max(300)
    .describe(
      '`unix:///path` on this machine, `tcp://host:port` under TLS, or `ssh://user@host[:port][/path/of/docker.sock]`.',
    ),
  ca: file.optional().describe('tcp: certificate authority of the engine. No other is trusted.'),
  cert: file.optional().describe('tcp: our certificate, which the engine must ask for (--tlsverify).'),
  key: file.optional().describe('tcp, ssh: our private key. Whoever holds it is as good as root on that machine.'),
  knownHosts: file.optional().describe('ssh: file with the host keys that are accepted, as ssh-keyscan writes it.'),
  upToLabel: z
    .string()
    .optional()
    .describe(
      'Highest label of a conversation whose tools may run there: the machine sees all they see. Absent: the lowest for another machine, any for this one.',
    ),
  capacity: z
    .int()
    .min(1)
    .max(1024)
    .default(8)
    .describe('Calls at once, and its weight: the least filled endpoint is taken.'),
});

export type SandboxEndpoint = z.infer<typeof SandboxEndpoint>;

/** The way out of a sandbox: which hosts, how, and with whose credentials. Part of the sandbox's policy. */
import { z } from 'zod';
import { label, secretReference } from './schema-terms.ts';

const EgressCredential = z.strictObject({
  secret: secretReference.describe(
    '`file:/path`. Only the broker’s executor reads it, for each call anew. `env:` is refused: the executor is born without an environment.',
  ),
  header: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'a header is letters, digits and dashes')
    .default('authorization')
    .describe('Header that carries it; one of this name from inside is dropped.'),
  scheme: z
    .enum(['bearer', 'basic', 'none'])
    .default('bearer')
    .describe('`bearer TOKEN`; `basic`, for a file that holds user:password; `none`, the secret alone.'),
});

const EgressRule = z.strictObject({
  host: z.string().describe('Host name; `*.example.org` matches below it and not itself.'),
  ports: z.array(z.int().min(1).max(65535)).default([443]).describe('TCP ports.'),
  methods: z
    .array(z.string())
    .default(['GET', 'HEAD'])
    .describe(
      'HTTP methods, in capitals. CONNECT opens a TLS tunnel to the host, in which method and path cannot be seen; most programs need it for https.',
    ),
  paths: z.array(z.string()).default(['/']).describe('Path prefixes; not applied inside a tunnel.'),
  upgrade: z
    .boolean()
    .default(false)
    .describe(
      'What a program asks as http:// of port 80 goes out as https:// to port 443, so that it can be checked and credentialed.',
    ),
  credential: EgressCredential.optional().describe(
    'Added to requests this rule allows, outside the sandbox and over TLS only; never visible inside.',
  ),
});

export const SandboxEgress = z.strictObject({
  allow: z.array(EgressRule).default([]).describe('What may be reached; empty means nothing.'),
  upToLabel: label.default('public').describe('Egress closes when the conversation is above.'),
});

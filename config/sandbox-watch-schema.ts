/** What makes the sandbox raise an alarm, and what an alarm does. Part of the sandbox's policy. */
import { z } from 'zod';
import { label } from './schema-terms.ts';

export const ALERTS = [
  /** A program made a system call that only an attempt to get out makes. */
  'seccomp-kill',
  /** More connections refused than a misconfigured tool explains, or one that could only be an attack. */
  'egress-refused',
  /** More connections, or more processes at once, than the work of one call explains. */
  'fan-out',
  /** A planted file was opened. */
  'canary-read',
  /** A planted credential stood in a call's arguments, in its output, or on its way to the network. */
  'honey-arguments',
  'honey-output',
  'honey-egress',
  /** Files were left behind that tools outside the sandbox would run. */
  'persistence',
  /** A sandbox was not what it should have been when it was looked at from outside. */
  'attestation-failed',
] as const;
export type Alert = (typeof ALERTS)[number];

const alerts = z.array(z.enum(ALERTS));

export const SandboxWatch = z.strictObject({
  honey: z
    .boolean()
    .default(true)
    .describe(
      'Plant files with credentials of no use in /opt/backup of each sandbox, new for each, and watch for them.',
    ),
  raise: alerts
    .default([
      'seccomp-kill',
      'egress-refused',
      'fan-out',
      'canary-read',
      'honey-arguments',
      'honey-output',
      'honey-egress',
    ])
    .describe('Alerts that raise the conversation’s label to raiseTo. All are logged and counted.'),
  raiseTo: z
    .union([label, z.literal('')])
    .default('')
    .describe('Label a conversation gets with such an alert; empty means the highest.'),
  end: alerts
    .default([])
    .describe('Alerts that kill the call, withhold its result and end the session: none of its tools runs again.'),
  refusedEgress: z.int().min(1).default(20).describe('Refused connections of one call that make an alert.'),
  connections: z.int().min(1).default(200).describe('Connections of one call that make a fan-out.'),
});
export type SandboxWatchConfig = z.infer<typeof SandboxWatch>;

/** Limits of programs that outlive their call, on terminals. Part of the sandbox's policy. */
import { z } from 'zod';
import { bytes, milliseconds } from './schema-terms.ts';

export const SandboxTerminals = z.strictObject({
  perSession: z.int().min(0).max(64).default(4).describe('Of one session at once; 0 turns them off.'),
  total: z.int().min(0).max(256).default(16).describe('Of all sessions at once.'),
  idleMs: milliseconds.max(86_400_000).default(300_000).describe('One that nobody asked for so long is killed.'),
  maxAgeMs: milliseconds.max(86_400_000).default(3_600_000).describe('And one as old as this.'),
  unreadBytes: bytes.max(1_048_576).default(65_536).describe('Kept of what was not read yet; head and tail.'),
  outputBytes: bytes.default(16_777_216).describe('All output of one; past it the program is killed.'),
});

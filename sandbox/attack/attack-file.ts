/**
 * The format of an attack file: attempts to get out of a sandbox, what each would print or leave had it worked, and what is
 * expected instead. A file is an operator's: its controls and host checks run on the host, under the sandbox's user.
 */
import { z } from 'zod';

const attempt = z.object({
  id: z.string().regex(/^[\w.-]{1,100}$/),
  group: z.string().default(''),
  /** `tool` prepares a workspace and calls a tool in it; `toolcall` is for the planner alone to refuse. */
  language: z.enum(['sh', 'python', 'node', 'tool', 'toolcall']),
  code: z.union([z.string(), z.record(z.string(), z.unknown())]),
  expect: z.object({
    verdict: z.enum(['denied', 'flagged', 'refused']),
    escaped_if: z.object({ stdout: z.string().default('PWNED'), host_check: z.string().optional() }),
    denial: z.string().default(''),
  }),
  /** Also run without the sandbox, where it must work: an attempt that is dead anyway proves nothing. */
  control: z.boolean().default(false),
  timeout_ms: z.int().positive().max(120_000).optional(),
  note: z.string().optional(),
  source: z.string().optional(),
});

export const AttackFile = z.object({ version: z.literal(1), attacks: z.array(attempt).min(1) });

export type Attack = z.infer<typeof attempt>;
export type AttackFile = z.infer<typeof AttackFile>;

export type Placeholders = Readonly<Record<string, string>>;

/** Puts planted names in the place of `{{NAME}}`, in every string. Throws for a name nobody planted. */
export function fill<T>(value: T, names: Placeholders): T {
  if (typeof value === 'string') {
    const filled = value.replaceAll(/\{\{([A-Z_]{1,40})\}\}/g, (_, name: string) => {
      const planted = names[name];
      if (planted === undefined) throw new Error(`attack file: nothing is planted as ${name}`);
      return planted;
    });
    return filled as T;
  }
  if (Array.isArray(value)) return value.map((item: unknown) => fill(item, names)) as T;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, names)])) as T;
  }
  return value;
}

/** `{"$repeat": [text, count]}` stands for a text too long to write down. */
export function expand(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expand);
  if (typeof value !== 'object' || value === null) return value;
  const repeat = (value as { readonly $repeat?: unknown }).$repeat;
  if (Array.isArray(repeat) && typeof repeat[0] === 'string' && Number.isInteger(repeat[1])) {
    return repeat[0].repeat(Math.min(repeat[1] as number, 16 * 1024 * 1024));
  }
  // Own entries only, and defined as own: `__proto__` in a file stays a name.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expand(item)]));
}

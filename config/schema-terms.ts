/** Terms that several parts of the schema are made of. */
import { z } from 'zod';

export const label = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'a label is lower-case letters, digits and dashes');
export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name is letters, digits, dots, dashes and underscores');
export const milliseconds = z.int().min(1);
export const bytes = z.int().min(1);
/** `env:NAME` or `file:/path`; resolved by load, never stored as text. */
export const secretReference = z
  .string()
  .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/.+)$/, 'a secret is a reference: env:NAME or file:/path');
export const score = z.number().min(0).max(1);

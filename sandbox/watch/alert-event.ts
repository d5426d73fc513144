/** What the watch tells of an alarm: which, of whose session, and what it did. Never what was seen. */
import { z } from 'zod';
import { ALERTS } from '../../config/sandbox-watch-schema.ts';

export const alertEvent = z.strictObject({
  alert: z.enum(ALERTS),
  tool: z.string(),
  /** sha256 of principal and session. */
  sessionKey: z.string(),
  /** Label the conversation gets; empty when this alert raises none. */
  raiseTo: z.string(),
  /** Whether the session was ended. */
  ended: z.boolean(),
});
export type AlertEvent = z.infer<typeof alertEvent>;

/** Goes with a call's answer. */
export const watched = z.strictObject({
  alerts: z.array(z.enum(ALERTS)).min(1),
  raiseTo: z.string(),
  ended: z.boolean(),
});
export type Watched = z.infer<typeof watched>;

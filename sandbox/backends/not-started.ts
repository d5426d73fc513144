/** Outcomes of calls whose command was not handed over. */
import type { Outcome } from '../backend.ts';

type NotStarted = Extract<Outcome, { kind: 'not-started' }>;

export const notStarted = (cause: NotStarted['cause'], detail: string): NotStarted => ({
  kind: 'not-started',
  cause,
  detail,
});

export const ABORTED = notStarted('aborted', 'the call was cancelled before it began');

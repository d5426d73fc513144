/**
 * Tool calls that ran here in a turn whose other calls went back to the client. When the client answers its own, the next request gets ours
 * put back, so the model misses nothing. Bounded and in memory: what is forgotten the model asks for again.
 */
import { oldestOf } from '../oldest.ts';
import type { ToolResult } from '../protocols/protocol.ts';

export interface PendingRounds {
  /** `waitFor` are ids of the calls returned to the client, as sent. */
  keep(principal: string, waitFor: readonly string[], results: readonly ToolResult[]): void;
  take(principal: string, answered: readonly string[]): readonly ToolResult[];
  /** Told of each round kept, for other processes of this installation, which `learn` it. */
  onNew(listener: (key: string, results: readonly ToolResult[]) => void): void;
  learn(key: string, results: readonly ToolResult[]): void;
}

const MAX_ROUNDS = 10_000;

export function createPendingRounds(): PendingRounds {
  const rounds = new Map<string, readonly ToolResult[]>();
  const takeOldest = oldestOf(rounds);
  let tell: (key: string, results: readonly ToolResult[]) => void = () => undefined;
  // Clients rewrite ids (OpenClaw drops the underscore).
  const keyOf = (principal: string, id: string): string => `${principal}\n${id.replace(/[^A-Za-z0-9]/g, '')}`;
  const learn = (key: string, results: readonly ToolResult[]): void => {
    rounds.set(key, results);
    if (rounds.size > MAX_ROUNDS) takeOldest();
  };
  return {
    keep(principal, waitFor, results) {
      const first = waitFor[0];
      if (first === undefined || results.length === 0) return;
      learn(keyOf(principal, first), results);
      tell(keyOf(principal, first), results);
    },
    take(principal, answered) {
      for (const id of answered) {
        const key = keyOf(principal, id);
        const results = rounds.get(key);
        if (results === undefined) continue;
        // Kept until pushed out: the client replays its whole history on every later turn.
        return results;
      }
      return [];
    },
    onNew: (listener) => (tell = listener),
    learn,
  };
}

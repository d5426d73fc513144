/**
 * What processes that serve behind one port have to tell one another at once, because a client's next request may reach any of them: tool calls that ran here while others went
 * back to the client, cancellations, rates. Labels, placeholders, seals, keys and budgets are in the store. Fails safe: what was not heard yet is not known, and
 * is dropped, asked for again or kept inside.
 */
import type { Limits } from '../principals/limits.ts';
import type { PendingRounds } from '../pipeline/pending-rounds.ts';
import type { Line, Told } from './line.ts';

export interface Peers {
  tell<Topic extends 'round' | 'cancel'>(topic: Topic, value: Told[Topic]): void;
  hear<Topic extends 'round' | 'cancel'>(topic: Topic, listener: (value: Told[Topic]) => void): void;
  /** Rejects when nobody can tell. */
  readonly takeRate: Limits['takeRate'];
}

export function peersOn(line: Line): Peers {
  return {
    tell: (topic, value) => line.tell(topic, value),
    hear: (topic, listener) => line.hear(topic, listener),
    takeRate: (keyId, rate) => line.ask('rate', { keyId, rate }, 5_000),
  };
}

/** sharePending lets a round that one process kept be known to all. Without peers nothing is told. */
export function sharePending(peers: Peers | undefined, pending: PendingRounds): void {
  if (peers === undefined) return;
  pending.onNew((key, results) => peers.tell('round', { key, results }));
  peers.hear('round', ({ key, results }) => pending.learn(key, results));
}

/**
 * Upstreams that stand in for one another. A conversation keeps its member while that one can be asked, because caches and signatures of reasoning are a member's own. Another is asked only where
 * nothing can have been done twice, or the configuration says so.
 */
import { hash, randomUUID } from 'node:crypto';
import type { PoolConfig } from '../../config/upstream-schema.ts';
import type { UpstreamFailure } from '../chat.ts';
import type { Gate } from './gate.ts';

export interface Pool {
  readonly name: string;
  readonly attempts: number;
  /** Members in the order in which to ask them. `conversation` empty: one of its own. */
  order(conversation: string): readonly string[];
  mayAskAnother(failure: UpstreamFailure): boolean;
}

/** The server says that it did nothing with the request. */
const NOT_DONE: ReadonlySet<UpstreamFailure['code']> = new Set([
  'upstream_overloaded',
  'upstream_unauthorized',
  'model_not_found',
]);
/** It may have done the work, and nobody saw the answer. */
const NOT_ANSWERED: ReadonlySet<UpstreamFailure['code']> = new Set([
  'upstream_reset',
  'upstream_timeout',
  'upstream_failed',
]);

export function createPool(name: string, config: PoolConfig, gates: ReadonlyMap<string, Gate>): Pool {
  const canBeAsked = (member: string): boolean => gates.get(member)?.isOpenToRequests ?? true;
  return {
    name,
    attempts: config.attempts,
    order(conversation) {
      const ranked = Object.keys(config.weights).length === 0 ? config.members : byWeight(config, conversation);
      return [...ranked.filter(canBeAsked), ...ranked.filter((member) => !canBeAsked(member))];
    },
    mayAskAnother(failure) {
      if (config.retry === 'never' || failure.code === 'aborted') return false;
      if (!failure.sent || NOT_DONE.has(failure.code)) return true;
      return config.retry === 'before-first-byte' && NOT_ANSWERED.has(failure.code);
    },
  };
}

/** Weighted rendezvous hashing: shares as weighed, and a conversation moves only when its own member is gone. */
function byWeight(config: PoolConfig, conversation: string): readonly string[] {
  const key = conversation === '' ? randomUUID() : conversation;
  const score = (member: string): number => {
    const weight = config.weights[member] ?? 1;
    if (weight === 0) return -Infinity;
    const draw = (Number.parseInt(hash('sha256', `${key}\n${member}`).slice(0, 12), 16) + 1) / (2 ** 48 + 1);
    return weight / -Math.log(draw);
  };
  return config.members
    .map((member) => ({ member, score: score(member) }))
    .toSorted((a, b) => b.score - a.score)
    .map(({ member }) => member);
}

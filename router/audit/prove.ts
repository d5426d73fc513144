/**
 * What the chain proves about a label: that no request with it, or with a higher one, was sent to a cloud since a time. The answer says on what it rests: an unbroken chain, sends recorded
 * before they were made, no lost records. Fails closed: a send whose request nobody named, or whose label is not on the ladder, counts as the highest.
 */
import type { Database } from '../store/database.ts';
import type { AuditRecord } from './event.ts';
import { parseRecord } from './segment.ts';
import type { Verifier } from './signer.ts';
import type { Head } from './table.ts';
import { type ChainReport, verifyChain } from './verify.ts';

export interface Claim {
  readonly label: string;
  readonly notTo: 'cloud';
  /** Epoch milliseconds. */
  readonly since: number;
  readonly until: number;
  /** Whether a send after masking is a breach too. What is sent then no longer has the label, but it came of a request that had. */
  readonly masked: 'breach' | 'allowed';
}

export interface Proof {
  readonly claim: Claim;
  /** `proved`: nothing contradicts it and everything it rests on holds. `contradicted`: there is a breach. `open`: none was found, but something it rests on does not hold. */
  readonly result: 'proved' | 'contradicted' | 'open';
  readonly breaches: readonly {
    readonly n: number;
    readonly i: number;
    readonly instance: string;
    readonly id: string;
    readonly at: number;
    readonly upstream: string;
    readonly label: string;
    readonly masked: boolean;
  }[];
  /** Counted inside the time of the claim. */
  readonly counted: {
    readonly requests: number;
    readonly requestsWithLabel: number;
    readonly sends: number;
    readonly sendsMaskedWithLabel: number;
    readonly local: number;
    readonly refused: number;
  };
  /** What it rests on, each with whether it holds. */
  readonly grounds: readonly { readonly ground: string; readonly holds: boolean; readonly detail: string }[];
  readonly chain: ChainReport;
}

const RECORDED_WORK: ReadonlySet<string> = new Set(['request', 'send', 'tool']);
const MAX_BREACHES = 1_000;

export async function proveNotSent(
  database: Database,
  claim: Claim,
  options: { readonly verifier: Verifier; readonly heads: readonly Head[] },
): Promise<Proof> {
  const breaches: Proof['breaches'][number][] = [];
  const counted = { requests: 0, requestsWithLabel: 0, sends: 0, sendsMaskedWithLabel: 0, local: 0, refused: 0 };
  const ladders = new Map<string, readonly string[]>();
  /** Instances that wrote inside the claim's time while sends were not recorded beforehand. */
  const loose = new Set<string>();
  const required = new Map<string, boolean>();
  let oldest = Infinity;
  let unreadable = 0;
  let unknownLadder = 0;

  const reaches = (label: string, instance: string): boolean => {
    const ladder = ladders.get(instance) ?? [];
    const rank = ladder.indexOf(label);
    const bar = ladder.indexOf(claim.label);
    if (bar === -1) unknownLadder += 1;
    return rank === -1 || bar === -1 || rank >= bar;
  };
  const visit = (record: AuditRecord, instance: string, n: number): void => {
    if (record.kind === 'start' || (record.kind === 'reload' && record.applied)) {
      ladders.set(instance, record.ladder);
      required.set(instance, record.required);
    }
    if (record.at < oldest) oldest = record.at;
    if (record.at < claim.since || record.at > claim.until) return;
    if (RECORDED_WORK.has(record.kind) && required.get(instance) !== true) loose.add(instance);
    if (record.kind === 'request') {
      counted.requests += 1;
      // Failed before anything was decided: nothing was sent, and if something was, its send is a record of its own.
      if (record.label === '' || !reaches(record.label, instance)) return;
      counted.requestsWithLabel += 1;
      if (record.route === 'local') counted.local += 1;
      else if (record.route === 'refuse') counted.refused += 1;
    }
    if (record.kind !== 'send') return;
    counted.sends += 1;
    if (!reaches(record.label, instance)) return;
    if (record.masked) counted.sendsMaskedWithLabel += 1;
    if (record.masked && claim.masked === 'allowed' && !reaches(record.sent, instance)) return;
    if (breaches.length < MAX_BREACHES)
      breaches.push({
        n,
        i: record.i,
        instance,
        id: record.id,
        at: record.at,
        upstream: record.upstream,
        label: record.label,
        masked: record.masked,
      });
  };
  const chain = await verifyChain(database, {
    ...options,
    onRecord(line, header) {
      const record = parseRecord(line);
      if (record === undefined) unreadable += 1;
      else visit(record, header.instance, header.n);
    },
  });

  const note = (code: ChainReport['notes'][number]['code']): readonly string[] =>
    chain.notes.filter((each) => each.code === code).map((each) => each.detail);
  const lost = note('lost-records');
  const pruned = note('pruned');
  const grounds: Proof['grounds'] = [
    {
      ground: 'the chain is whole and its signatures hold',
      holds: chain.whole && unreadable === 0,
      detail: chain.whole ? `head ${chain.head?.n ?? 0} ${chain.head?.hash ?? ''}` : (chain.problems[0]?.detail ?? ''),
    },
    {
      ground: 'the chain reaches back to the beginning of the time asked for',
      // A chain from its very first segment holds all that was ever recorded.
      holds: pruned.length === 0 || oldest <= claim.since,
      detail: pruned[0] ?? 'from its first segment',
    },
    { ground: 'no record was lost', holds: lost.length === 0, detail: lost[0] ?? '' },
    {
      ground: 'every send was on disk before it was made (audit.required)',
      holds: loose.size === 0,
      detail:
        loose.size === 0
          ? ''
          : `${loose.size} instances wrote receipts a moment after: what they did just before a kill may be missing`,
    },
    {
      ground: 'the label is on the ladder that was in force',
      holds: unknownLadder === 0,
      detail: unknownLadder === 0 ? '' : `${claim.label} was not on it for ${unknownLadder} records`,
    },
  ];
  return {
    claim,
    result: breaches.length > 0 ? 'contradicted' : grounds.every((each) => each.holds) ? 'proved' : 'open',
    breaches,
    counted,
    grounds,
    chain,
  };
}

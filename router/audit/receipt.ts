/** From a request's evidence to its receipt. Values become keyed digests here; what a client named is in the evidence as a known name already. */
import { createHmac, hkdfSync } from 'node:crypto';
import type { Finding } from '../../classifiers/finding.ts';
import type { Segment } from '../../classifiers/segment.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { RequestReceipt } from './event.ts';

const DIGEST_DIGITS = 24;
const FINDINGS_KEPT = 50;

/** Digests values under a key of their own: the digests of the latch and of the audit cannot be matched with each other. */
export class ValueDigester {
  readonly #key: Buffer;

  constructor(installationKey: Buffer) {
    this.#key = Buffer.from(hkdfSync('sha256', installationKey, Buffer.alloc(0), 'sluice audit values', 32));
  }

  digest(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('hex').slice(0, DIGEST_DIGITS);
  }

  /** One digest per finding; empty where the finding's text is not at hand (a view over several segments). */
  findings(findings: readonly Finding[], segments: () => readonly Segment[]): readonly string[] {
    if (findings.length === 0) return [];
    const wanted = new Set(findings.slice(0, FINDINGS_KEPT).map((each) => each.span.segment));
    const texts = new Map<string, string>();
    for (const { pointer, form, text } of segments())
      if (wanted.has(pointer) && form !== 'key') texts.set(pointer, text);
    return findings.slice(0, FINDINGS_KEPT).map(({ span }) => {
      const value = texts.get(span.segment)?.slice(span.start, span.end) ?? '';
      return value === '' ? '' : this.digest(value);
    });
  }
}

/** The receipt of a request that no model answered: the sandbox's own paths. What its tools did has receipts of its own. */
export function toSurfaceReceipt(
  facts: Pick<RequestReceipt, 'id' | 'principal' | 'key' | 'protocol' | 'outcome' | 'ms' | 'policy'>,
): RequestReceipt {
  return {
    kind: 'request',
    ...facts,
    route: 'none',
    upstream: '',
    label: '',
    verdict: 'none',
    reasons: [],
    counterfactual: '',
    requestModel: '',
    model: '',
    session: '',
    findings: [],
    findingCount: 0,
    gaps: [],
    tools: 0,
    chars: 0,
    inputTokens: 0,
    outputTokens: 0,
  };
}

export function toReceipt(record: RequestRecord, key: string, digests: readonly string[]): RequestReceipt {
  return {
    kind: 'request',
    id: record.id,
    principal: record.principal,
    key,
    protocol: record.protocol,
    route: record.route,
    upstream: record.upstream,
    label: record.label,
    verdict: record.verdict,
    reasons: record.reasons,
    counterfactual: record.counterfactual,
    outcome: record.outcome,
    requestModel: record.requestModel,
    model: record.responseModel,
    session: record.session,
    findings: record.findings
      .slice(0, FINDINGS_KEPT)
      .map(({ entity, pointer }, index) => ({ entity, pointer, digest: digests[index] ?? '' })),
    findingCount: record.findingCount,
    gaps: [...new Set(record.gaps.map((gap) => gap.cause))],
    tools: record.tools.length,
    chars: record.chars,
    inputTokens: record.usage?.inputTokens ?? 0,
    outputTokens: record.usage?.outputTokens ?? 0,
    ms: Math.round(record.timings.total),
    policy: record.policy,
  };
}

/** From a request's evidence to its receipt. Values become keyed digests here; what a client named is in the evidence as a known name already. */
import { hash, hkdfSync } from 'node:crypto';
import type { Block } from '../../classifiers/block.ts';
import type { Finding } from '../../classifiers/finding.ts';
import { KeyedMemory } from '../../classifiers/keyed-memory.ts';
import type { Segment } from '../../classifiers/segment.ts';
import type { RequestEnvelope } from '../envelope.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { RequestReceipt } from './event.ts';

const DIGEST_DIGITS = 24;
const FINDINGS_KEPT = 50;
/** What SHA-256 works on at a time. */
const BLOCK_BYTES = 64;

/** Where the texts of a request's findings are. */
type FindingTexts = Pick<RequestEnvelope, 'segments' | 'blockAt'>;
type TextAt = ReadonlyMap<string, string>;

/** Digests values under a key of their own: the digests of the latch and of the audit cannot be matched with each other. */
export class ValueDigester {
  readonly #inner: Buffer;
  readonly #outer: Buffer;
  /** By block and place in it: an agent sends the values of its history again with every turn, and to read them its whole body would be parsed. Digests, no text. */
  readonly #known = new KeyedMemory<string>(20_000, 'audit values');

  constructor(installationKey: Buffer) {
    const key = Buffer.from(hkdfSync('sha256', installationKey, Buffer.alloc(0), 'sluice audit values', 32));
    this.#inner = padded(key, 0x36);
    this.#outer = padded(key, 0x5c);
  }

  /** HMAC-SHA-256 (RFC 2104) in two one-shot hashes; an Hmac object costs more than the hashing of a short value. */
  digest(text: string): string {
    const message = Buffer.allocUnsafe(BLOCK_BYTES + Buffer.byteLength(text));
    this.#inner.copy(message);
    message.write(text, BLOCK_BYTES);
    const inner = hash('sha256', message, 'buffer');
    return hash('sha256', Buffer.concat([this.#outer, inner]), 'hex').slice(0, DIGEST_DIGITS);
  }

  /** One digest per finding; empty where the finding's text is not at hand (a view over several segments). */
  findings(findings: readonly Finding[], request: FindingTexts): readonly string[] {
    const texts = new Map<Block | undefined, TextAt>();
    const textAt = (block: Block | undefined): TextAt => {
      let known = texts.get(block);
      if (known === undefined)
        texts.set(block, (known = textsOf(block === undefined ? request.segments : block.read().segments)));
      return known;
    };
    return findings.slice(0, FINDINGS_KEPT).map(({ span: { segment, start, end } }) => {
      const block = request.blockAt?.(segment);
      const name =
        block === undefined || block.key === ''
          ? ''
          : `${block.key} ${segment.slice(block.pointer.length)} ${start} ${end}`;
      const known = name === '' ? undefined : this.#known.get(name);
      if (known !== undefined) return known;
      const value = textAt(block).get(segment)?.slice(start, end) ?? '';
      const digest = value === '' ? '' : this.digest(value);
      if (name !== '') this.#known.set(name, digest);
      return digest;
    });
  }
}

/** A block of SHA-256: the key, filled up, with every byte changed. */
function padded(key: Buffer, change: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  key.copy(block);
  return block.map((byte) => byte ^ change) as Buffer;
}

function textsOf(segments: readonly Segment[]): TextAt {
  const texts = new Map<string, string>();
  for (const { pointer, form, text } of segments) if (form !== 'key') texts.set(pointer, text);
  return texts;
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
    findings: record.findings.slice(0, FINDINGS_KEPT).map(({ entity, pointer, score }, index) => ({
      entity,
      pointer,
      digest: digests[index] ?? '',
      score: roundedDown(score),
    })),
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

/** The little that is added is for scores that binary fractions miss by less: 0.57 is a hair below itself. */
function roundedDown(score: number): number {
  return Math.floor(score * 10_000 + 1e-6) / 10_000;
}

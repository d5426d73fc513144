/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a request belongs to. A client's traceparent is taken when it is well formed and
 * is never sent on to a model, whose operator has no business joining our traces. Fails by ignoring: a malformed header starts a new trace.
 */
import { randomFillSync } from 'node:crypto';
import type { TraceContext } from './request-record.ts';

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,256})?$/;

/** startTrace is undefined when this trace is not exported: `share` of all ids are. */
export function startTrace(traceparent: string | undefined, share: number): TraceContext | undefined {
  if (share <= 0) return undefined;
  const parent = traceparent === undefined || traceparent.length > 512 ? null : TRACEPARENT.exec(traceparent);
  const [, version = '', given = '', parentId = '', , rest] = parent ?? [];
  const valid =
    parent !== null &&
    version !== 'ff' &&
    (version !== '00' || rest === undefined) &&
    !/^0+$/.test(given) &&
    !/^0+$/.test(parentId);
  const traceId = valid ? given : randomHex(16);
  // The low bits are random by the convention, and every service that looks at them comes to the same answer.
  if (share < 1 && Number.parseInt(traceId.slice(-13), 16) >= share * 2 ** 52) return undefined;
  return { traceId, spanId: randomHex(8), parentId: valid ? parentId : '' };
}

/** Random bytes are asked for by the page: one call per id costs more than the id. */
const pool = Buffer.alloc(4096);
let used = pool.length;

export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = pool.toString('hex', used, used + bytes);
  used += bytes;
  return /^0+$/.test(hex) ? randomHex(bytes) : hex;
}

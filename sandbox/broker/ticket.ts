/**
 * A ticket is a plan, a serial number and a deadline under one HMAC. Its canonical JSON is the body of a SignedPlan: the
 * executor verifies those bytes and then parses those very bytes, so there is nothing to swap between approval and run.
 * Fails closed: wrong key, changed byte, other policy, used or late serial all answer `rejected`.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../canonical-json.ts';
import type { ExecutionPlan, SignedPlan } from '../plan.ts';
import { executionPlan } from './messages.ts';

/** Keeps a signature made here from meaning anything elsewhere. */
const CONTEXT = 'sluice/execution-plan/1\n';
/** A plan approved now is run now. Past this, label and policy may have moved on. */
export const TICKET_LIFE_MS = 30_000;
/** Serials below the newest by more than this are taken as used, which bounds what is remembered. */
const REMEMBERED_SERIALS = 4096;

const ticket = z.strictObject({
  plan: executionPlan,
  serial: z.int().min(1),
  /** Of the machine's monotonic clock, which all its processes share; setting the date moves nothing. */
  deadlineMs: z.number(),
});

export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

export class TicketSigner {
  readonly #key: Uint8Array;
  readonly #now: () => number;
  #serial = 0;

  constructor(key: Uint8Array, now: () => number = monotonicMs) {
    this.#key = key;
    this.#now = now;
  }

  sign(plan: ExecutionPlan): SignedPlan {
    this.#serial += 1;
    const body = canonicalJson({ plan, serial: this.#serial, deadlineMs: this.#now() + TICKET_LIFE_MS });
    return { body, signature: macOf(this.#key, body).toString('hex') };
  }
}

export type Admission =
  | { readonly kind: 'admitted'; readonly plan: ExecutionPlan }
  | { readonly kind: 'rejected'; readonly why: 'signature' | 'shape' | 'other-policy' | 'replayed' | 'late' };

export class TicketGate {
  readonly #key: Uint8Array;
  readonly #policyDigest: string;
  readonly #now: () => number;
  readonly #used = new Set<number>();
  #newest = 0;

  constructor(key: Uint8Array, policyDigest: string, now: () => number = monotonicMs) {
    this.#key = key;
    this.#policyDigest = policyDigest;
    this.#now = now;
  }

  admit(signed: SignedPlan): Admission {
    // An ill-formed string has the bytes of another one in UTF-8, and so its signature.
    if (!/^[0-9a-f]{64}$/.test(signed.signature) || !signed.body.isWellFormed()) return rejected('signature');
    if (!timingSafeEqual(Buffer.from(signed.signature, 'hex'), macOf(this.#key, signed.body)))
      return rejected('signature');
    const parsed = ticket.safeParse(JSON.parse(signed.body));
    if (!parsed.success) return rejected('shape');
    const { plan, serial, deadlineMs } = parsed.data;
    if (plan.policyDigest !== this.#policyDigest) return rejected('other-policy');
    if (this.#used.has(serial) || serial <= this.#newest - REMEMBERED_SERIALS) return rejected('replayed');
    this.#use(serial);
    if (this.#now() > deadlineMs) return rejected('late');
    return { kind: 'admitted', plan };
  }

  #use(serial: number): void {
    this.#used.add(serial);
    this.#newest = Math.max(this.#newest, serial);
    if (this.#used.size <= REMEMBERED_SERIALS * 2) return;
    for (const old of this.#used) if (old <= this.#newest - REMEMBERED_SERIALS) this.#used.delete(old);
  }
}

function macOf(key: Uint8Array, body: string): Buffer {
  return createHmac('sha256', key).update(CONTEXT).update(body, 'utf8').digest();
}

function rejected(why: Extract<Admission, { kind: 'rejected' }>['why']): Admission {
  return { kind: 'rejected', why };
}

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TICKET_LIFE_MS, TicketGate, TicketSigner } from '../../../sandbox/broker/ticket.ts';
import type { ExecutionPlan } from '../../../sandbox/plan.ts';

const DIGEST = 'a'.repeat(64);
const PLAN: ExecutionPlan = {
  callId: 'call_\ufffd1',
  tool: 'exec',
  mode: 'bubblewrap',
  argv: ['/bin/sh', '-c', 'ls \ufffd'],
  stdin: '',
  cwd: '/workspace',
  env: { PATH: '/usr/bin' },
  workspace: { access: 'rw', source: '/srv/work' },
  home: '',
  egress: { kind: 'none' },
  limits: { wallMs: 1, memoryBytes: 1, processes: 1, outputBytes: 1, diskBytes: 1, fileBytes: 1 },
  scopeKey: 'b'.repeat(64),
  sessionKey: 'c'.repeat(64),
  policyDigest: DIGEST,
};

function pair(digest = DIGEST): {
  readonly signer: TicketSigner;
  readonly gate: TicketGate;
  readonly clock: { ms: number };
} {
  const key = randomBytes(32);
  const clock = { ms: 1000 };
  return { signer: new TicketSigner(key, () => clock.ms), gate: new TicketGate(key, digest, () => clock.ms), clock };
}

describe('TicketGate admits', () => {
  test('the very plan that was signed', () => {
    const { signer, gate } = pair();
    expect(gate.admit(signer.sign(PLAN))).toEqual({ kind: 'admitted', plan: PLAN });
  });

  test('tickets out of order, each once', () => {
    const { signer, gate } = pair();
    const tickets = Array.from({ length: 50 }, () => signer.sign(PLAN)).toReversed();
    expect(tickets.map((ticket) => gate.admit(ticket).kind)).toEqual(tickets.map(() => 'admitted'));
    expect(tickets.map((ticket) => gate.admit(ticket))).toEqual(
      tickets.map(() => ({ kind: 'rejected', why: 'replayed' })),
    );
  });
});

describe('TicketGate rejects', () => {
  test('any one bit changed in body or signature', () => {
    const { signer, gate } = pair();
    const signed = signer.sign(PLAN);
    fc.assert(
      fc.property(fc.nat(signed.body.length - 1), fc.integer({ min: 1, max: 127 }), (at, flip) => {
        const changed = String.fromCharCode(signed.body.charCodeAt(at) ^ flip);
        const body = signed.body.slice(0, at) + changed + signed.body.slice(at + 1);
        expect(gate.admit({ ...signed, body })).toEqual({ kind: 'rejected', why: 'signature' });
      }),
    );
    for (let at = 0; at < 64; at += 1) {
      const digit = signed.signature[at] === '0' ? '1' : '0';
      const signature = signed.signature.slice(0, at) + digit + signed.signature.slice(at + 1);
      expect(gate.admit({ ...signed, signature })).toEqual({ kind: 'rejected', why: 'signature' });
    }
    expect(gate.admit(signed).kind).toBe('admitted');
  });

  test('a lone surrogate in place of the replacement character, which has the same bytes in UTF-8', () => {
    const { signer, gate } = pair();
    const signed = signer.sign(PLAN);
    expect(signed.body).toContain('\ufffd');
    expect(gate.admit({ ...signed, body: signed.body.replaceAll('\ufffd', '\ud800') })).toEqual({
      kind: 'rejected',
      why: 'signature',
    });
  });

  test.each(['', 'zz', 'A'.repeat(64), '0'.repeat(63), '0'.repeat(65), `${'0'.repeat(63)}\n`])(
    'the signature "%s"',
    (signature) => {
      const { signer, gate } = pair();
      expect(gate.admit({ ...signer.sign(PLAN), signature })).toEqual({ kind: 'rejected', why: 'signature' });
    },
  );

  test('a signature of another key', () => {
    expect(pair().gate.admit(pair().signer.sign(PLAN))).toEqual({ kind: 'rejected', why: 'signature' });
  });

  test('a plan of another policy', () => {
    const { signer, gate } = pair('c'.repeat(64));
    expect(gate.admit(signer.sign(PLAN))).toEqual({ kind: 'rejected', why: 'other-policy' });
  });

  test('a plan with more in it than a plan', () => {
    const { signer, gate } = pair();
    const odd = { ...PLAN, privileged: true } as ExecutionPlan;
    expect(gate.admit(signer.sign(odd))).toEqual({ kind: 'rejected', why: 'shape' });
  });

  test('a ticket past its deadline, and it is used up', () => {
    const { signer, gate, clock } = pair();
    const signed = signer.sign(PLAN);
    clock.ms += TICKET_LIFE_MS + 1;
    expect(gate.admit(signed)).toEqual({ kind: 'rejected', why: 'late' });
    clock.ms = 1000;
    expect(gate.admit(signed)).toEqual({ kind: 'rejected', why: 'replayed' });
  });

  test('an old ticket after the memory of used ones was trimmed', () => {
    const { signer, gate } = pair();
    const first = signer.sign(PLAN);
    expect(gate.admit(first).kind).toBe('admitted');
    for (let count = 0; count < 9000; count += 1) gate.admit(signer.sign(PLAN));
    expect(gate.admit(first)).toEqual({ kind: 'rejected', why: 'replayed' });
  });
});

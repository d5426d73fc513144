/** A backend that can be as rude as a real one: hangs, lies, dies, throws, floods. Named by what it does wrong. */
import type { Backend, Outcome } from '../../sandbox/backend.ts';
import type { ClaimReport, Mode } from '../../sandbox/executor.ts';
import type { ExecutionPlan } from '../../sandbox/plan.ts';

export type Manner =
  | 'polite'
  /** Runs until it is aborted, then says so. */
  | 'waits'
  /** Ignores abort and never answers. */
  | 'hangs'
  | 'throws'
  /** Says it ran, with nothing attested. */
  | 'unattested'
  /** Answers something that is no outcome. */
  | 'garbage'
  | 'floods'
  | 'not-started';

export interface FakeBackend extends Backend {
  readonly plans: ExecutionPlan[];
  manner: Manner;
  claims: readonly ClaimReport[] | 'throws' | 'hangs';
  usable: boolean;
  proofs: number;
  running: number;
  closed: boolean;
}

const OUTPUT = { head: 'ok\n', tail: '', omittedBytes: 0 } as const;
const NOTHING = { head: '', tail: '', omittedBytes: 0 } as const;

export function createFakeBackend(manner: Manner = 'polite', mode: Mode = 'bubblewrap'): FakeBackend {
  const backend: FakeBackend = {
    mode,
    plans: [],
    manner,
    claims: [{ claim: 'no-network', proved: true, evidence: 'connect answered ENETUNREACH' }],
    usable: true,
    proofs: 0,
    running: 0,
    closed: false,
    available: () =>
      Promise.resolve(
        backend.usable ? { usable: true } : { usable: false, reason: 'bwrap is missing: apt install bubblewrap' },
      ),
    prove() {
      backend.proofs += 1;
      if (backend.claims === 'throws') return Promise.reject(new Error('CANARY of the probe'));
      if (backend.claims === 'hangs') return new Promise(() => undefined);
      return Promise.resolve(backend.claims);
    },
    async run(plan, { signal }) {
      backend.plans.push(plan);
      backend.running += 1;
      try {
        return await answer(backend.manner, signal);
      } finally {
        backend.running -= 1;
      }
    },
    close() {
      backend.closed = true;
      return Promise.resolve();
    },
  };
  return backend;
}

function answer(manner: Manner, signal: AbortSignal): Promise<Outcome> {
  const attested = { seccomp: 2, noNewPrivileges: true };
  const exited: Outcome = { kind: 'exited', code: 0, stdout: OUTPUT, stderr: NOTHING, attested };
  switch (manner) {
    case 'polite':
      return Promise.resolve(exited);
    case 'waits':
      return new Promise((resolve) => {
        const killed: Outcome = { kind: 'killed', by: 'abort', stdout: NOTHING, stderr: NOTHING, attested };
        if (signal.aborted) resolve(killed);
        else signal.addEventListener('abort', () => resolve(killed), { once: true });
      });
    case 'hangs':
      return new Promise(() => undefined);
    case 'throws':
      return Promise.reject(new Error('CANARY of the backend'));
    case 'unattested':
      return Promise.resolve({ ...exited, attested: {} });
    case 'garbage':
      return Promise.resolve({ kind: 'exited', code: 'CANARY' } as unknown as Outcome);
    case 'floods':
      return Promise.resolve({
        ...exited,
        stdout: { head: 'x'.repeat(10_000_000), tail: 'y'.repeat(100), omittedBytes: 7 },
      });
    case 'not-started':
      return Promise.resolve({ kind: 'not-started', cause: 'attestation-failed', detail: 'Seccomp was 0' });
  }
}

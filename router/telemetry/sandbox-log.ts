/** The last events of the sandbox broker, for the console: proofs, refused connections, restarts. Codes and counts, as in the log; a host name is never in them. */
import type { BrokerEvent } from '../../sandbox/broker/broker.ts';

export interface SandboxEvent {
  readonly at: number;
  readonly event: string;
  readonly level: 'info' | 'warn' | 'error';
  readonly detail: string;
}

const KEPT = 300;

export class SandboxLog {
  #events: SandboxEvent[] = [];

  add(event: BrokerEvent): void {
    this.#events.push(describe(event));
    if (this.#events.length > KEPT) this.#events = this.#events.slice(-KEPT / 2);
  }

  newest(): readonly SandboxEvent[] {
    return this.#events.toReversed();
  }
}

function describe(event: BrokerEvent): SandboxEvent {
  const at = Date.now();
  switch (event.kind) {
    case 'broker-ready':
      return { at, event: event.kind, level: 'info', detail: `policy ${event.policyDigest.slice(0, 12)}` };
    case 'broker-ended':
      return { at, event: event.kind, level: 'error', detail: `${event.why}; next try in ${event.nextTryMs} ms` };
    case 'policy-unfit':
      return { at, event: event.kind, level: 'error', detail: event.problems.join('; ') };
    case 'standings': {
      const unproved = event.standings.flatMap(({ claims }) => claims.filter((claim) => !claim.proved));
      const proved = event.standings.flatMap(({ claims }) => claims).length - unproved.length;
      return {
        at,
        event: 'proof',
        level: unproved.length > 0 ? 'warn' : 'info',
        detail:
          unproved.length > 0
            ? `not proved: ${unproved.map(({ claim }) => claim).join(', ')}`
            : `${proved} claims proved`,
      };
    }
    case 'alert': {
      const { alert, tool, sessionKey, raiseTo, ended } = event.event;
      const did = [raiseTo === '' ? '' : `label raised to ${raiseTo}`, ended ? 'session ended' : ''].filter(Boolean);
      return {
        at,
        event: 'alert',
        level: ended ? 'error' : 'warn',
        detail: `${alert} by ${tool}, session ${sessionKey.slice(0, 12)}${did.length === 0 ? '' : `: ${did.join(', ')}`}`,
      };
    }
    case 'egress': {
      const { code, rule, tool, scopeKey, connections, bytesOut, bytesIn } = event.event;
      return {
        at,
        event: 'egress',
        level: code === 'relayed' ? 'info' : 'warn',
        detail: `${code} by ${rule === '' ? 'no rule' : rule}: ${tool}, scope ${scopeKey.slice(0, 12)}, ${connections} connections, ${bytesOut} bytes out, ${bytesIn} in`,
      };
    }
  }
}

/** The broker's events as log lines and metrics. They hold config keys, codes and counts; what a sandbox did with the network is counted, never named. */
import type { BrokerEvent } from '../../sandbox/broker/broker.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export function recordSandboxEvent(event: BrokerEvent, log: Log, metrics: Metrics): void {
  metrics.sandboxEvents.inc({ event: event.kind });
  const name = `sandbox-${event.kind}`;
  switch (event.kind) {
    case 'broker-ready':
      log.info({ event: name, policy: event.policyDigest.slice(0, 12) }, name);
      return;
    case 'broker-ended':
      log.error({ event: name, why: event.why, nextTryMs: event.nextTryMs }, name);
      return;
    case 'policy-unfit':
      log.error({ event: name, problems: event.problems }, name);
      return;
    case 'standings':
      for (const { mode, usable, reason, claims, endpoints = [] } of event.standings) {
        const unproved = claims.filter((claim) => !claim.proved).map((claim) => claim.claim);
        const fields = { event: name, mode, usable, reason, claims: claims.length, unproved };
        if (usable && unproved.length === 0) log.info(fields, name);
        else log.warn(fields, name);
        for (const { name: endpoint, state, reason: why } of endpoints)
          if (state !== 'ready')
            log.warn({ event: 'sandbox-endpoint', mode, endpoint, state, reason: why }, 'sandbox-endpoint');
      }
      return;
    case 'alert': {
      const { alert, tool, sessionKey, raiseTo, ended } = event.event;
      metrics.sandboxAlerts.inc({ alert });
      const fields = { event: name, alert, tool, session: sessionKey.slice(0, 12), raiseTo, ended };
      if (ended) log.error(fields, name);
      else log.warn(fields, name);
      return;
    }
    case 'egress': {
      const { code, rule, tool, scopeKey, connections, credentials, bytesOut, bytesIn } = event.event;
      metrics.egressConnections.inc({ outcome: code }, connections);
      if (credentials > 0) metrics.egressCredentials.inc({ rule }, credentials);
      metrics.egressBytes.inc({ direction: 'out' }, bytesOut);
      metrics.egressBytes.inc({ direction: 'in' }, bytesIn);
      const fields = {
        event: name,
        outcome: code,
        rule,
        tool,
        scope: scopeKey.slice(0, 12),
        connections,
        credentials,
        bytesOut,
        bytesIn,
      };
      if (code === 'relayed') log.info(fields, name);
      else log.warn(fields, name);
    }
  }
}

import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { recordSandboxEvent } from '../../../router/sandbox-surface/record-sandbox-event.ts';
import { createLog } from '../../../router/telemetry/log.ts';
import { createMetrics } from '../../../router/telemetry/metrics.ts';
import type { BrokerEvent } from '../../../sandbox/broker/broker.ts';
import type { EgressEvent } from '../../../sandbox/egress/egress-event.ts';

async function record(events: readonly BrokerEvent[]): Promise<{ lines: Record<string, unknown>[]; metrics: string }> {
  const lines: Record<string, unknown>[] = [];
  const log = createLog(
    'debug',
    new Writable({
      write(chunk: Buffer, _, done) {
        lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
        done();
      },
    }),
  );
  const metrics = createMetrics();
  for (const event of events) recordSandboxEvent(event, log, metrics);
  return { lines, metrics: await metrics.registry.metrics() };
}
const egress = (change: Partial<EgressEvent>): BrokerEvent => ({
  kind: 'egress',
  event: {
    scopeKey: 'a'.repeat(64),
    tool: 'exec',
    code: 'relayed',
    rule: 'sandbox.egress.allow.0',
    connections: 1,
    credentials: 0,
    bytesOut: 10,
    bytesIn: 1000,
    ...change,
  },
});

describe('events of the broker', () => {
  it('connections count by outcome, bytes by direction; a refusal is a warning', async () => {
    const { lines, metrics } = await record([
      egress({ connections: 3 }),
      egress({ code: 'host-not-allowed', rule: '', connections: 2, bytesOut: 0, bytesIn: 0 }),
    ]);
    expect(lines.map(({ level, outcome }) => [level, outcome])).toEqual([
      ['info', 'relayed'],
      ['warn', 'host-not-allowed'],
    ]);
    expect(metrics).toContain('sluice_sandbox_egress_connections_total{outcome="relayed"} 3');
    expect(metrics).toContain('sluice_sandbox_egress_connections_total{outcome="host-not-allowed"} 2');
    expect(metrics).toContain('sluice_sandbox_egress_bytes_total{direction="out"} 10');
    expect(metrics).toContain('sluice_sandbox_egress_bytes_total{direction="in"} 1000');
  });

  it('an alarm is counted and warned of; one that ended a session is an error', async () => {
    const event = {
      alert: 'canary-read',
      tool: 'exec',
      sessionKey: 'f'.repeat(64),
      raiseTo: 'restricted',
      ended: false,
    } as const;
    const { lines, metrics } = await record([
      { kind: 'alert', event },
      { kind: 'alert', event: { ...event, ended: true } },
    ]);
    expect(lines.map(({ level, alert, session }) => [level, alert, session])).toEqual([
      ['warn', 'canary-read', 'f'.repeat(12)],
      ['error', 'canary-read', 'f'.repeat(12)],
    ]);
    expect(metrics).toContain('sluice_sandbox_alerts_total{alert="canary-read"} 2');
  });

  it('a broker that ends and a claim that falls are louder than one that comes', async () => {
    const standing = { mode: 'bubblewrap', usable: true, reason: '', probedAt: 1 } as const;
    const { lines, metrics } = await record([
      { kind: 'broker-ready', policyDigest: 'b'.repeat(64) },
      {
        kind: 'standings',
        standings: [{ ...standing, claims: [{ claim: 'no-network', proved: true, evidence: '' }] }],
      },
      {
        kind: 'standings',
        standings: [{ ...standing, claims: [{ claim: 'no-network', proved: false, evidence: 'CANARY' }] }],
      },
      { kind: 'broker-ended', why: 'the executor ended (SIGKILL)', nextTryMs: 100 },
      { kind: 'policy-unfit', problems: ['sandbox.mode: x'] },
    ]);
    expect(lines.map(({ level, event }) => [level, event])).toEqual([
      ['info', 'sandbox-broker-ready'],
      ['info', 'sandbox-standings'],
      ['warn', 'sandbox-standings'],
      ['error', 'sandbox-broker-ended'],
      ['error', 'sandbox-policy-unfit'],
    ]);
    expect(lines[2]).toMatchObject({ unproved: ['no-network'] });
    expect(metrics).toContain('sluice_sandbox_events_total{event="standings"} 2');
    expect(JSON.stringify(lines)).not.toContain('CANARY');
  });
});

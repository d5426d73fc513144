/** A request record with harmless values; tests name what they are about. */
import type { RequestRecord } from '../../router/telemetry/request-record.ts';

export function requestRecord(change: Partial<RequestRecord>): RequestRecord {
  return {
    id: 'req_1',
    at: 1_700_000_000_000,
    principal: 'local',
    protocol: 'openai-chat',
    operation: 'chat',
    route: 'local',
    upstream: 'home',
    provider: 'ollama',
    label: 'public',
    verdict: 'clean',
    reasons: ['simple:0.10'],
    counterfactual: '',
    outcome: 'answered',
    complexity: { score: 0.1, band: 'simple', reasons: [] },
    requestModel: 'auto',
    responseModel: 'qwen3:8b',
    session: 'abc',
    turns: 1,
    chars: 100,
    stream: false,
    findings: [],
    findingCount: 0,
    gaps: [],
    signals: [],
    tools: [],
    usage: undefined,
    cost: undefined,
    policy: 'd'.repeat(12),
    timings: { read: 0.1, decided: 0.2, dispatched: 0.3, firstChunk: 1, total: 2 },
    trace: undefined,
    ...change,
  };
}

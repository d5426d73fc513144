/** Every key that explain names is a key of the configuration. */
import { expect, it } from 'vitest';
import { parseConfig } from '../../../config/load.ts';
import { leversOf } from '../../../router/admin/levers.ts';
import type { Reason } from '../../../router/decision.ts';

const gaps = (['timeout', 'threw', 'over-budget', 'unsupported-content', 'opaque-blob', 'unseen-history'] as const).map(
  (cause) => ({ classifier: 'x', cause, pointer: '' }),
);
const REASONS: readonly Reason[] = [
  { code: 'sensitive-content', entities: ['CREDIT_CARD', 'UK_NHS'] },
  { code: 'session-label', label: 'confidential' },
  { code: 'classification-incomplete', gaps },
  { code: 'policy-attack', signals: ['control-text:x'] },
  { code: 'complex-reasoning', score: 1 },
  { code: 'simple', score: 0 },
  { code: 'not-maskable', entities: ['API_KEY', 'UK_NHS'] },
  { code: 'masking-off' },
  { code: 'tool-saw-sensitive' },
  { code: 'rule', rule: 'r' },
  { code: 'rule-overruled', rule: 'r' },
  { code: 'model-honoured' },
  { code: 'model-overridden' },
  { code: 'no-cloud-upstream' },
  { code: 'no-local-upstream' },
  { code: 'local-only' },
  { code: 'cloud-failed' },
  { code: 'door-refused', entities: ['EMAIL_ADDRESS'] },
  { code: 'mask-failed' },
];

it.each(REASONS.map((reason) => [reason.code, reason] as const))('%s', (_, reason) => {
  const loaded = parseConfig('{}', '/x.yaml', {});
  if (loaded.kind === 'invalid') throw new Error('unusable');
  const levers = leversOf([reason], loaded.config);
  expect(levers.length).toBeGreaterThan(0);
  for (const { key, effect } of levers) {
    let at: unknown = loaded.config;
    for (const part of key.split('.')) at = (at as Record<string, unknown>)[part];
    expect(at, key).toBeDefined();
    expect(effect.length).toBeGreaterThan(10);
  }
});

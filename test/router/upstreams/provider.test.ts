/** Every kind of cloud asked through the door: where the request goes, with which headers, and in which words. */
import { afterEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../config/load.ts';
import type { CloudConfig } from '../../../config/upstream-schema.ts';
import { withQuirks } from '../../../router/protocols/body-quirks.ts';
import { explainAnthropic } from '../../../router/upstreams/explain-anthropic.ts';
import { openUpstreams } from '../../../router/upstreams/open.ts';
import { clearedFor } from '../../helpers/cleared.ts';
import { type RudeServer, startRudeServer } from '../../helpers/rude-server.ts';

let server: RudeServer | undefined;
afterEach(() => server?.close());

async function asked(yaml: (url: string) => string, model = 'large', more: object = {}) {
  server = await startRudeServer(() => ({ kind: 'answer', status: 200, body: '{}' }));
  const loaded = parseConfig(yaml(server.url), 'test.yaml', {});
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
  const { upstreams, providers } = loaded.config;
  const opened = openUpstreams(upstreams, { KEY: 'the-key' }, { providers });
  expect(opened.problems).toEqual([]);
  const config = upstreams[0] as CloudConfig;
  const upstream = opened.clouds.get(config.name)!;
  const path = upstream.wire === 'anthropic-messages' ? '/messages' : '/chat/completions';
  const cleared = clearedFor(config.name, { model }, { path, model, ...more });
  await upstream.send(cleared, { signal: new AbortController().signal });
  await upstream.close();
  const request = server.requests[0]!;
  return { path: request.path, headers: request.headers, upstream };
}
const one = (upstream: string) => (url: string) =>
  `upstreams: [{ name: up, sees: public, apiKey: "env:KEY", model: large, models: [small/er], url: "${url}", ${upstream} }]`;

describe('a cloud of kind', () => {
  it('openai: a bearer, below its base URL', async () => {
    const { path, headers } = await asked(one('kind: openai'));
    expect([path, headers['authorization']]).toEqual(['/chat/completions', 'Bearer the-key']);
  });

  it('azure: an api-key, by deployment with an api-version and without one below /openai/v1', async () => {
    const dated = await asked(one('kind: azure, apiVersion: "2024-10-21", deployments: { large: my-deployment }'));
    expect([dated.path, dated.headers['api-key'], dated.headers['authorization']]).toEqual([
      '/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21',
      'the-key',
      undefined,
    ]);
    await server?.close();
    const other = await asked(one('kind: azure, apiVersion: "2024-10-21"'), 'small/er');
    expect(other.path).toBe('/openai/deployments/small%2Fer/chat/completions?api-version=2024-10-21');
    await server?.close();
    expect((await asked(one('kind: azure'))).path).toBe('/openai/v1/chat/completions');
  });

  it('anthropic: its own key and version headers, and the betas a client asked for', async () => {
    const { path, headers } = await asked(one('kind: anthropic'), 'large', {
      features: ['a-2025-01-01', 'b-2025-02-02'],
    });
    expect([path, headers['x-api-key'], headers['anthropic-version'], headers['anthropic-beta']]).toEqual([
      '/messages',
      'the-key',
      '2023-06-01',
      'a-2025-01-01,b-2025-02-02',
    ]);
  });

  it('provider: as it is described', async () => {
    const { path, headers, upstream } = await asked(
      (url) => `
providers:
  house:
    url: "${url}/api"
    auth: { header: X-House-Key, scheme: '' }
    headers: { x-team: research }
    query: { tier: fast }
    path: /deployments/{model}/chat
    rename: { max_completion_tokens: max_tokens }
    drop: [parallel_tool_calls]
upstreams: [{ name: up, kind: provider, provider: house, sees: public, apiKey: "env:KEY", model: large, models: [small/er] }]`,
      'small/er',
      { features: ['a-2025-01-01'] },
    );
    expect([path, headers['x-house-key'], headers['x-team'], headers['anthropic-beta']]).toEqual([
      '/api/deployments/small%2Fer/chat?tier=fast',
      'the-key',
      'research',
      undefined,
    ]);
    expect(upstream.quirks).toEqual({ rename: { max_completion_tokens: 'max_tokens' }, drop: ['parallel_tool_calls'] });
  });

  it.each([
    'host',
    'Cookie',
    'content-length',
    'X-Forwarded-For',
    'accept-encoding',
    'transfer-encoding',
    'proxy-authorization',
  ])('provider: may not set the header %s', (header) => {
    const loaded = parseConfig(
      `providers: { p: { url: "https://x.example", headers: { ${header}: x } } }`,
      'test.yaml',
      {},
    );
    expect(loaded.kind).toBe('invalid');
  });

  it('provider: is a problem where it is not described', () => {
    const loaded = parseConfig(
      'upstreams: [{ name: up, kind: provider, provider: moon, sees: public, model: m }]',
      'test.yaml',
      {},
    );
    if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
    expect(openUpstreams(loaded.config.upstreams, {}).problems).toEqual([
      { path: 'upstreams.up.provider', message: '"moon" is not described under providers' },
    ]);
  });
});

describe('withQuirks()', () => {
  const quirks = { rename: { max_completion_tokens: 'max_tokens' }, drop: ['store'] };
  it.each([
    ['{"a":1}', '{"a":1}'],
    ['{"max_completion_tokens":5,"a":1.50}', '{"max_tokens":5,"a":1.50}'],
    ['{"a":1,"store":false}', '{"a":1}'],
    ['{"max_tokens":3,"max_completion_tokens":5}', '{"max_tokens":3}'],
    ['{"a":{"store":1,"max_completion_tokens":2}}', '{"a":{"store":1,"max_completion_tokens":2}}'],
  ])('%s becomes %s', (body, expected) => {
    expect(withQuirks(body, quirks)).toBe(expected);
  });
});

describe('explainAnthropic()', () => {
  const body = (type: string, message = ''): string => JSON.stringify({ type: 'error', error: { type, message } });
  it.each([
    [400, body('invalid_request_error', 'prompt is too long: 1 tokens > 0 maximum'), 'context_too_long'],
    [400, body('invalid_request_error', 'messages: said "prompt is too long"'), 'upstream_rejected'],
    [401, body('authentication_error'), 'upstream_unauthorized'],
    [404, body('not_found_error'), 'model_not_found'],
    [413, body('request_too_large'), 'context_too_long'],
    [429, body('rate_limit_error'), 'upstream_overloaded'],
    [529, body('overloaded_error'), 'upstream_overloaded'],
    [500, body('api_error'), 'upstream_failed'],
    [529, 'not JSON', 'upstream_overloaded'],
    [400, body('constructor'), 'upstream_rejected'],
  ] as const)('%i %s is %s', (status, text, code) => {
    expect(explainAnthropic(status, text)).toBe(code);
  });
});

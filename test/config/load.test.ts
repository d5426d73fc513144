import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig, ollamaUrl, parseConfig, resolveSecret } from '../../config/load.ts';

function problems(yaml: string, environment: Record<string, string> = {}): readonly string[] {
  const loaded = parseConfig(yaml, '/etc/sluice.yaml', environment);
  return loaded.kind === 'invalid' ? loaded.problems.map((problem) => `${problem.path}: ${problem.message}`) : [];
}

describe('parseConfig() refuses', () => {
  const rows: readonly [string, string, RegExp][] = [
    ['an unknown key, naming the nearest', 'polcy: {}', /^polcy: unknown key; did you mean "policy"\?/],
    ['an unknown key deep inside', 'listen: { prot: 1 }', /^listen\.prot: unknown key; did you mean "port"/],
    [
      'an unknown key inside an array',
      'policy: { rules: [{ name: r, wen: "true", route: local }] }',
      /^policy\.rules\[0\]\.wen: unknown key; did you mean "when"/,
    ],
    [
      'an unknown key inside an upstream',
      'upstreams: [{ kind: ollama, name: a, url: "http://x", sees: public, contextToken: 9 }]',
      /did you mean "contextTokens"/,
    ],
    ['a key nothing is near to', 'listen: { qqqqqqqqqq: 1 }', /unknown key; known here: .*port/],
    ['the same key twice', 'version: 1\nversion: 1', /line 2: duplicate key/],
    ['what is no YAML', 'a: [1', /not valid YAML/],
    [
      'a secret in plain text',
      'upstreams: [{ kind: openai, name: a, url: "https://x.example", sees: public, model: m, apiKey: sk-live-1 }]',
      /^upstreams\[0\]\.apiKey: a secret is a reference/,
    ],
    [
      'a variable that is not set',
      'log: { level: "${NOWHERE}" }',
      /line 1: environment variable NOWHERE is not set and has no default/,
    ],
    [
      'a stand-in in a file',
      'upstreams: [{ kind: stand-in, name: a, sees: public, model: m }]',
      /^upstreams\[0\]\.kind/,
    ],
    ['root in the sandbox', 'sandbox: { uid: 0 }', /^sandbox\.uid/],
    ['a list at the top', '- 1', /^: /],
    ['an alias of nothing', 'log: *nothing', /alias \(\*name\) cannot be resolved/],
    [
      'a bomb of aliases',
      `a: &a [x, x]\n${[...'bcdefghij'].map((name, n) => `${name}: &${name} [${`*${'abcdefghij'[n]},`.repeat(9)}]`).join('\n')}`,
      /alias \(\*name\) cannot be resolved/,
    ],
  ];
  it.each(rows)('%s', (_, yaml, expected) => {
    const found = problems(yaml);
    expect(
      found.some((each) => expected.test(each)),
      found.join('\n'),
    ).toBe(true);
  });

  it('never echoes a value', () => {
    const found = problems(
      'upstreams: [{ kind: openai, name: a, url: "https://x.example", sees: public, model: m, apiKey: canary-4711 }]',
    );
    expect(found.length).toBeGreaterThan(0);
    expect(found.join('\n')).not.toContain('canary-4711');
  });
});

describe('parseConfig() reads', () => {
  it('variables, defaults and their types', () => {
    const loaded = parseConfig('listen:\n  port: ${PORT:-8080}\n  host: "${HOST:-127.0.0.1}"', 'x', { PORT: '9000' });
    expect(loaded.kind === 'config' && loaded.config.listen).toMatchObject({ port: 9000, host: '127.0.0.1' });
  });

  it('a variable as a scalar only, never as structure', () => {
    expect(problems('listen: ${X}', { X: '{ port: 1 }' })).not.toEqual([]);
    const loaded = parseConfig('stateDir: ${X}', 'x', { X: 'a: b' });
    expect(loaded.kind === 'config' && loaded.config.stateDir).toBe('a: b');
  });

  it('into something nobody can change', () => {
    const loaded = parseConfig('{}', 'x', {});
    if (loaded.kind === 'invalid') throw new Error('config');
    expect(() => Object.assign(loaded.config.policy, { masking: 'off' })).toThrow(TypeError);
  });

  it('the same policy into the same digest, another into another', () => {
    const digest = (yaml: string): string => {
      const loaded = parseConfig(yaml, 'x', {});
      return loaded.kind === 'config' ? loaded.digest : '';
    };
    expect(digest('policy: { masking: "off" }\nversion: 1')).toBe(digest('version: 1\npolicy: { masking: "off" }'));
    expect(digest('policy: { masking: "off" }')).not.toBe(digest('{}'));
  });
});

describe('loadConfig()', () => {
  it('says which file cannot be read and why', () => {
    const loaded = loadConfig('/nowhere/sluice.yaml', {});
    expect(loaded).toMatchObject({
      kind: 'invalid',
      problems: [{ message: 'cannot read /nowhere/sluice.yaml (ENOENT)' }],
    });
  });

  it('knows a cloud only when the environment names one', () => {
    const kinds = (environment: Record<string, string>): readonly string[] => {
      const loaded = loadConfig(undefined, environment);
      return loaded.kind === 'config' ? loaded.config.upstreams.map((upstream) => upstream.kind) : [];
    };
    expect(kinds({})).toEqual(['ollama']);
    expect(kinds({ OPENAI_API_KEY: 'k' })).toEqual(['ollama', 'openai']);
    expect(kinds({ ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: 'http://127.0.0.1:8484' })).toEqual([
      'ollama',
      'anthropic',
    ]);
    expect(kinds({ OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' })).toEqual(['ollama', 'openai']);
  });
});

describe('ollamaUrl()', () => {
  it.each([
    [undefined, 'http://127.0.0.1:11434'],
    ['', 'http://127.0.0.1:11434'],
    ['box', 'http://box:11434'],
    ['box:80', 'http://box'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['0.0.0.0:5000', 'http://127.0.0.1:5000'],
    ['https://box.example', 'https://box.example'],
    ['http://box:11434/', 'http://box:11434'],
    ['[::]:11434', 'http://[::1]:11434'],
  ])('%s is %s', (host, url) => {
    expect(ollamaUrl(host)).toBe(url);
  });
});

describe('resolveSecret()', () => {
  it('reads references and prints nothing', () => {
    const directory = mkdtempSync(join(tmpdir(), 'secret-'));
    try {
      writeFileSync(join(directory, 'key'), 'from-file\n');
      const secrets = [resolveSecret('env:K', { K: 'from-env' }), resolveSecret(`file:${join(directory, 'key')}`, {})];
      expect(secrets.map((secret) => secret?.reveal())).toEqual(['from-env', 'from-file']);
      for (const secret of secrets) {
        for (const text of [String(secret), JSON.stringify({ secret }), inspect(secret), `${secret}`])
          expect(text).not.toMatch(/from-(env|file)/);
      }
      expect(resolveSecret('env:NONE', {})).toBeUndefined();
      expect(resolveSecret('file:/nowhere', {})).toBeUndefined();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

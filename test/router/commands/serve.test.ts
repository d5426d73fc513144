import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, startServe } from '../../helpers/cli.ts';
import { startFakeOllama } from '../../helpers/fake-ollama.ts';
import { startFakeOpenAI } from '../../helpers/fake-openai.ts';
import { COMPLEX, say } from '../../helpers/sluice.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'serve-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
function config(yaml: string): string {
  const path = join(directory, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(path, yaml);
  return path;
}
const ask = (url: string, body: object): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify(body) });

describe('serve', () => {
  it('starts the demo when nothing is configured and nothing is in reach, and says so everywhere', async () => {
    const sluice = await startServe([]);
    try {
      expect(sluice.stdout()).toMatch(/DEMO: .*STAND-IN models/);
      const response = await ask(sluice.url, say('hello'));
      expect(response.headers.get('x-sluice-demo')).toBe('stand-in models');
      expect(await response.text()).toContain('[stand-in local model]');
      expect(await (await fetch(`${sluice.url}/healthz`)).json()).toMatchObject({ mode: 'demo' });
      expect(JSON.stringify(await (await fetch(`${sluice.url}/v1/models`)).json())).toContain('sluice-stand-in');
    } finally {
      sluice.child.kill('SIGTERM');
      expect((await sluice.exited).code).toBe(0);
    }
  });

  it.each([
    ['with a config file', ['--config', 'FILE']],
    ['with --no-demo', ['--no-demo']],
  ])('has no stand-ins %s: a sensitive request is refused with the fix', async (_, args) => {
    const file = config('upstreams: [{ kind: ollama, name: home, url: "http://127.0.0.1:9", sees: restricted }]');
    const sluice = await startServe(args.map((arg) => (arg === 'FILE' ? file : arg)));
    try {
      const response = await ask(sluice.url, say('My card is 4539 5787 6362 1486'));
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: { code: 'local_model_unavailable', message: expect.stringContaining('ollama serve') },
      });
      expect(response.headers.get('x-sluice-demo')).toBeNull();
      expect((await fetch(`${sluice.url}/readyz`)).status).toBe(503);
    } finally {
      sluice.child.kill('SIGTERM');
      await sluice.exited;
    }
  });

  it('finds models by the environment that agents’ users already have', async () => {
    const [local, cloud] = await Promise.all([startFakeOllama(), startFakeOpenAI()]);
    const sluice = await startServe([], {
      OLLAMA_HOST: local.url,
      OPENAI_BASE_URL: cloud.url,
      OPENAI_API_KEY: 'k',
      OPENAI_MODEL: 'gpt-fake',
    });
    try {
      expect(sluice.stdout()).toMatch(/ok {4}local:local +1 local model/);
      expect((await ask(sluice.url, say(COMPLEX))).headers.get('x-sluice-route')).toBe('cloud');
      expect((await ask(sluice.url, say('hello'))).headers.get('x-sluice-route')).toBe('local');
    } finally {
      sluice.child.kill('SIGTERM');
      await sluice.exited;
      await Promise.all([local.close(), cloud.close()]);
    }
  });

  it('lets an open request finish on SIGTERM and takes no new one', async () => {
    const cloud = await startFakeOpenAI({
      replies: [{ pieces: Array.from({ length: 20 }, (_, index) => `w${index} `), gapMs: 40 }],
    });
    const file = config(
      `upstreams: [{ kind: ollama, name: home, url: "http://127.0.0.1:9", sees: restricted }, { kind: openai, name: sky, url: "${cloud.url}", model: m, sees: public }]`,
    );
    const sluice = await startServe(['--config', file]);
    const response = await ask(sluice.url, say(COMPLEX, { stream: true }));
    sluice.child.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await expect(ask(sluice.url, say('late'))).rejects.toThrow();
    const text = await response.text();
    expect(text).toContain('w19 ');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect((await sluice.exited).code).toBe(0);
    await cloud.close();
  });

  it.each([
    ['an unknown key', 'polcy: {}', /polcy: unknown key; did you mean "policy"/],
    [
      'a rule that could leak',
      'upstreams: [{ kind: openai, name: sky, url: "https://sky.example/v1", model: m, sees: public }]\npolicy: { rules: [{ name: leak, when: "true", route: cloud }] }',
      /rule "leak" could send restricted content to "sky"/,
    ],
    [
      'a key that is not there',
      'upstreams: [{ kind: openai, name: sky, url: "https://sky.example/v1", model: m, apiKey: env:NOT_SET, sees: public }]',
      /env:NOT_SET is not set/,
    ],
    [
      'a cloud that calls itself local',
      'upstreams: [{ kind: ollama, name: home, url: "https://ollama.com", sees: restricted }]',
      /upstreams\.home\.url: is Ollama's cloud/,
    ],
    ['a rule file that is not there', 'classify: { recognizerFiles: [none.yaml] }', /cannot read .*none\.yaml/],
  ])('refuses to start on %s, naming it', async (_, yaml, expected) => {
    const result = await runCli(['serve', '--port', '0', '--config', config(yaml)]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(expected);
    expect(result.stdout).toBe('');
  });

  it('says when the port is taken', async () => {
    const sluice = await startServe([]);
    const second = await runCli(['serve', '--port', new URL(sluice.url).port]);
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)/);
    sluice.child.kill('SIGTERM');
    await sluice.exited;
  });
});

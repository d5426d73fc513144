/** A signal reads the file again, and a candidate ends with the policy it was held against. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startServe } from '../helpers/cli.ts';
import { startAdmin } from '../helpers/admin.ts';
import { COMPLEX, say } from '../helpers/sluice.ts';

it('SIGHUP puts a new policy in force; a bad file does not', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reload-'));
  const file = join(directory, 'sluice.yaml');
  const base =
    'upstreams: [{ kind: ollama, name: home, url: "http://127.0.0.1:9", sees: restricted }]\nsandbox: { mode: deny }\n';
  writeFileSync(file, base);
  const sluice = await startServe(['--config', file, '--no-watch']);
  const policy = async (): Promise<string> =>
    ((await (await fetch(`${sluice.url}/healthz`)).json()) as { policy: string }).policy;
  try {
    const first = await policy();
    writeFileSync(file, `${base}complexity: { threshold: 0.7 }\n`);
    sluice.child.kill('SIGHUP');
    await expect.poll(policy, { timeout: 20_000 }).not.toBe(first);
    const second = await policy();
    writeFileSync(file, `${base}polcy: {}\n`);
    sluice.child.kill('SIGHUP');
    await expect.poll(() => sluice.stderr().includes('"outcome":"invalid"'), { timeout: 20_000 }).toBe(true);
    expect(await policy()).toBe(second);
    writeFileSync(file, base);
    sluice.child.kill('SIGHUP');
    await expect.poll(policy, { timeout: 20_000 }).toBe(first);
  } finally {
    sluice.child.kill('SIGTERM');
    expect((await sluice.exited).code).toBe(0);
    rmSync(directory, { recursive: true, force: true });
  }
});

it('models that are asked about doubt are asked after a reload too', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reload-'));
  const file = join(directory, 'sluice.yaml');
  const sluice = await startAdmin({
    configFile: file,
    config: 'classify: { deep: { judge: {} } }\ncomplexity: { judge: {} }',
    local: {
      reply: (request) => ({
        text: request.body.includes('<<<TEXT') ? '{"sensitive":true,"kind":"hr","confidence":0.9}' : 'local heard',
      }),
    },
  });
  try {
    writeFileSync(file, `${readFileSync(file, 'utf8')}\npolicy: { masking: "off" }\n`);
    expect((await sluice.call('POST', '/admin/v1/reload', {})).json()).toMatchObject({ kind: 'reloaded' });
    const answer = await sluice.ask(say(`${COMPLEX} Keep the variable names that Ingrid chose.`));
    expect(answer.headers.get('x-sluice-reason')).toContain('JUDGED_SENSITIVE');
    expect(sluice.sentToCloud()).not.toContain('Ingrid');
    writeFileSync(file, readFileSync(file, 'utf8').replace('judge: {}', 'judge: { upstream: nobody }'));
    expect((await sluice.call('POST', '/admin/v1/reload', {})).json()).toMatchObject({ kind: 'invalid' });
  } finally {
    await sluice.close();
    rmSync(directory, { recursive: true, force: true });
  }
});

it('a reload ends the candidate', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reload-'));
  const file = join(directory, 'sluice.yaml');
  const sluice = await startAdmin({ configFile: file });
  try {
    await sluice.call('POST', '/admin/v1/shadow', { source: 'fragment', fragment: 'complexity: { threshold: 0.9 }' });
    writeFileSync(file, `${readFileSync(file, 'utf8')}\ncomplexity: { threshold: 0.9 }\n`);
    expect((await sluice.call('POST', '/admin/v1/reload', {})).json()).toMatchObject({ kind: 'reloaded' });
    expect((await sluice.call('GET', '/admin/v1/shadow')).json()).toMatchObject({ active: false });
  } finally {
    await sluice.close();
    rmSync(directory, { recursive: true, force: true });
  }
});

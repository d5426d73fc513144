import { describe, expect, it } from 'vitest';
import { runCli, startCli } from '../../helpers/cli.ts';
import { COMPLEX, say } from '../../helpers/sluice.ts';

const CARD = '4539 5787 6362 1486';

describe('sluice explain', () => {
  it('names route, finding, steps and what would have been, and no value', async () => {
    const { code, stdout } = await runCli(['explain', '--json'], {
      input: JSON.stringify(say(`${COMPLEX} Card ${CARD}, and 4539 5787 6362 1487`)),
    });
    expect(code).toBe(0);
    const told = JSON.parse(stdout) as {
      route: string;
      label: string;
      counterfactual: string;
      findings: { entity: string; explanation: { steps: unknown[] } }[];
      nearMisses: { entity: string; cause: string }[];
      complexity: { band: string };
    };
    expect(told).toMatchObject({ label: 'confidential', complexity: { band: 'complex' } });
    expect(told.findings.map((finding) => finding.entity)).toContain('CREDIT_CARD');
    expect(told.findings[0]?.explanation.steps.length).toBeGreaterThan(0);
    expect(told.nearMisses).toContainEqual(expect.objectContaining({ entity: 'CREDIT_CARD', cause: 'checksum' }));
    expect(stdout).not.toContain('4539');
  });

  it('says in words what each step did, and in which band the request is', async () => {
    const { stdout } = await runCli(['explain'], { input: JSON.stringify(say(`Card ${CARD}, my credit card`)) });
    expect(stdout).toMatch(/finding +CREDIT_CARD 1\.00 at .*pattern [\d.]+ -> validated by \w+ [\d.]+/);
    expect(stdout).toMatch(/complexity +[\d.]+ \((?:simple|complex|uncertain, counts as \w+ by \w+)\)/);
  });

  it('ends as it would have when its reader has seen enough', async () => {
    const { child, exited } = startCli(['explain'], { input: JSON.stringify(say(`Card ${CARD}`)) });
    child.stdout?.destroy();
    expect(await exited).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    ['openai-responses', { model: 'auto', input: `Card ${CARD}` }, '/input'],
    [
      'anthropic-messages',
      { model: 'auto', max_tokens: 9, system: 'x', messages: [{ role: 'user', content: `Card ${CARD}` }] },
      '/messages/0/content',
    ],
    ['ollama-generate', { model: 'auto', prompt: `Card ${CARD}`, options: {} }, '/prompt'],
  ])('takes a request of %s', async (wire, body, pointer) => {
    const { stdout } = await runCli(['explain', '--json'], { input: JSON.stringify(body) });
    expect(JSON.parse(stdout)).toMatchObject({
      wire,
      label: 'confidential',
      findings: [{ entity: 'CREDIT_CARD', span: { segment: pointer } }],
    });
  });

  it('takes the wire it is told, and knows no other', async () => {
    const input = JSON.stringify({ model: 'auto', prompt: `Card ${CARD}` });
    const told = await runCli(['explain', '--wire', 'openai-completions'], { input });
    expect(told.stdout).toMatch(/wire +openai-completions/);
    expect(told.stdout).toMatch(/finding +CREDIT_CARD/);
    expect((await runCli(['explain', '--wire', 'openai-chat'], { input })).code).toBe(2);
    expect((await runCli(['explain', '--wire', 'morse'], { input })).code).toBe(2);
  });

  it('refuses what is no request, with its place', async () => {
    const { code, stdout, stderr } = await runCli(['explain'], {
      input: '{"model":"auto","messages":[{"role":"king","content":"x"}]}',
    });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('unknown_role at /messages/0/role');
  });
});

describe('sluice classify', () => {
  it.each([
    ['Say hello', 0, /^clean/],
    [`card ${CARD}`, 1, /^sensitive \(confidential\)\nfinding +CREDIT_CARD 1\.00 \[5, 24\)/],
  ])('%s', async (input, code, expected) => {
    const result = await runCli(['classify'], { input });
    expect(result.code).toBe(code);
    expect(result.stdout).toMatch(expected);
    expect(result.stdout).not.toContain('4539');
  });
});

describe('sluice check', () => {
  it('says what is missing, exit 1', async () => {
    const { code, stdout } = await runCli(['check', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ready: false,
      checks: expect.arrayContaining([expect.objectContaining({ name: 'local:local', ok: false })]),
    });
  });
});

describe('sluice sandbox', () => {
  it('runs a tool and shows its receipt', async () => {
    const { code, stdout } = await runCli(['sandbox', 'run', 'exec', '{"command":"id -u; echo $((6*7))"}', '--json']);
    expect(code, stdout).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'exited',
      code: 0,
      stdout: { head: expect.stringContaining('42') },
      receipt: { backend: 'bubblewrap' },
    });
  });

  it('refuses a tool that is not there', async () => {
    const { code, stdout } = await runCli(['sandbox', 'run', 'format_disk', '{}']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/\[not run: unknown-tool\]/);
  });

  it('proves its claims', async () => {
    const { code, stdout } = await runCli(['sandbox', 'verify', '--json']);
    const status = JSON.parse(stdout) as { claims: { claim: string; proved: boolean; evidence: string }[] };
    expect(code).toBe(0);
    expect(status.claims.length).toBeGreaterThan(15);
    expect(status.claims.filter((claim) => !claim.proved)).toEqual([]);
  });
});

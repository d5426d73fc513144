import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../config/load.ts';
import { runCli } from '../../helpers/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-evaluate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
function fileOf(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const CARD = '4539 5787 6362 1486';
const BROKEN = '4539 5787 6362 1487';
const TEXT = `my card ${CARD}`;
const rows = fileOf(
  'rows.jsonl',
  [
    {
      id: 'caught',
      source: 'one',
      label: 'sensitive',
      text: TEXT,
      spans: [{ start: 8, end: 27, type: 'CREDITCARDNUMBER' }],
    },
    {
      id: 'missed',
      source: 'one',
      label: 'sensitive',
      text: `my card ${BROKEN}`,
      spans: [{ start: 8, end: 27, type: 'CREDIT_CARD' }],
    },
    { id: 'quiet', source: 'two', label: 'safe', messages: [{ role: 'user', content: 'What is seven times eight?' }] },
    {
      id: 'whole',
      source: 'two',
      label: 'presumed_safe',
      request: { model: 'auto', messages: [{ role: 'user', content: 'Say hello' }] },
    },
    { id: 'flagged', source: 'two', label: 'safe', text: 'write to jo.bloggs@corp-mail.example today' },
  ]
    .map((row) => JSON.stringify(row))
    .join('\n'),
);
const config = fileOf('plain.yaml', 'version: 1\n');
const strict = fileOf('no-mail.yaml', 'classify: { disable: [email-address, redactpii-email] }\n');

describe('sluice evaluate', () => {
  it('reports rates, entities, routes and misses, and no value', async () => {
    const { code, stdout, stderr } = await runCli(['evaluate', rows, '--config', config, '--show-values']);
    expect(stderr).toContain('values are shown on a terminal only');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^all +5 +50\.00 % \(1\/2\) +33\.33 % \(1\/3\)/m);
    expect(stdout).toMatch(/^one +2 +50\.00 % \(1\/2\) +-/m);
    expect(stdout).toMatch(/^CREDIT_CARD +2 +0\.500 +1\.000/m);
    expect(stdout).toMatch(/^missed +line 2 +missed +CREDIT_CARD \[8, 27\) 0\.\d\d /m);
    expect(stdout).toMatch(/^flagged +line 5 +flagged +EMAIL_ADDRESS \[9, 36\)/m);
    for (const value of ['4539', 'bloggs', 'seven times']) expect(stdout + stderr).not.toContain(value);
  });

  it('judges bars, also per source', async () => {
    const met = await runCli([
      'evaluate',
      rows,
      '-c',
      config,
      '--json',
      '--bar',
      'sensitive-caught@one=0.5',
      '--bar',
      'recall:CREDIT_CARD=0.5',
    ]);
    expect(met.code).toBe(0);
    expect(JSON.parse(met.stdout)).toMatchObject({
      overall: { rows: 5, sensitiveCaught: { hits: 1, of: 2 } },
      bars: [{ met: true }, { met: true }],
    });
    const missed = await runCli(['evaluate', rows, '-c', config, '--bar', 'safe-flagged=0.02']);
    expect(missed.code).toBe(1);
    expect(missed.stdout).toMatch(/^MISSED +safe-flagged=0\.02 +measured 0\.3333$/m);
  });

  it('shows where two policies differ, row by row and in all', async () => {
    const { code, stdout } = await runCli(['evaluate', rows, '--policy', config, '--against', strict]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^line 5 +flagged +safe +sensitive \(confidential\) .*\+EMAIL_ADDRESS +\| +clean \(public\)/m,
    );
    expect(stdout).toContain('1 of 5 rows differ');
    const json = await runCli(['evaluate', rows, '-c', config, '--against', strict, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      against: { totals: { rows: 5, differing: 1, safeOnlyPolicy: 1, safeOnlyAgainst: 0 }, rows: [{ id: 'flagged' }] },
    });
  });

  it.each([
    [
      'a row that is no request',
      '{"label":"safe","messages":[{"role":"sesame","content":"x"}]}\n',
      [],
      /:1: unknown_role at \/messages\/0\/role/,
    ],
    [
      'a bar that means nothing',
      '{"text":"x","label":"safe"}\n',
      ['--bar', 'goodness=1'],
      /names are sensitive-caught/,
    ],
  ])('exits 2 on %s', async (name, content, args, message) => {
    const { code, stdout, stderr } = await runCli([
      'evaluate',
      fileOf(`${name}.jsonl`, content),
      '-c',
      config,
      ...args,
    ]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('sesame');
  });
});

describe('sluice tune thresholds', () => {
  it('proposes, measures and writes a fragment that loads', async () => {
    const labelled = fileOf(
      'tune.jsonl',
      [
        ...['anna.berg', 'tom.hale', 'kai.lund'].map((name) => ({
          label: 'sensitive',
          text: `my card is ${CARD}, mail ${name}@corp-mail.example`,
        })),
        ...['What is 6 times 7?', 'Name a river.', 'mail me at x.y@corp-mail.example'].map((text) => ({
          label: 'safe',
          text,
        })),
      ]
        .map((row) => JSON.stringify(row))
        .join('\n'),
    );
    const target = join(folder, 'fragment.yaml');
    const { code, stdout, stderr } = await runCli([
      'tune',
      'thresholds',
      '--file',
      labelled,
      '--max-false-positives',
      '0',
      '-c',
      config,
      '--write',
      target,
    ]);
    expect(stderr).toContain('written to');
    expect(stdout).toMatch(/^now +100\.00 % \(3\/3\) +33\.33 % \(1\/3\)$/m);
    expect(stdout).toMatch(/^proposed +100\.00 % \(3\/3\) +0\.00 % \(0\/3\)$/m);
    expect(code).toBe(0);
    expect(loadConfig(target, {})).toMatchObject({ kind: 'config' });
    expect(readFileSync(target, 'utf8')).toMatch(
      /EMAIL_ADDRESS:\n +label: confidential\n +threshold: [\d.]+ # was 0\.5/,
    );
    const again = await runCli([
      'tune',
      'thresholds',
      labelled,
      '--max-false-positives',
      '0',
      '-c',
      config,
      '--write',
      target,
    ]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('EEXIST');
  });

  it.each([
    ['an entity that holds nothing alone', ['--max-false-positives', '0', '--entity', 'PERSON'], /lowest label/],
  ])('exits 2 on %s', async (_, args, message) => {
    const { code, stdout, stderr } = await runCli(['tune', 'thresholds', rows, '-c', config, ...args]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });
});

describe('sluice tune complexity', () => {
  const asks = [
    'Say hi',
    'What is the capital of Peru?',
    'Prove step by step that there are infinitely many primes, then derive a bound on the n-th prime.',
    'Design a lock-free queue, prove that it is linearizable and compare three memory reclamation schemes.',
  ];
  const file = fileOf('asks.jsonl', asks.map((text) => JSON.stringify({ text })).join('\n'));

  it('finds the threshold for a share, and the fragment loads', async () => {
    const { code, stdout } = await runCli(['tune', 'complexity', '--cloud-share', '0.5', file, '-c', config]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/rows 4, of which 4 may leave; threshold [\d.]+ sends 2 \(50\.00 %\)/);
    const fragment = fileOf('complexity.yaml', stdout.slice(stdout.indexOf('complexity:')));
    expect(loadConfig(fragment, {})).toMatchObject({ kind: 'config' });
  });

  it.each(['simple', 'complex'])('reaches the share where what is uncertain counts as %s', async (uncertain) => {
    const own = fileOf(`bands-${uncertain}.yaml`, `complexity: { uncertain: ${uncertain}, hysteresis: 0.02 }\n`);
    const { code, stdout } = await runCli(['tune', 'complexity', '--cloud-share', '0.5', file, '-c', own, '--json']);
    expect(code).toBe(0);
    const told = JSON.parse(stdout) as { cloudShare: number; bands: Record<string, number> };
    expect(told.cloudShare).toBe(0.5);
    expect(Object.values(told.bands).reduce((sum, each) => sum + each, 0)).toBe(4);
  });

  it('says when so many cannot leave', async () => {
    const kept = fileOf(
      'kept.jsonl',
      [
        '-----BEGIN RSA PRIVATE KEY-----\\nMIIEowIBAAKCAQEAx5cGT1Jm2vH9d8Rk3sWq7Zb0\\n-----END RSA PRIVATE KEY-----',
        'Say hi',
      ]
        .map((text) => `{"text":"${text}"}`)
        .join('\n'),
    );
    const { code, stderr } = await runCli(['tune', 'complexity', '--cloud-share', '0.9', kept, '-c', config]);
    expect(code).toBe(1);
    expect(stderr).toContain('only 50.00 % of the rows may leave at all');
  });
});

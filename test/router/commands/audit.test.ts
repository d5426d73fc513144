import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditCommand } from '../../../router/commands/audit.ts';
import { keysCommand } from '../../../router/commands/keys.ts';
import { openSqlite } from '../../../router/store/sqlite.ts';
import { runInProcess } from '../../helpers/command.ts';
import { CARD, COMPLEX, say, startSluice } from '../../helpers/sluice.ts';

const directory = mkdtempSync(join(tmpdir(), 'audit-cli-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const state = join(directory, 'state');
const file = join(directory, 'sluice.yaml');
writeFileSync(file, `stateDir: ${state}\n`);
const audit = (...args: string[]) => runInProcess(auditCommand(), [...args, '-c', file]);
const MAIL = 'jane.roe@corp-mail.example';

beforeAll(async () => {
  const sluice = await startSluice({ stateDir: state, config: 'audit: { required: true }' });
  for (const body of [say(COMPLEX), say(`Block ${CARD}`), say(`${COMPLEX} Mail ${MAIL}`), say('hello')])
    await (await sluice.ask(body)).text();
  await sluice.close();
});

describe('sluice audit', () => {
  it('verify: whole, with the head, and a noted head that must be in it', async () => {
    const told = await audit('verify');
    expect([told.code, told.stdout]).toEqual([0, expect.stringMatching(/^whole {2}1[0-9] records in \d+ segments/)]);
    const head = (await audit('head')).stdout.trim();
    expect((await audit('verify', '--head', head)).code).toBe(0);
    const other = await audit('verify', '--head', `999:${'a'.repeat(64)}`);
    expect([other.code, other.stdout]).toEqual([1, expect.stringContaining('the end was cut off')]);
  });

  it('verify: with the public key alone', async () => {
    const pem = (await audit('key')).stdout;
    expect(pem).toContain('BEGIN PUBLIC KEY');
    writeFileSync(join(directory, 'public.pem'), pem);
    expect((await audit('verify', '--public-key', join(directory, 'public.pem'), '--every-signature')).code).toBe(0);
    expect((await audit('verify', '--public-key', file)).code).toBe(2);
  });

  it('search: by entity, by route, by id', async () => {
    const found = JSON.parse((await audit('search', '--entity', 'CREDIT_CARD', '--json')).stdout) as {
      record: { id: string; route: string };
    }[];
    expect(found.map((hit) => hit.record.route)).toEqual(['local']);
    const all = JSON.parse((await audit('search', '--id', found[0]!.record.id, '--json')).stdout) as {
      record: { kind: string };
    }[];
    expect(all.map((hit) => hit.record.kind)).toEqual(['request', 'intent']);
    expect(
      (await audit('search', '--route', 'cloud', '--kind', 'request', '--limit', '1')).stdout.split('\n'),
    ).toHaveLength(2);
  });

  it('prove: proved, contradicted, and open, each with its exit code', async () => {
    const proved = await audit('prove', '--label', 'confidential', '--not-to', 'cloud', '--allow-masked');
    expect([proved.code, proved.stdout]).toEqual([0, expect.stringMatching(/^PROVED: nothing labelled confidential/)]);
    const masked = await audit('prove', '--label', 'confidential', '--not-to', 'cloud', '--json');
    expect(masked.code).toBe(1);
    expect(JSON.parse(masked.stdout)).toMatchObject({
      result: 'contradicted',
      breaches: [{ masked: true, upstream: 'sky', label: 'confidential' }],
    });
    expect((await audit('prove', '--label', 'restricted', '--not-to', 'cloud', '--since', '1d')).code).toBe(0);
    expect((await audit('prove', '--label', 'nonsense', '--not-to', 'cloud')).code).toBe(2);
  });

  it('export: every record once, as JSON lines and as OCSF', async () => {
    const lines = (await audit('export')).stdout.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { kind: string }).kind)).toContain('send');
    const events = (await audit('export', '--format', 'ocsf')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.length).toBeGreaterThan(lines.length);
    for (const event of events) {
      for (const field of ['category_uid', 'class_uid', 'type_uid', 'activity_id', 'severity_id', 'time', 'metadata'])
        expect(event[field], field).toBeDefined();
      expect(event['type_uid']).toBe(Number(event['class_uid']) * 100 + Number(event['activity_id']));
    }
    expect(JSON.stringify(events)).not.toContain(MAIL);
  });

  it('key changes are in it', async () => {
    await runInProcess(keysCommand(), ['create', 'ci', '-c', file]);
    const found = JSON.parse((await audit('search', '--kind', 'key', '--json')).stdout) as unknown[];
    expect(found).toMatchObject([{ record: { action: 'created', principal: 'ci', by: 'command-line' } }]);
    expect((await audit('verify')).code).toBe(0);
  });

  it('prune: the rest verifies, and a proof that needs what went is open', async () => {
    expect((await audit('prune', '--older-than', '0')).code).toBe(0);
    expect((await audit('verify')).stdout).toContain('were pruned');
    const open = await audit('prove', '--label', 'restricted', '--not-to', 'cloud');
    expect([open.code, open.stdout]).toEqual([1, expect.stringMatching(/^OPEN/)]);
  });

  it('a chain that was changed: named, exit 1, and nothing proved', async () => {
    const database = openSqlite(join(state, 'audit.db'), { flush: 'off' });
    await database.batch([{ sql: 'UPDATE audit_segment SET leaves = $1', params: [new Uint8Array(32)] }]);
    await database.close();
    const told = await audit('verify');
    expect([told.code, told.stdout]).toEqual([1, expect.stringMatching(/^BROKEN[\s\S]*\(changed-leaves\)/)]);
    expect((await audit('prove', '--label', 'restricted', '--not-to', 'cloud')).code).toBe(1);
  });
});

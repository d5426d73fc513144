import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../config/secret.ts';
import { readSigner, Verifier } from '../../../router/audit/signer.ts';
import { type Database, StoreConflict, StoreFault } from '../../../router/store/database.ts';
import { auditDatabase, check, logOn, note, opening, write } from './chain.ts';

/** A database that fails as told, after doing what it was asked or before. */
function faulty(real: Database): Database & { fail: 'no' | 'before' | 'after-write' } {
  const state = {
    ...real,
    fail: 'no' as 'no' | 'before' | 'after-write',
    batch(statements: Parameters<Database['batch']>[0]) {
      if (state.fail === 'before') throw new StoreFault('sqlite_13');
      const done = real.batch(statements);
      if (state.fail === 'after-write') {
        state.fail = 'no';
        // What a lost connection looks like once it was tried again.
        throw new StoreConflict();
      }
      return done;
    },
  };
  return state;
}

describe('the writer', () => {
  it('writes an opening first, a stop last, and nothing at all for nothing', async () => {
    const database = await auditDatabase();
    const idle = logOn(database, { opening: opening() });
    await idle.close();
    expect((await check(database)).records).toBe(0);
    const log = logOn(database, { opening: opening() });
    await log.commit(note('a'));
    await log.close();
    const kinds: string[] = [];
    await check(database, { onRecord: (line) => kinds.push((JSON.parse(String(line)) as { kind: string }).kind) });
    expect(kinds).toEqual(['start', 'admin', 'stop']);
  });

  it('commit is failed when it could not be written, and the record stays for later', async () => {
    const database = faulty(await auditDatabase());
    const faults: string[] = [];
    const log = logOn(database, { required: true, onFault: (reason) => faults.push(reason) });
    database.fail = 'before';
    expect(await log.commit(note('a'))).toBe('failed');
    expect([log.healthy, faults[0]]).toEqual([false, 'sqlite_13']);
    database.fail = 'no';
    expect(await log.commit(note('b'))).toBe('written');
    expect(log.healthy).toBe(true);
    expect(await check(database)).toMatchObject({ whole: true, records: 2 });
  });

  it('counts what it had to drop, and the chain stays whole', async () => {
    const database = faulty(await auditDatabase());
    const log = logOn(database);
    database.fail = 'before';
    for (let index = 0; index < 25_000; index += 1) log.append(note(`n${index}`));
    expect(await log.flush()).toBe('failed');
    database.fail = 'no';
    await log.close();
    const report = await check(database);
    expect(report.whole).toBe(true);
    const lost = report.notes.find((each) => each.code === 'lost-records');
    expect(lost?.detail).toMatch(/^[0-9]+ records of instance/);
    expect(report.records + Number.parseInt(lost?.detail ?? '0', 10)).toBe(25_001);
  });

  it('a write that succeeded unseen is not written twice', async () => {
    const database = faulty(await auditDatabase());
    const log = logOn(database);
    await write(log, [2]);
    database.fail = 'after-write';
    await write(log, [3]);
    await write(log, [1]);
    expect(await check(database)).toMatchObject({ whole: true, records: 6, segments: 3 });
  });

  it('many commits at once go together', async () => {
    const database = await auditDatabase();
    const log = logOn(database, { required: true });
    const outcomes = await Promise.all(Array.from({ length: 300 }, (_, index) => log.commit(note(`c${index}`))));
    expect(new Set(outcomes)).toEqual(new Set(['written']));
    const report = await check(database);
    expect(report.records).toBe(300);
    expect(report.segments).toBeLessThan(10);
  });
});

describe('the signing key', () => {
  it('can be the operator’s own', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
    const signer = readSigner(new Secret(pem));
    expect(readSigner(new Secret(pem.replaceAll('\n', '\\n'))).fingerprint).toBe(signer.fingerprint);
    expect(new Verifier([signer.publicKey]).check('x', signer.sign('x'), signer.fingerprint)).toBe('valid');
    expect(() => readSigner(new Secret('no key'))).toThrow();
  });
});

import { hash } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { pruneAudit } from '../../../router/audit/retention.ts';
import { hashOf, unpack } from '../../../router/audit/segment.ts';
import { deriveSigner } from '../../../router/audit/signer.ts';
import { readHead } from '../../../router/audit/table.ts';
import type { Database, SqlValue } from '../../../router/store/database.ts';
import { auditDatabase, check, logOn, note, opening, SIGNER, write } from './chain.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'audit-'));
  directories.push(made);
  return made;
}
const run = (database: Database, sql: string, params: readonly SqlValue[] = []) => database.batch([{ sql, params }]);
const cell = async (database: Database, column: string, n: number): Promise<SqlValue> =>
  (await database.all(`SELECT ${column} AS value FROM audit_segment WHERE n = $1`, [n]))[0]?.['value'] ?? null;
const lines = async (database: Database, n: number): Promise<string[]> =>
  (unpack((await cell(database, 'body', n)) as Uint8Array) ?? []).map(String);
const body = (texts: readonly string[]): Uint8Array => zstdCompressSync(texts.join('\n'));
const leaves = (texts: readonly string[]): Uint8Array =>
  Buffer.concat(texts.map((text) => hash('sha256', text, 'buffer')));

/** Six segments of five records, one instance. */
async function chain(path?: string) {
  const database = await auditDatabase(path);
  const log = logOn(database, { opening: opening() });
  await write(log, [4, 5, 5, 5, 5, 5]);
  return { database, log, head: (await readHead(database))! };
}

describe('a chain nobody touched', () => {
  it('is whole, and says what is in it', async () => {
    const { database, log, head } = await chain();
    const report = await check(database, { heads: [head], everySignature: true });
    expect(report).toMatchObject({ whole: true, segments: 6, records: 30, first: 1, head, problems: [] });
    expect(report.notes.map((each) => each.code)).toEqual(['no-stop']);
    await log.close();
    expect((await check(database, { heads: [head] })).notes).toEqual([]);
  });

  it('is whole with several writers, and every instance is counted by itself', async () => {
    const path = join(directory(), 'audit.db');
    const one = logOn(await auditDatabase(path), { opening: opening() });
    const two = logOn(await auditDatabase(path), { opening: opening() });
    for (let round = 0; round < 10; round += 1) {
      one.append(note(`one ${round}`));
      two.append(note(`two ${round}`));
      await Promise.all([one.flush(), two.flush()]);
    }
    await Promise.all([one.close(), two.close()]);
    const report = await check(one.database);
    expect(report).toMatchObject({ whole: true, records: 24 });
    expect(report.notes.map((each) => each.code)).toEqual(['no-head-file']);
  });

  it('says so when nobody can tell whether the end was cut', async () => {
    const { database } = await chain();
    expect((await check(database)).notes.map((each) => each.code)).toContain('no-head-file');
  });
});

describe('tampering is found and named', () => {
  const cases: readonly (readonly [string, (database: Database) => Promise<void>, string, number, number?])[] = [
    [
      'a record edited',
      async (database) => {
        const texts = await lines(database, 3);
        texts[2] = texts[2]!.replace('ops', 'eve');
        await run(database, 'UPDATE audit_segment SET body = $1 WHERE n = 3', [body(texts)]);
      },
      'changed-record',
      3,
      13,
    ],
    [
      'a record edited, and its hash with it',
      async (database) => {
        const texts = await lines(database, 3);
        texts[2] = texts[2]!.replace('ops', 'eve');
        await run(database, 'UPDATE audit_segment SET body = $1, leaves = $2 WHERE n = 3', [
          body(texts),
          leaves(texts),
        ]);
      },
      'changed-leaves',
      3,
    ],
    [
      'a record edited, with hash, root and header',
      async (database) => {
        const texts = await lines(database, 3);
        texts[2] = texts[2]!.replace('ops', 'eve');
        const header = JSON.parse(String(await cell(database, 'header', 3))) as Record<string, unknown>;
        header['root'] = hash('sha256', leaves(texts), 'hex');
        const text = JSON.stringify(header);
        const signature = (await cell(database, 'signature', 3)) as Uint8Array;
        await run(database, 'UPDATE audit_segment SET body = $1, leaves = $2, header = $3, hash = $4 WHERE n = 3', [
          body(texts),
          leaves(texts),
          text,
          hashOf(text, signature),
        ]);
      },
      'broken-link',
      4,
    ],
    [
      'a record deleted',
      async (database) => {
        const texts = await lines(database, 3);
        await run(database, 'UPDATE audit_segment SET body = $1 WHERE n = 3', [body(texts.toSpliced(2, 1))]);
      },
      'wrong-count',
      3,
    ],
    [
      'a record added',
      async (database) => {
        const texts = await lines(database, 3);
        await run(database, 'UPDATE audit_segment SET body = $1 WHERE n = 3', [body([...texts, texts[0]!])]);
      },
      'wrong-count',
      3,
    ],
    [
      'records reordered',
      async (database) => {
        const texts = await lines(database, 3);
        await run(database, 'UPDATE audit_segment SET body = $1 WHERE n = 3', [body(texts.toReversed())]);
      },
      'changed-record',
      3,
      11,
    ],
    [
      'a segment deleted',
      (database) => Promise.resolve(run(database, 'DELETE FROM audit_segment WHERE n = 3')),
      'missing-segments',
      3,
    ],
    [
      'the first segment deleted',
      (database) => Promise.resolve(run(database, 'DELETE FROM audit_segment WHERE n = 1')),
      'missing-segments',
      1,
    ],
    [
      'segments swapped',
      async (database) => {
        await run(database, 'UPDATE audit_segment SET n = 100 WHERE n = 3');
        await run(database, 'UPDATE audit_segment SET n = 3 WHERE n = 4');
        await run(database, 'UPDATE audit_segment SET n = 4 WHERE n = 100');
      },
      'broken-link',
      3,
    ],
    [
      'a segment deleted and the rest moved up',
      async (database) => {
        await run(database, 'DELETE FROM audit_segment WHERE n = 3');
        for (const n of [4, 5, 6]) await run(database, 'UPDATE audit_segment SET n = $1 WHERE n = $2', [n - 1, n]);
      },
      'broken-link',
      3,
    ],
    [
      'a segment inserted, signed by another key',
      async (database) => {
        const texts = await lines(database, 6);
        const header = JSON.parse(String(await cell(database, 'header', 6))) as Record<string, unknown>;
        const forger = deriveSigner(Buffer.alloc(32, 6));
        const text = JSON.stringify({
          ...header,
          n: 7,
          first: 31,
          prev: await cell(database, 'hash', 6),
          key: forger.fingerprint,
        });
        await run(
          database,
          'INSERT INTO audit_segment SELECT 7, $1, instance, records, to_at, $2, $3, leaves, $4 FROM audit_segment WHERE n = 6',
          [hashOf(text, forger.sign(text)), text, forger.sign(text), body(texts)],
        );
      },
      'unknown-key',
      7,
    ],
    [
      'the last signature replaced',
      (database) =>
        Promise.resolve(run(database, 'UPDATE audit_segment SET signature = $1 WHERE n = 6', [SIGNER.sign('x')])),
      'bad-signature',
      6,
    ],
    [
      'an earlier signature replaced',
      (database) =>
        Promise.resolve(run(database, 'UPDATE audit_segment SET signature = $1 WHERE n = 2', [SIGNER.sign('x')])),
      'changed-header',
      2,
    ],
    [
      'a column that a search goes by',
      (database) => Promise.resolve(run(database, 'UPDATE audit_segment SET to_at = 5 WHERE n = 2')),
      'changed-columns',
      2,
    ],
    [
      'the body torn',
      (database) => Promise.resolve(run(database, "UPDATE audit_segment SET body = 'no' WHERE n = 5")),
      'unreadable',
      5,
    ],
    [
      'the end cut off',
      (database) => Promise.resolve(run(database, 'DELETE FROM audit_segment WHERE n > 4')),
      'cut-tail',
      6,
    ],
    ['everything deleted', (database) => Promise.resolve(run(database, 'DELETE FROM audit_segment')), 'cut-tail', 6],
  ];
  const rows = cases.map(([name, tamper, code, n, record]) => [name, { tamper, code, n, record }] as const);
  it.each(rows)('%s', async (_, { tamper, code, n, record }) => {
    const { database, head } = await chain();
    await tamper(database);
    const report = await check(database, { heads: [head] });
    expect(report.whole).toBe(false);
    expect(report.problems).toContainEqual(
      expect.objectContaining({ code, n, ...(record === undefined ? {} : { record }) }),
    );
  });

  it('the file swapped for an older copy, and written on: a fork', async () => {
    const folder = directory();
    const path = join(folder, 'audit.db');
    const before = await chain(path);
    await before.log.close();
    await before.database.close();
    copyFileSync(path, join(folder, 'copy.db'));
    const real = await auditDatabase(path);
    const log = logOn(real, { opening: opening() });
    await write(log, [3, 3]);
    const noted = (await readHead(real))!;
    const fork = await auditDatabase(join(folder, 'copy.db'));
    await write(logOn(fork, { opening: opening() }), [3, 3, 3]);
    const report = await check(fork, { heads: [noted] });
    expect(report.problems.map((each) => each.code)).toEqual(['other-chain']);
    expect((await check(real, { heads: [noted] })).whole).toBe(true);
  });

  it('the end cut off while it is being written: the next segment says so', async () => {
    const folder = directory();
    const path = join(folder, 'audit.db');
    const { log } = await chain(path);
    const thief = await auditDatabase(path);
    await run(thief, 'DELETE FROM audit_segment WHERE n > 4');
    await write(log, [1]);
    const report = await check(thief);
    expect(report.problems.map((each) => [each.code, each.n])).toContainEqual(['taken-away', 5]);
    // The instance's own numbers have a hole too.
    expect(report.problems.map((each) => each.code)).toContain('out-of-order');
  });

  it('the clock set back', async () => {
    const database = await auditDatabase();
    let time = 1_000_000;
    const log = logOn(database, { opening: opening(), now: () => time });
    await write(log, [2]);
    time -= 500_000;
    await write(log, [2]);
    const report = await check(database);
    expect(report.notes).toContainEqual(expect.objectContaining({ code: 'clock-back', n: 2 }));
  });
});

describe('pruning', () => {
  it('leaves a chain that still verifies, and says what went', async () => {
    const database = await auditDatabase();
    let time = 1_000;
    const log = logOn(database, { opening: opening(), now: () => time });
    for (let day = 0; day < 5; day += 1) {
      await write(log, [3]);
      time += 1_000;
    }
    expect(await pruneAudit(log, 3_000, time)).toBe(7);
    expect(await pruneAudit(log, 3_000, time)).toBe(0);
    await log.flush();
    expect(await pruneAudit(log, 4_000, time)).toBe(3);
    await log.close();
    const report = await check(database, { heads: [(await readHead(database))!] });
    expect(report).toMatchObject({ whole: true, first: 4 });
    expect(report.notes.map((each) => [each.code, each.n])).toEqual([['pruned', 3]]);
    expect(report.notes[0]?.detail).toContain('10 records');
  });

  it.each([
    ['changed', 'UPDATE audit_anchor SET header = replace(header, \'"upTo":2\', \'"upTo":1\')', 'bad-anchor'],
    ['gone', 'DELETE FROM audit_anchor', 'missing-segments'],
  ])('an anchor that is %s is found', async (_, sql, code) => {
    const database = await auditDatabase();
    let time = 1_000;
    const log = logOn(database, { now: () => time });
    for (let day = 0; day < 4; day += 1) {
      await write(log, [3]);
      time += 1_000;
    }
    await pruneAudit(log, 3_000, time);
    await run(database, sql);
    expect((await check(database)).problems.map((each) => each.code)).toContain(code);
  });

  it('never takes the newest segment, so the head stays', async () => {
    const { database, log } = await chain();
    await pruneAudit(log, Number.MAX_SAFE_INTEGER - 1);
    expect((await check(database)).head?.n).toBe(6);
  });
});

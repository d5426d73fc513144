/**
 * What the audit costs: CPU per receipt from append to sealed in a file, and the time to verify and search a long chain. `node test/bench/audit.ts [receipts]`, a million when absent.
 * CPU counts all threads of the process; nothing else runs in it.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RequestReceipt } from '../../router/audit/event.ts';
import { createAuditLog } from '../../router/audit/log.ts';
import { searchAudit } from '../../router/audit/search.ts';
import { deriveSigner, Verifier } from '../../router/audit/signer.ts';
import { AUDIT_MIGRATIONS, readHead } from '../../router/audit/table.ts';
import { verifyChain } from '../../router/audit/verify.ts';
import { migrate } from '../../router/store/schema.ts';
import { openSqlite } from '../../router/store/sqlite.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const receipts = Number(process.argv[2] ?? 1_000_000);
const perFlush = Number(process.argv[3] ?? 100);
const directory = mkdtempSync(join(tmpdir(), 'audit-bench-'));
const path = join(directory, 'audit.db');
const database = openSqlite(path, { flush: 'off' });
await migrate(database, AUDIT_MIGRATIONS, 'audit_version');
const signer = deriveSigner(Buffer.alloc(32, 1));
const log = createAuditLog({ database, signer, required: false, flushMs: 10_000 });

function receipt(index: number): RequestReceipt {
  return {
    kind: 'request',
    id: `req_${index.toString(16).padStart(24, '0')}`,
    principal: `bot-${index % 20}`,
    key: '4f0k2m9x1a',
    protocol: 'openai-chat',
    route: index % 3 === 0 ? 'local' : 'cloud',
    upstream: index % 3 === 0 ? 'home' : 'sky',
    label: index % 3 === 0 ? 'confidential' : 'public',
    verdict: index % 3 === 0 ? 'sensitive' : 'clean',
    reasons: index % 3 === 0 ? ['sensitive-content:CREDIT_CARD+EMAIL_ADDRESS'] : ['complex-reasoning:0.71'],
    counterfactual: index % 3 === 0 ? 'would have been cloud but for CREDIT_CARD at /messages/2/content' : '',
    outcome: 'answered',
    requestModel: 'auto',
    model: 'gpt-5',
    session: (index % 997).toString(16).padStart(12, '0'),
    findings:
      index % 3 === 0
        ? [
            {
              entity: 'CREDIT_CARD',
              pointer: '/messages/2/content',
              digest: (index % 4001).toString(16).padStart(24, 'a'),
            },
          ]
        : [],
    findingCount: index % 3 === 0 ? 1 : 0,
    gaps: [],
    tools: 0,
    chars: 2_048 + (index % 500),
    inputTokens: 512,
    outputTokens: 128,
    ms: index % 900,
    policy: 'abcdef012345',
  };
}

const secondsOf = ({ user, system }: NodeJS.CpuUsage): string => ((user + system) / 1_000_000).toFixed(2);
const made = Array.from({ length: perFlush }, (_, index) => receipt(index));
const before = process.cpuUsage();
const startedAt = performance.now();
for (let done = 0; done < receipts; done += perFlush) {
  for (let index = 0; index < perFlush; index += 1) log.append({ ...made[index]!, id: receipt(done + index).id });
  await log.flush();
}
const cpu = process.cpuUsage(before);
say(
  `append and seal, ${perFlush} a flush: ${((cpu.user + cpu.system) / receipts).toFixed(2)} µs CPU each (making the receipt included), ${(performance.now() - startedAt).toFixed(0)} ms in all, ${(statSync(path).size / receipts).toFixed(0)} bytes each on disk`,
);
await log.close();

const cpuBefore = process.cpuUsage();
const verifying = performance.now();
const head = await readHead(database);
const report = await verifyChain(database, {
  verifier: new Verifier([signer.publicKey]),
  heads: head === undefined ? [] : [head],
});
say(
  `verify: ${report.records} records, whole: ${report.whole}, ${(performance.now() - verifying).toFixed(0)} ms, ${secondsOf(process.cpuUsage(cpuBefore))} s CPU`,
);
const every = performance.now();
await verifyChain(database, { verifier: new Verifier([signer.publicKey]), everySignature: true });
say(`verify with every signature: ${(performance.now() - every).toFixed(0)} ms`);
const searching = performance.now();
const found = await searchAudit(database, { id: receipt(7).id });
say(`search for one id at the far end: ${found.hits.length} found, ${(performance.now() - searching).toFixed(0)} ms`);
await database.close();
rmSync(directory, { recursive: true, force: true });

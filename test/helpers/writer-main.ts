/**
 * A process that writes to a store and its audit and says on stdout what it was promised, until it kills itself: `node writer-main.ts DIRECTORY AT`. AT counts the statements that write, BEGIN and COMMIT
 * included; the kill comes right before that statement. 0 never. The last line of a run that ended by itself is `writes N`.
 */
import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Audit } from '../../config/audit-schema.ts';
import { KeyTerms } from '../../config/access-schema.ts';
import { openAudit } from '../../router/audit/audit.ts';
import { createMaskStore } from '../../router/masking/store.ts';
import { KeyRing } from '../../router/principals/key-ring.ts';
import { traceConversation } from '../../router/sessions/memory.ts';
import { note, opening } from '../router/audit/chain.ts';
import { fileStore, memoryOn, STORE_KEY } from './stores.ts';

const [, , directory = '', at = '0'] = process.argv;
let writes = 0;
const counted = (sql: string): void => {
  if (!/^\s*(?:BEGIN|COMMIT|INSERT|UPDATE|DELETE|CREATE|ALTER)/i.test(sql)) return;
  writes += 1;
  if (writes === Number(at)) process.kill(process.pid, 'SIGKILL');
};
const { exec, prepare } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function (sql) {
  counted(sql);
  return exec.call(this, sql);
};
DatabaseSync.prototype.prepare = function (sql, ...more) {
  const statement = prepare.call(this, sql, ...more);
  const run = statement.run.bind(statement) as (...params: unknown[]) => ReturnType<typeof statement.run>;
  statement.run = (...params: unknown[]) => {
    counted(sql);
    return run(...params);
  };
  return statement;
};

/** Straight to the descriptor: a killed process flushes nothing. */
const promised = (what: string): void => void writeSync(1, `${what}\n`);
const store = await fileStore(directory);
const opened = await openAudit({
  config: Audit.parse({ required: true }),
  installationKey: STORE_KEY,
  environment: {},
  at: { directory },
  opening: opening(),
});
if (opened.kind === 'failed') throw new Error(opened.reason);
const { log } = opened.audit;
const memory = memoryOn(store);
const ring = await KeyRing.open(store.database, STORE_KEY);
for (let turn = 0; turn < 3; turn += 1) {
  const trace = traceConversation(
    STORE_KEY,
    'p',
    [{ role: 'user', content: [{ kind: 'text', text: `turn ${turn}` }], toolCalls: [], toolCallId: '', name: '' }],
    [],
  );
  await memory.remember(trace, 'restricted', { from: 0, maskable: false });
  promised(`mark ${turn}`);
  const masks = createMaskStore(STORE_KEY, {}, store.placeholders);
  const map = await masks.load('p', `c${turn}`);
  const token = map.tokenFor(`jane${turn}@corp.example`, 'EMAIL_ADDRESS') ?? '';
  await masks.keep(map);
  promised(`placeholder ${turn} ${token}`);
  const { key } = await ring.create({ principal: 'p', role: 'agent', terms: KeyTerms.parse({}), expiresAt: 0 });
  promised(`key ${key}`);
  if ((await log.commit(note(`turn ${turn}`))) === 'written') promised(`record ${turn}`);
}
await opened.audit.close();
await store.close();
promised(`writes ${writes}`);

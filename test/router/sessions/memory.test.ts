import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../router/chat.ts';
import { type SessionMemory, traceConversation } from '../../../router/sessions/memory.ts';
import { StoreFault } from '../../../router/store/database.ts';
import { fileStore, memoryOn, STORE_KEY as KEY, type StoreShape } from '../../helpers/stores.ts';

const memoryOf = async (shape: StoreShape = {}): Promise<SessionMemory> =>
  memoryOn(await fileStore(undefined, shape), shape);
const say = (role: ChatMessage['role'], text: string, change: Partial<ChatMessage> = {}): ChatMessage => ({
  role,
  content: [{ kind: 'text', text }],
  toolCalls: [],
  toolCallId: '',
  name: '',
  ...change,
});
const trace = (messages: readonly ChatMessage[], ids: readonly string[] = [], principal = 'p') =>
  traceConversation(KEY, principal, messages, ids);

const SECRET = say('user', 'the number is in this message');
const LONG_ANSWER = 'The customer should call the bank and ask for the card to be blocked at once.';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
function stateDir(): string {
  const directory = mkdtempSync(join(tmpdir(), 'memory-'));
  directories.push(directory);
  return directory;
}

describe('SessionMemory recognises a conversation', () => {
  const hello = say('user', 'hello');
  const first = [say('system', 'be brief'), hello, say('assistant', 'hi'), SECRET];
  const cases: readonly [string, readonly ChatMessage[], readonly string[], string][] = [
    ['on the next turn', [...first, say('assistant', 'ok'), say('user', 'thanks, go on')], [], 'confidential'],
    [
      'with another system prompt',
      [say('system', 'be verbose'), ...first.slice(1), say('assistant', 'ok')],
      [],
      'confidential',
    ],
    [
      'by its answer put into a new conversation',
      [say('user', `Summary so far:\n  ${LONG_ANSWER}  \nContinue.`)],
      [],
      'confidential',
    ],
    [
      'by the id of a tool call, spelled as some clients do',
      [say('tool', 'out', { toolCallId: 'call96fAb' })],
      [],
      'confidential',
    ],
    ['by a header', [say('user', 'unrelated')], ['x-session-id:s1'], 'confidential'],
    [
      'not by its first, harmless turn',
      [hello, say('assistant', 'hi'), say('user', 'what is the weather')],
      [],
      'public',
    ],
    ['not by a short common answer', [say('user', 'x'), say('assistant', 'ok'), say('user', 'y')], [], 'public'],
    ['not for another principal', [...first], [], 'other'],
  ];
  it.each(cases)('%s', async (_, messages, ids, expected) => {
    const memory = await memoryOf();
    const seen = trace(first, ['x-session-id:s1']);
    await memory.remember(seen, 'confidential', { from: 3, maskable: true });
    await memory.rememberReply(seen, { text: `ok\n${LONG_ANSWER}`, callIds: ['call_96fAb'] }, 'confidential', true);
    if (expected === 'other') expect((await memory.recall(trace(messages, [], 'q'))).label).toBe('public');
    else expect((await memory.recall(trace(messages, ids))).label).toBe(expected);
  });

  it('raises and never lowers', async () => {
    const memory = await memoryOf();
    const seen = trace([SECRET]);
    await memory.remember(seen, 'restricted', { from: 0, maskable: false });
    await memory.remember(seen, 'internal', { from: 0, maskable: true });
    expect(await memory.recall(seen)).toMatchObject({ label: 'restricted', maskable: false });
  });

  it('forgets in the safe direction: what is pushed out is still known, never as maskable', async () => {
    const memory = await memoryOf({ maxEntries: 1_000 });
    const old = trace([SECRET]);
    await memory.remember(old, 'restricted', { from: 0, maskable: true });
    for (let index = 0; index < 3_000; index += 1)
      await memory.remember(trace([say('user', `filler ${index}`)]), 'internal', { from: 0, maskable: true });
    expect(memory.size).toBeLessThanOrEqual(1_000);
    expect(await memory.recall(old)).toMatchObject({ label: 'restricted', maskable: false });
    const strangers = await Promise.all(
      Array.from(
        { length: 1_000 },
        async (_, index) => (await memory.recall(trace([say('user', `stranger ${index}`)]))).label,
      ),
    );
    expect(strangers.filter((label) => label !== 'public').length).toBeLessThan(10);
  });

  it('keeps a label that a reload took off the ladder as the highest', async () => {
    const store = await fileStore(undefined);
    await store.marks.raise([trace([SECRET]).chains[0] ?? ''], 'gone', true);
    const memory = memoryOn(store);
    expect((await memory.recall(trace([SECRET]))).label).toBe('gone');
    await memory.remember(trace([SECRET]), 'restricted', { from: 0, maskable: true });
    expect((await memory.recall(trace([SECRET]))).label).toBe('gone');
  });
});

describe('a store in a file', () => {
  it('carries marks over a restart, and no text', async () => {
    const directory = stateDir();
    const before = await fileStore(directory);
    await memoryOn(before).remember(trace([SECRET]), 'confidential', { from: 0, maskable: true });
    await before.close();
    const after = await fileStore(directory);
    expect(await memoryOn(after).recall(trace([SECRET]))).toMatchObject({ label: 'confidential', maskable: true });
    await after.close();
    for (const name of readdirSync(directory))
      expect(readFileSync(join(directory, name)).includes('the number is in')).toBe(false);
  });

  it('lets nobody go on who cannot keep a mark, and then remembers nothing half', async () => {
    const store = await fileStore(stateDir());
    const memory = memoryOn(store);
    await store.close();
    await expect(memory.remember(trace([SECRET]), 'confidential', { from: 0, maskable: true })).rejects.toThrow(
      StoreFault,
    );
    await expect(memory.recall(trace([SECRET]))).rejects.toThrow(StoreFault);
  });
});

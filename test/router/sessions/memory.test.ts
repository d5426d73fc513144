import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../router/chat.ts';
import { createSessionMemory, type SessionMemory, traceConversation } from '../../../router/sessions/memory.ts';
import { createVolatileStore, type MarkStore, openSqliteStore, StoreFault } from '../../../router/sessions/store.ts';

const KEY = Buffer.alloc(32, 7);
const LADDER = ['public', 'internal', 'confidential', 'restricted'];
const memoryOf = (options: { store?: MarkStore; maxEntries?: number } = {}): SessionMemory =>
  createSessionMemory({
    key: KEY,
    ladder: LADDER,
    maxEntries: options.maxEntries ?? 10_000,
    store: options.store ?? createVolatileStore(),
  });
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
  it.each(cases)('%s', (_, messages, ids, expected) => {
    const memory = memoryOf();
    const seen = trace(first, ['x-session-id:s1']);
    memory.remember(seen, 'confidential', { from: 3, maskable: true });
    memory.rememberReply(seen, { text: `ok\n${LONG_ANSWER}`, callIds: ['call_96fAb'] }, 'confidential', true);
    if (expected === 'other') expect(memory.recall(trace(messages, [], 'q')).label).toBe('public');
    else expect(memory.recall(trace(messages, ids)).label).toBe(expected);
  });

  it('raises and never lowers', () => {
    const memory = memoryOf();
    const seen = trace([SECRET]);
    memory.remember(seen, 'restricted', { from: 0, maskable: false });
    memory.remember(seen, 'internal', { from: 0, maskable: true });
    expect(memory.recall(seen)).toMatchObject({ label: 'restricted', maskable: false });
  });

  it('forgets in the safe direction: what is pushed out is still known, never as maskable', () => {
    const memory = memoryOf({ maxEntries: 1_000 });
    const old = trace([SECRET]);
    memory.remember(old, 'restricted', { from: 0, maskable: true });
    for (let index = 0; index < 3_000; index += 1)
      memory.remember(trace([say('user', `filler ${index}`)]), 'internal', { from: 0, maskable: true });
    expect(memory.size).toBeLessThanOrEqual(1_000);
    expect(memory.recall(old)).toMatchObject({ label: 'restricted', maskable: false });
    const strangers = Array.from(
      { length: 1_000 },
      (_, index) => memory.recall(trace([say('user', `stranger ${index}`)])).label,
    );
    expect(strangers.filter((label) => label !== 'public').length).toBeLessThan(10);
  });

  it('keeps a label that a reload took off the ladder as the highest', () => {
    const store = openSqliteStore(stateDir());
    store.save([{ digest: trace([SECRET]).chains[0] ?? '', label: 'gone', maskable: true }]);
    const memory = memoryOf({ store });
    expect(memory.recall(trace([SECRET])).label).toBe('gone');
    memory.close();
  });
});

describe('openSqliteStore()', () => {
  it('carries marks over a restart, and no text', () => {
    const directory = stateDir();
    const before = memoryOf({ store: openSqliteStore(directory) });
    before.remember(trace([SECRET]), 'confidential', { from: 0, maskable: true });
    before.close();
    const after = memoryOf({ store: openSqliteStore(directory) });
    expect(after.recall(trace([SECRET]))).toMatchObject({ label: 'confidential', maskable: true });
    after.close();
  });

  it('makes remember throw when it cannot be written, and then remembers nothing half', () => {
    const directory = stateDir();
    const store = openSqliteStore(directory);
    const memory = memoryOf({ store });
    store.close();
    expect(() => memory.remember(trace([SECRET]), 'confidential', { from: 0, maskable: true })).toThrow(StoreFault);
    expect(memory.recall(trace([SECRET])).label).toBe('public');
  });
});

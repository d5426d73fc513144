/** What a turn costs, counted instead of timed: characters read, hashes made, blocks opened. */
import type * as Crypto from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createClassifier } from '../../../classifiers/classify.ts';
import { Classify } from '../../../config/schema.ts';
import { parseJson } from '../../../router/json/parse.ts';
import { openaiChat } from '../../../router/protocols/openai-chat.ts';
import { traceConversation } from '../../../router/sessions/memory.ts';

const counted = vi.hoisted(() => ({ hashes: 0 }));
vi.mock('node:crypto', async (original) => {
  const real = await original<typeof Crypto>();
  return {
    ...real,
    hash: (...given: Parameters<typeof real.hash>) => {
      counted.hashes += 1;
      return real.hash(...given);
    },
  };
});

let read = 0;
const classifier = createClassifier(Classify.parse({}), ['public', 'restricted'], {
  recognizers: [
    {
      name: 'counts-what-is-read',
      entities: ['NOTHING'],
      triggers: [{ kind: 'always', because: 'it counts' }],
      find: (_, window) => void (read += window.end - window.start),
    },
  ],
  taggers: [],
});

const TOOLS = Array.from({ length: 18 }, (_, index) => ({
  type: 'function',
  function: { name: `tool_${index}`, description: `Reads the table number ${index} and says what is in it.` },
}));
const HISTORY = Array.from({ length: 12 }, (_, index) => ({
  role: index % 2 === 0 ? 'user' : 'assistant',
  content: `Turn ${index}: compare the two tables and say where they differ. `.repeat(20),
}));
const NEWEST = 'And now the last one, please.';
const bodyOf = (messages: readonly object[]): string => JSON.stringify({ model: 'auto', messages, tools: TOOLS });

function readBody(source: string) {
  const parsed = parseJson(Buffer.from(source), { maxDepth: 64, maxLeaves: 100_000 });
  if (parsed.kind === 'problem') throw new Error(parsed.problem.code);
  const chat = openaiChat.read(parsed.document);
  if (chat.kind === 'problem' || chat.blocks === undefined) throw new Error('no chat');
  return { ...chat.blocks, messages: chat.chat.messages };
}
async function classify(source: string): Promise<number> {
  const { blocks, gaps } = readBody(source);
  const { scannedChars } = await classifier.classifyBlocks(blocks, gaps, {
    signal: new AbortController().signal,
    nearMisses: 'omit',
  });
  return scannedChars;
}

const before = bodyOf(HISTORY);
const after = bodyOf([...HISTORY, { role: 'user', content: NEWEST }]);
beforeEach(async () => {
  await classify(before);
  classifier.rescan(before, 'public');
  counted.hashes = 0;
  read = 0;
});

describe('a turn whose prefix was seen', () => {
  it('reads nothing when nothing is new', async () => {
    expect(await classify(before)).toBe(0);
    expect(read).toBe(0);
  });

  it('reads the new message and no more', async () => {
    const first = await classify(bodyOf([...HISTORY, { role: 'user', content: `${NEWEST} Thank you.` }]));
    expect(first).toBe(`${NEWEST} Thank you.`.length);
    expect(read).toBe(first);
  });

  it('opens only the new block and the one its seam reaches back to', async () => {
    const { blocks, gaps } = readBody(bodyOf([...HISTORY, { role: 'user', content: 'Which of the two is older?' }]));
    const opened: string[] = [];
    const watched = blocks.map((block) => ({
      ...block,
      read: () => {
        opened.push(block.pointer);
        return block.read();
      },
    }));
    const how = { signal: new AbortController().signal, nearMisses: 'omit' } as const;
    await classifier.classifyBlocks(watched, gaps, how);
    expect([...new Set(opened)].toSorted()).toEqual(['/messages/10', '/messages/11', '/messages/12']);
  });

  it('makes one hash per known block', async () => {
    await classify(before);
    // model, tools, and the messages.
    expect(counted.hashes).toBe(2 + HISTORY.length);
  });

  it('makes two hashes per known message for its trace, however long it is', () => {
    const { messages, messageKeys } = readBody(before);
    const key = Buffer.alloc(32, 1);
    traceConversation(key, 'someone', messages, [], messageKeys);
    counted.hashes = 0;
    traceConversation(key, 'someone', messages, [], messageKeys);
    expect(counted.hashes).toBeLessThanOrEqual(1 + 2 * HISTORY.length);
  });
});

describe('the door', () => {
  it('reads nothing of a body it has been through, and makes no hash of the slow kind', () => {
    expect(classifier.rescan(before, 'public')).toEqual([]);
    expect(read).toBe(0);
    expect(counted.hashes).toBe(0);
  });

  it('reads nothing again that the classifier has just read under the same key', async () => {
    await classify(after);
    read = 0;
    classifier.rescan(after, 'public');
    expect(read).toBe(0);
  });

  it('reads what nobody has read, and only that', async () => {
    await classify(after);
    read = 0;
    classifier.rescan(after.replace(NEWEST, `${NEWEST}!`), 'public');
    expect(read).toBe(NEWEST.length + 1);
  });
});

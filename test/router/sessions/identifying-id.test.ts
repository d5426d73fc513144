import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../router/chat.ts';
import { identifyingId } from '../../../router/sessions/identifying-id.ts';
import { traceConversation } from '../../../router/sessions/memory.ts';
import { fileStore, memoryOn } from '../../helpers/stores.ts';

describe('identifyingId', () => {
  it.each([
    ['OpenAI', 'call_62136354ddBHZnw9qQ0cW7Ys'],
    ['Anthropic', 'toolu_01T1x1fJ34qAmk2tNTrN7Up6'],
    ['Mistral', 'D681PevKs'],
    ['Ollama', 'call_t2bf4h0x'],
    ['vLLM', 'chatcmpl-tool-1f7e6c2d9a4b4c0f8e3d5a6b7c8d9e0f'],
    ['a clock', '1732545327123'],
  ])('keeps an id that was drawn: %s', (_, id) => {
    expect(identifyingId(id)).toBe(id.replace(/[^A-Za-z0-9]/g, '').toLowerCase());
  });

  it.each([
    '',
    'call_0',
    'call_12',
    'functions.bash:0',
    'function-call-3',
    'tool2_call10',
    '0',
    '12345678',
    'toolcallid',
  ])('gives nothing for an id that is counted: %s', (id) => {
    expect(identifyingId(id)).toBe('');
  });

  it('reads one id alike however a client spells it', () => {
    expect(identifyingId('call_96fAb')).toBe(identifyingId('call96fAb'));
    expect(identifyingId('call_96fAb')).not.toBe('');
  });

  it('is linear on an id as long as a body', () => {
    expect(identifyingId('ab1'.repeat(1_000_000))).not.toBe('');
    expect(identifyingId('abc1'.repeat(1_000_000))).not.toBe('');
  });
});

describe('a sensitive conversation whose calls are counted', async () => {
  const memory = memoryOn(await fileStore(undefined));
  const say = (role: ChatMessage['role'], text: string, id = ''): ChatMessage => ({
    role,
    content: [{ kind: 'text', text }],
    toolCalls: role === 'assistant' && id !== '' ? [{ id, name: 'look', arguments: '{}' }] : [],
    toolCallId: role === 'tool' ? id : '',
    name: '',
  });
  const trace = (text: string, id: string) =>
    traceConversation(
      Buffer.alloc(32, 7),
      'p',
      [say('user', text), say('assistant', '', id), say('tool', `result of ${text}`, id)],
      [],
    );

  it('latches itself and not others that count alike', async () => {
    const seen = trace('what it says', 'call_0');
    await memory.remember(seen, 'restricted', { from: 0, maskable: true });
    await memory.rememberReply(seen, { text: 'ok', callIds: ['call_1'] }, 'restricted', true);
    expect((await memory.recall(seen)).label).toBe('restricted');
    expect((await memory.recall(trace('something else', 'call_0'))).label).toBe('public');
    expect((await memory.recall(trace('something else', 'call_1'))).label).toBe('public');
  });

  it('latches others that share an id that was drawn', async () => {
    await memory.remember(trace('what it says too', 'call_t2bf4h0x'), 'restricted', { from: 0, maskable: true });
    expect((await memory.recall(trace('something third', 'call_t2bf4h0x'))).label).toBe('restricted');
  });
});

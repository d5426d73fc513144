/** Chats of texts alone: what legacy prompts, embeddings and our own questions to a model are read into. */
import type { ChatMessage, ChatRequest } from './chat.ts';

export function textMessage(role: 'system' | 'user', text: string): ChatMessage {
  return { role, content: [{ kind: 'text', text }], toolCalls: [], toolCallId: '', name: '' };
}

/** plainChat asks for one answer in words, whole, without tools and with the upstream's own settings. */
export function plainChat(messages: readonly ChatMessage[]): ChatRequest {
  return {
    messages,
    tools: [],
    toolChoice: { kind: 'none' },
    parallelToolCalls: false,
    stream: false,
    includeUsage: false,
    choices: 1,
    sampling: {},
    responseFormat: { kind: 'text' },
    reasoningEffort: '',
  };
}

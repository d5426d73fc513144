/** A ChatRequest with everything at its default, for tests that care about one field. */
import type { ChatMessage, ChatRequest } from '../../router/chat.ts';

export function chatRequest(more: Partial<ChatRequest> & { readonly text?: string } = {}): ChatRequest {
  const { text, ...fields } = more;
  return {
    messages: [message('user', text ?? 'Hello')],
    tools: [],
    toolChoice: { kind: 'auto' },
    parallelToolCalls: true,
    stream: true,
    includeUsage: false,
    choices: 1,
    sampling: {},
    responseFormat: { kind: 'text' },
    reasoningEffort: '',
    ...fields,
  };
}

export function message(role: ChatMessage['role'], text: string, more: Partial<ChatMessage> = {}): ChatMessage {
  return {
    role,
    content: text === '' ? [] : [{ kind: 'text', text }],
    toolCalls: [],
    toolCallId: '',
    name: '',
    ...more,
  };
}

/**
 * The neutral form as an openai-chat body, for clients that speak another wire. Only what the neutral form holds leaves; it was read from a document whose every
 * leaf was classified, and clearance scans these very bytes again.
 */
import type { ChatMessage, ChatRequest, ContentPart, ToolDeclaration } from '../chat.ts';
import { withCallIds } from '../tool-results.ts';
import type { UpstreamChange } from './protocol.ts';

/** functionTool is a tool as this wire and Ollama's declare it. */
export function functionTool({ name, description, parameters }: ToolDeclaration): object {
  return { type: 'function', function: { name, description, parameters } };
}

export function toOpenAIChat(chat: ChatRequest, change: UpstreamChange): string {
  const { sampling } = chat;
  return JSON.stringify({
    model: change.model,
    messages: withCallIds(chat.messages).map(toMessage),
    stream: change.stream,
    ...(change.stream && change.includeUsage ? { stream_options: { include_usage: true } } : {}),
    ...(chat.tools.length === 0
      ? {}
      : {
          tools: chat.tools.map(functionTool),
          tool_choice:
            chat.toolChoice.kind === 'tool'
              ? { type: 'function', function: { name: chat.toolChoice.name } }
              : chat.toolChoice.kind,
          ...(chat.parallelToolCalls ? {} : { parallel_tool_calls: false }),
        }),
    ...(chat.choices > 1 ? { n: chat.choices } : {}),
    ...optional('temperature', sampling.temperature),
    ...optional('top_p', sampling.topP),
    ...optional('max_completion_tokens', sampling.maxTokens),
    ...optional('stop', sampling.stop),
    ...optional('seed', sampling.seed),
    ...optional('presence_penalty', sampling.presencePenalty),
    ...optional('frequency_penalty', sampling.frequencyPenalty),
    ...optional('logprobs', sampling.logprobs),
    ...optional('top_logprobs', sampling.topLogprobs),
    ...(chat.reasoningEffort === '' ? {} : { reasoning_effort: chat.reasoningEffort }),
    ...(chat.responseFormat.kind === 'text'
      ? {}
      : chat.responseFormat.kind === 'json'
        ? { response_format: { type: 'json_object' } }
        : {
            response_format: {
              type: 'json_schema',
              json_schema: { name: chat.responseFormat.name, schema: chat.responseFormat.schema },
            },
          }),
  });
}

function optional(key: string, value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined ? {} : { [key]: value };
}

function toMessage(message: ChatMessage): object {
  const content = toContent(message.content);
  switch (message.role) {
    case 'assistant':
      return {
        role: 'assistant',
        content: message.content.length === 0 ? null : content,
        ...(message.toolCalls.length === 0
          ? {}
          : {
              tool_calls: message.toolCalls.map((call) => ({
                id: call.id,
                type: 'function',
                function: { name: call.name, arguments: call.arguments || '{}' },
              })),
            }),
      };
    case 'tool':
      return { role: 'tool', tool_call_id: message.toolCallId, content };
    case 'system':
    case 'user':
      return { role: message.role, content, ...(message.name === '' ? {} : { name: message.name }) };
  }
}

/** Opaque parts make a request unknown, and unknown never gets here; were one to, it is left out rather than guessed at. */
function toContent(parts: readonly ContentPart[]): string | readonly object[] {
  if (parts.every((part) => part.kind === 'text'))
    return parts.map((part) => (part.kind === 'text' ? part.text : '')).join('\n');
  return parts.flatMap((part): readonly object[] => {
    if (part.kind === 'text') return [{ type: 'text', text: part.text }];
    return part.kind === 'image' ? [{ type: 'image_url', image_url: { url: part.url } }] : [];
  });
}

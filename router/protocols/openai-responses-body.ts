/**
 * The neutral form as a body of OpenAI's /responses, for clients that speak another wire. Nothing is kept outside (`store: false`). Only what the neutral form holds leaves; it was
 * read from a document whose every leaf was classified, and clearance scans these very bytes again.
 */
import type { ChatMessage, ChatRequest } from '../chat.ts';
import { withCallIds } from '../tool-results.ts';
import type { UpstreamChange } from './protocol.ts';

export function toOpenAIResponses(chat: ChatRequest, change: UpstreamChange): string {
  const { sampling } = chat;
  return JSON.stringify({
    model: change.model,
    input: withCallIds(chat.messages).flatMap(toItems),
    stream: change.stream,
    store: false,
    ...(chat.tools.length === 0
      ? {}
      : {
          tools: chat.tools.map((tool) => ({
            type: 'function',
            name: tool.name,
            description: tool.description,
            parameters: tool.parameters,
            // Strict is the default of this wire alone, and refuses schemas that chat clients send.
            strict: false,
          })),
          tool_choice:
            chat.toolChoice.kind === 'tool' ? { type: 'function', name: chat.toolChoice.name } : chat.toolChoice.kind,
          ...(chat.parallelToolCalls ? {} : { parallel_tool_calls: false }),
        }),
    ...optional('temperature', sampling.temperature),
    ...optional('top_p', sampling.topP),
    ...optional('max_output_tokens', sampling.maxTokens),
    ...(sampling.logprobs === true
      ? { include: ['message.output_text.logprobs'], ...optional('top_logprobs', sampling.topLogprobs) }
      : {}),
    ...(chat.reasoningEffort === '' ? {} : { reasoning: { effort: chat.reasoningEffort } }),
    ...(chat.responseFormat.kind === 'text'
      ? {}
      : {
          text: {
            format:
              chat.responseFormat.kind === 'json'
                ? { type: 'json_object' }
                : {
                    type: 'json_schema',
                    name: chat.responseFormat.name,
                    schema: chat.responseFormat.schema,
                    strict: false,
                  },
          },
        }),
  });
}

function optional(key: string, value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined ? {} : { [key]: value };
}

function toItems(message: ChatMessage): readonly object[] {
  switch (message.role) {
    case 'tool':
      return [{ type: 'function_call_output', call_id: message.toolCallId, output: textOf(message) }];
    case 'assistant':
      return [
        ...(message.content.length === 0
          ? []
          : [
              {
                type: 'message',
                role: 'assistant',
                content: [{ type: 'output_text', text: textOf(message), annotations: [] }],
              },
            ]),
        ...message.toolCalls.map((call) => ({
          type: 'function_call',
          call_id: call.id,
          name: call.name,
          arguments: call.arguments || '{}',
        })),
      ];
    case 'system':
    case 'user':
      return [
        {
          type: 'message',
          role: message.role,
          // Opaque parts make a request unknown, and unknown never gets here; were one to, it is left out rather than guessed at.
          content: message.content.flatMap((part): readonly object[] => {
            if (part.kind === 'text') return [{ type: 'input_text', text: part.text }];
            return part.kind === 'image' ? [{ type: 'input_image', image_url: part.url, detail: 'auto' }] : [];
          }),
        },
      ];
  }
}

function textOf(message: ChatMessage): string {
  return message.content.map((part) => (part.kind === 'text' ? part.text : '')).join('\n');
}

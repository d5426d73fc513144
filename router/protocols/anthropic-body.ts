/**
 * The neutral form as a Messages body, for clients that speak another wire. Only what the neutral form holds leaves; it was read from a document whose every leaf was classified,
 * and clearance scans these very bytes again. The wire has no seed, penalties, log probabilities or second choices: the first three are left
 * out, a request for several choices is not for it (dispatch.ts).
 */
import type { ChatMessage, ChatRequest, ContentPart, ModelToolCall } from '../chat.ts';
import { argumentsObject } from '../tool-arguments.ts';
import { takeAnswered } from '../tool-results.ts';
import type { UpstreamChange } from './protocol.ts';

/** Every model of this wire may answer as long. */
const MAX_TOKENS = 4096;
const JSON_ONLY = 'Answer with one JSON object and nothing else.';

export function toAnthropic(chat: ChatRequest, change: UpstreamChange): string {
  const { sampling, toolChoice } = chat;
  const system = [
    ...chat.messages.filter((message) => message.role === 'system').map((message) => textOf(message.content)),
    ...(chat.responseFormat.kind === 'json' ? [JSON_ONLY] : []),
  ].filter((text) => text !== '');
  // The wire refuses stop sequences of nothing but white space.
  const stop = (sampling.stop ?? []).filter((each) => each.trim() !== '');
  return JSON.stringify({
    model: change.model,
    max_tokens: sampling.maxTokens ?? change.maxTokens ?? MAX_TOKENS,
    ...(system.length === 0 ? {} : { system: system.join('\n\n') }),
    messages: toTurns(chat.messages),
    stream: change.stream,
    ...(chat.tools.length === 0
      ? {}
      : {
          tools: chat.tools.map((tool) => ({
            name: tool.name,
            ...(tool.description === '' ? {} : { description: tool.description }),
            input_schema: tool.parameters ?? { type: 'object' },
          })),
          tool_choice: {
            ...(toolChoice.kind === 'tool'
              ? { type: 'tool', name: toolChoice.name }
              : { type: toolChoice.kind === 'required' ? 'any' : toolChoice.kind }),
            ...(chat.parallelToolCalls || toolChoice.kind === 'none' ? {} : { disable_parallel_tool_use: true }),
          },
        }),
    // Newer models take one of the two, and none takes a temperature above 1.
    ...(sampling.temperature !== undefined
      ? { temperature: Math.min(sampling.temperature, 1) }
      : sampling.topP === undefined
        ? {}
        : { top_p: sampling.topP }),
    ...(sampling.localOptions?.['top_k'] === undefined ? {} : { top_k: sampling.localOptions['top_k'] }),
    ...(stop.length === 0 ? {} : { stop_sequences: stop }),
    ...(chat.responseFormat.kind === 'schema'
      ? { output_config: { format: { type: 'json_schema', schema: chat.responseFormat.schema } } }
      : {}),
  });
}

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: object[];
}

/** Neighbours of one side become one turn: results of tools are a user's here, and have to come first in it. */
function toTurns(messages: readonly ChatMessage[]): readonly Turn[] {
  const turns: Turn[] = [];
  let open: ModelToolCall[] = [];
  const say = (role: Turn['role'], content: readonly object[]): void => {
    if (content.length === 0) return;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content: [...content] });
  };
  messages.forEach((message, index) => {
    switch (message.role) {
      case 'system':
        return;
      case 'user':
        return say('user', toBlocks(message.content));
      case 'assistant': {
        const calls = message.toolCalls.map((call, position) => ({
          ...call,
          id: plainId(call.id) || `call_${index}_${position}`,
        }));
        open = [...calls];
        return say('assistant', [
          ...toBlocks(message.content),
          ...calls.map((call) => ({
            type: 'tool_use',
            id: call.id,
            name: call.name,
            input: argumentsObject(call.arguments),
          })),
        ]);
      }
      case 'tool': {
        const call = takeAnswered(open, message.toolCallId, message.name);
        const id = call?.id ?? plainId(message.toolCallId);
        return say('user', [{ type: 'tool_result', tool_use_id: id, content: toBlocks(message.content) }]);
      }
    }
  });
  if (turns[0]?.role !== 'user') turns.unshift({ role: 'user', content: [{ type: 'text', text: '.' }] });
  return turns;
}

/** Ids may hold letters, digits, `_` and `-`. */
function plainId(id: string): string {
  return id.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 128);
}

/** Empty texts are refused by the wire. Opaque parts make a request unknown, and unknown never gets here. */
function toBlocks(parts: readonly ContentPart[]): readonly object[] {
  return parts.flatMap((part): readonly object[] => {
    if (part.kind === 'text') return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text }];
    if (part.kind === 'opaque') return [];
    const inline = /^data:(image\/[a-z+.-]{1,40});base64,([A-Za-z0-9+/=\s]+)$/i.exec(part.url);
    const source =
      inline === null
        ? { type: 'url', url: part.url }
        : { type: 'base64', media_type: inline[1]!.toLowerCase(), data: inline[2] };
    return [{ type: 'image', source }];
  });
}

function textOf(parts: readonly ContentPart[]): string {
  return parts.map((part) => (part.kind === 'text' ? part.text : '')).join('\n');
}

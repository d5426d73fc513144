/** Which call a tool's result answers. Clients rewrite ids (`call_9` comes back as `call9`), send only the tool's name, or neither: then the order tells. */
import type { ChatMessage, ModelToolCall } from './chat.ts';

/** takeAnswered takes the answered call out of those still open: by id, by id without punctuation, by name; a result that names nothing known, or nothing, answers the oldest. */
export function takeAnswered(open: ModelToolCall[], id: string, name: string): ModelToolCall | undefined {
  const bare = (text: string): string => text.replace(/[^A-Za-z0-9]/g, '');
  const wanted = bare(id);
  let index = id === '' ? -1 : open.findIndex((call) => call.id === id);
  if (index === -1 && wanted !== '') index = open.findIndex((call) => bare(call.id) === wanted);
  if (index === -1 && name !== '') index = open.findIndex((call) => call.name === name);
  // A name of its own that nothing was called by is no answer to something else.
  if (index === -1 && name !== '') return undefined;
  return open.splice(Math.max(index, 0), 1)[0];
}

/** withCallIds gives every call with an id and every result with that of its call: clients of Ollama's wire send one, both or neither, and OpenAI's demand both. */
export function withCallIds(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  let open: ModelToolCall[] = [];
  return messages.map((message, index) => {
    if (message.role === 'assistant') {
      const toolCalls = message.toolCalls.map((call, position) =>
        call.id === '' ? { ...call, id: `call_${index}_${position}` } : call,
      );
      open = [...toolCalls];
      return withChanged(message, toolCalls, message.toolCallId);
    }
    if (message.role !== 'tool') return message;
    const answered = takeAnswered(open, message.toolCallId, message.name)?.id ?? message.toolCallId;
    return withChanged(message, message.toolCalls, answered);
  });
}

/** Member by member: spreading would lose what a message reads only when it is asked (protocols/seen-parts.ts). */
function withChanged(
  { role, content, name }: ChatMessage,
  toolCalls: readonly ModelToolCall[],
  toolCallId: string,
): ChatMessage {
  return { role, content, toolCalls, toolCallId, name };
}

/** Which wire a request body is of, by its shape: for explain, where no path says. Where two wires share a form the likelier is taken, and the caller may say another. Fails to OpenAI's chat, whose reader then says what is wrong. */
import type { JsonObject, JsonValue } from '../json/document.ts';
import { parseJson } from '../json/parse.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import { ollamaChat } from './ollama-chat.ts';
import { ollamaEmbed, ollamaEmbeddings } from './ollama-embed.ts';
import { ollamaGenerate } from './ollama-generate.ts';
import { openaiChat } from './openai-chat.ts';
import { createOpenAICompletions } from './openai-completions.ts';
import { openaiEmbeddings } from './openai-embeddings.ts';
import { createOpenAIResponses } from './openai-responses.ts';
import type { RequestProtocol } from './protocol.ts';
import type { Wire } from './wires.ts';

/** readerOf is for reading alone: nothing is written with it. */
export function readerOf(wire: Wire): RequestProtocol {
  switch (wire) {
    case 'openai-chat':
      return openaiChat;
    case 'openai-responses':
      return createOpenAIResponses({
        providerTools: 'strip',
        writer: { request: {}, tools: new Map(), onDone: () => undefined },
      });
    case 'anthropic-messages':
      return anthropicMessages;
    case 'openai-completions':
      return createOpenAICompletions();
    case 'openai-embeddings':
      return openaiEmbeddings;
    case 'ollama-chat':
      return ollamaChat;
    case 'ollama-generate':
      return ollamaGenerate;
    case 'ollama-embed':
      return ollamaEmbed;
    case 'ollama-embeddings':
      return ollamaEmbeddings;
  }
}

const OLLAMA = ['options', 'keep_alive', 'format', 'raw', 'template', 'context', 'images', 'think', 'truncate'];
const ANTHROPIC = ['system', 'stop_sequences', 'thinking', 'top_k', 'anthropic_version', 'container', 'mcp_servers'];
const EMBEDDING = ['encoding_format', 'dimensions'];
const ANTHROPIC_BLOCKS: ReadonlySet<unknown> = new Set(['tool_use', 'tool_result', 'thinking', 'redacted_thinking']);

/** recogniseWire looks at names of fields and blocks, never at what they say, but for the model's name. */
export function recogniseWire(root: JsonObject): Wire {
  const has = (names: readonly string[]): boolean => names.some((name) => root[name] !== undefined);
  const { messages, input, prompt, tools, model } = root;
  if (messages !== undefined) {
    if (has(ANTHROPIC) || listOf(tools).some((tool) => tool['input_schema'] !== undefined)) return 'anthropic-messages';
    const blocks = listOf(messages).flatMap(({ content }) => listOf(content));
    if (blocks.some(({ type }) => ANTHROPIC_BLOCKS.has(type))) return 'anthropic-messages';
    const isOllama = has(OLLAMA) || listOf(messages).some(({ images }) => images !== undefined);
    return isOllama ? 'ollama-chat' : 'openai-chat';
  }
  if (input !== undefined) {
    if (has(['options', 'keep_alive', 'truncate'])) return 'ollama-embed';
    const isNamed = typeof model === 'string' && /embed/i.test(model);
    const isList = Array.isArray(input) && input.every((each) => typeof each !== 'object' || Array.isArray(each));
    return has(EMBEDDING) || isNamed || isList ? 'openai-embeddings' : 'openai-responses';
  }
  if (prompt !== undefined) return has([...OLLAMA, 'system']) ? 'ollama-generate' : 'openai-completions';
  return has(['previous_response_id', 'instructions']) ? 'openai-responses' : 'openai-chat';
}

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value)
    ? value.filter((each): each is JsonObject => typeof each === 'object' && each !== null && !Array.isArray(each))
    : [];
}

/** Leaves in one body that is only explained. */
const MAX_LEAVES = 500_000;

/** wireOf recognises a whole body. What cannot be read is no wire's; the reader says what is wrong with it. */
export function wireOf(bytes: Uint8Array, maxDepth: number): Wire {
  const parsed = parseJson(bytes, { maxDepth, maxLeaves: MAX_LEAVES });
  return parsed.kind === 'problem' ? 'openai-chat' : recogniseWire(parsed.document.root);
}

/** What the complexity score may see of a request: plain data, whole conversation, no wire format. */
import { ownerKey } from '../../classifiers/keyed-memory.ts';
import type { ComplexityInput, ComplexitySegment } from '../../classifiers/complexity/score.ts';
import type { Config } from '../../config/schema.ts';
import type { ChatMessage } from '../chat.ts';
import type { RequestEnvelope } from '../envelope.ts';

const EFFORTS: ReadonlySet<string> = new Set(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']);

/** `messageKeys`: what messages are known by, where they are: of those that were scored before the text is not read. */
export function complexityInput(
  envelope: RequestEnvelope,
  config: Config,
  messageKeys: readonly (string | undefined)[] = [],
): ComplexityInput {
  const local = config.upstreams.find((upstream) => upstream.kind === 'ollama');
  const { chat } = envelope;
  const owner = ownerKey(envelope.principal);
  const keyOf = (key = ''): string => (key === '' ? '' : owner + key);
  return {
    segments: chat.messages.map((message, index) => new MessageText(message, keyOf(messageKeys[index]))),
    toolCount: chat.tools.length,
    totalChars: envelope.document.source.length,
    localWindowTokens: local?.contextTokens ?? 0,
    structuredOutput: chat.responseFormat.kind !== 'text',
    reasoningEffort: EFFORTS.has(chat.reasoningEffort)
      ? (chat.reasoningEffort as ComplexityInput['reasoningEffort'])
      : 'unset',
  };
}

/** The text of a message, put together when it is asked for (why a class: protocols/block-chat.ts). */
class MessageText implements ComplexitySegment {
  readonly role: ComplexitySegment['role'];
  readonly key: string;
  readonly #message: ChatMessage;

  constructor(message: ChatMessage, key: string) {
    this.role = message.role;
    this.key = key;
    this.#message = message;
  }

  get text(): string {
    return this.#message.content.map((part) => (part.kind === 'text' ? part.text : '')).join('\n');
  }
}

/** A turn whose last message is a tool's belongs to a run that is under way. */
export function insideToolLoop(envelope: RequestEnvelope): boolean {
  return envelope.chat.messages.at(-1)?.role === 'tool';
}

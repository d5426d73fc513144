/**
 * Messages and tools of a chat request that were read before, known by the hash of their exact source (json/known-values.ts): the few facts every request needs
 * are remembered, the rest is read when somebody asks. What was found well-formed once is well-formed again. Holds roles, counts and tools'
 * names; no other text. Fails towards reading.
 */
import { KeyedMemory } from '../../classifiers/keyed-memory.ts';
import type { ChatMessage, ToolDeclaration } from '../chat.ts';
import type { Item, JsonDocument } from '../json/document.ts';
import { array, readTools } from './shape.ts';

export interface KnownMessage {
  readonly role: ChatMessage['role'];
  readonly calls: number;
  /** The message but for the name of the tool it answers, where it was read just now. */
  readonly message?: ChatMessage;
}

const messages = new KeyedMemory<KnownMessage>(40_000, 'openai-chat messages');
const tools = new KeyedMemory<readonly string[]>(1_000, 'openai-chat tools');

export function knownMessage(item: Item): KnownMessage | undefined {
  return item.digest === undefined ? undefined : messages.get(item.digest);
}

/** rememberMessage keeps what is plain: text and calls. Images, files and what nobody can read are looked at each time. */
export function rememberMessage(item: Item, message: ChatMessage): void {
  if (item.digest === undefined || !isPlain(item, message)) return;
  messages.set(item.digest, { role: message.role, calls: message.toolCalls.length });
}

function isPlain({ value }: Item, message: ChatMessage): boolean {
  const hasSound = typeof value === 'object' && value !== null && 'audio' in value;
  return value !== undefined && !hasSound && message.content.every((part) => part.kind === 'text');
}

/** isSeenPlain tells whether this is a message known to hold nothing but text and calls. */
export function isSeenPlain(message: ChatMessage | undefined): boolean {
  return message instanceof SeenMessage && message.isRemembered;
}

/** A message whose text is read when it is asked for (why a class: block-chat.ts). A copy by spreading would lose what is read later. */
export class SeenMessage implements ChatMessage {
  readonly role: ChatMessage['role'];
  readonly isRemembered: boolean;
  readonly #known: KnownMessage;
  readonly #readAgain: () => ChatMessage;

  constructor(known: KnownMessage, readAgain: () => ChatMessage) {
    this.role = known.role;
    this.isRemembered = known.message === undefined;
    this.#known = known;
    this.#readAgain = readAgain;
  }

  get content(): ChatMessage['content'] {
    return this.#here.content;
  }

  get toolCalls(): ChatMessage['toolCalls'] {
    return this.#known.calls === 0 ? [] : this.#readAgain().toolCalls;
  }

  get toolCallId(): string {
    return this.role === 'tool' ? this.#here.toolCallId : '';
  }

  get name(): string {
    return this.#readAgain().name;
  }

  get #here(): ChatMessage {
    return this.#known.message ?? this.#readAgain();
  }
}

/** toolsOf reads the declared tools; of those known by their hash only the names, until more is asked for. */
export function toolsOf(document: JsonDocument): readonly ToolDeclaration[] {
  const member = document.members.get('tools');
  const names = member?.leaves === undefined && member?.digest !== undefined ? tools.get(member.digest) : undefined;
  if (names === undefined) {
    const read = readTools(array(document.root, 'tools', ''));
    // Copies: a slice would keep the whole body alive for as long as the name is remembered.
    if (member?.digest !== undefined)
      tools.set(
        member.digest,
        read.map(({ name }) => Buffer.from(name).toString()),
      );
    return read;
  }
  const later = new LaterTools(document);
  return names.map((name, index) => new SeenTool(name, later, index));
}

/** All tools of a body, read when the first of them is asked for more than its name. */
class LaterTools {
  readonly #document: JsonDocument;
  #tools: readonly ToolDeclaration[] | undefined;

  constructor(document: JsonDocument) {
    this.#document = document;
  }

  at(index: number): ToolDeclaration | undefined {
    this.#tools ??= readTools(array(this.#document.root, 'tools', ''));
    return this.#tools[index];
  }
}

class SeenTool implements ToolDeclaration {
  readonly name: string;
  readonly #later: LaterTools;
  readonly #index: number;

  constructor(name: string, later: LaterTools, index: number) {
    this.name = name;
    this.#later = later;
    this.#index = index;
  }

  get description(): string {
    return this.#later.at(this.#index)?.description ?? '';
  }

  get parameters(): unknown {
    return this.#later.at(this.#index)?.parameters;
  }
}

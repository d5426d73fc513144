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

const plain = new WeakSet<ChatMessage>();

/** isPlain tells whether this is a message known to hold nothing but text and calls. */
export function isSeenPlain(message: ChatMessage | undefined): boolean {
  return message !== undefined && plain.has(message);
}

/** seenMessage is a message whose text is read when it is asked for. Own getters, so that a copy is a whole message. */
export function seenMessage(known: KnownMessage, read: () => ChatMessage): ChatMessage {
  const { role, calls } = known;
  const here = known.message;
  const message: ChatMessage = {
    role,
    get content() {
      return (here ?? read()).content;
    },
    get toolCalls() {
      return calls === 0 ? [] : read().toolCalls;
    },
    get toolCallId() {
      return role === 'tool' ? (here ?? read()).toolCallId : '';
    },
    get name() {
      return read().name;
    },
  };
  if (here === undefined) plain.add(message);
  return message;
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
  let read: readonly ToolDeclaration[] | undefined;
  const readAgain = (): readonly ToolDeclaration[] => (read ??= readTools(array(document.root, 'tools', '')));
  return names.map((name, index) => ({
    name,
    get description() {
      return readAgain()[index]?.description ?? '';
    },
    get parameters() {
      return readAgain()[index]?.parameters;
    },
  }));
}

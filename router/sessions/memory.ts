/**
 * The latch: a conversation that held sensitive data is recognised on every later turn by what it is made of, with no session header. Marked are
 * - chains: keyed digests over the messages from the first up to one at or after the sensitive turn;
 * - lines of the model's answers in such a conversation (48 characters and more), so that a summary put into a new conversation is known;
 * - ids of its tool calls where they name one conversation (identifying-id.ts), and header values that name the conversation.
 * Marks only rise. Forgetting is safe: the oldest fold into Bloom sets that over-report. Fails closed: a store that
 * cannot be read or written makes `recall` and `remember` reject with StoreFault.
 */
import { createHmac, hash } from 'node:crypto';
import { KeyedMemory } from '../../classifiers/keyed-memory.ts';
import type { ChatMessage } from '../chat.ts';
import { rankOf } from '../policy/rank.ts';
import type { BandStore } from './bands.ts';
import { identifyingId } from './identifying-id.ts';
import type { Mark, MarkStore } from './marks.ts';

export interface Remembered {
  readonly label: string;
  readonly maskable: boolean;
  /** Band of this conversation's last turn; undefined for one not seen before. */
  readonly band: 'simple' | 'complex' | undefined;
}

export interface SessionMemory {
  /** Rejects with StoreFault when nobody can tell. */
  recall(trace: ConversationTrace): Promise<Remembered>;
  /** Raises every mark of the trace from message `from` on, and the reply when there is one. Durable when it resolves; rejects with StoreFault when it cannot be kept. */
  remember(
    trace: ConversationTrace,
    label: string,
    options: { readonly from: number; readonly maskable: boolean },
  ): Promise<void>;
  rememberReply(
    trace: ConversationTrace,
    reply: { readonly text: string; readonly callIds: readonly string[] },
    label: string,
    maskable: boolean,
  ): Promise<void>;
  rememberBand(trace: ConversationTrace, band: 'simple' | 'complex'): void;
  readonly size: number;
}

/** atLeast joins what is remembered with what is known from elsewhere; labels only rise. */
export function atLeast(
  remembered: Remembered,
  floor: Pick<Remembered, 'label' | 'maskable'> | undefined,
  ladder: readonly string[],
): Remembered {
  if (floor === undefined) return remembered;
  const isHigher = rankOf(ladder, floor.label) > rankOf(ladder, remembered.label);
  return {
    ...remembered,
    label: isHigher ? floor.label : remembered.label,
    maskable: remembered.maskable && floor.maskable,
  };
}

/** What a request's conversation is known by. */
export interface ConversationTrace {
  readonly principal: string;
  /** One digest per message that is not system text: the chain up to it. */
  readonly chains: readonly string[];
  /** Index in the request's messages of each chain. */
  readonly positions: readonly number[];
  readonly lines: readonly string[];
  readonly ids: readonly string[];
  /** Name of the conversation for stable placeholders: the first chain, or the header's. */
  readonly root: string;
}

/** Shorter lines are common to unrelated conversations ("Here is the result:"), and would latch them all. */
const LINE_CHARS = 48;
/** Lines marked per answer and looked up per message; the rest of a longer text is known by its chain. */
const MAX_LINES = 2_000;

export function createSessionMemory(options: {
  readonly key: Buffer;
  readonly ladder: readonly string[];
  readonly marks: MarkStore;
  readonly bands: BandStore;
}): SessionMemory {
  const { ladder, marks, bands } = options;
  const rank = (label: string): number => {
    const index = ladder.indexOf(label);
    // A label the ladder lost in a reload ranks highest: it once meant something.
    return index === -1 ? ladder.length - 1 : index;
  };
  const bottom = ladder[0] ?? '';

  const join = (found: readonly Mark[], band: Remembered['band']): Remembered => {
    let label = bottom;
    let maskable = true;
    for (const mark of found) {
      if (rank(mark.label) === 0) continue;
      if (rank(mark.label) > rank(label)) label = mark.label;
      maskable &&= mark.maskable;
    }
    return { label, maskable, band };
  };

  return {
    async recall(trace) {
      const found = marks.find([...trace.chains, ...trace.lines, ...trace.ids]);
      return join(found instanceof Promise ? await found : found, await bands.find(trace.chains));
    },
    async remember(trace, label, { from, maskable }) {
      if (rank(label) === 0) return;
      const chains = trace.chains.filter((_, index) => (trace.positions[index] ?? 0) >= from);
      // Something sensitive outside the messages (a system prompt, tools) marks the whole conversation.
      await marks.raise([...(chains.length > 0 ? chains : trace.chains.slice(-1)), ...trace.ids], label, maskable);
    },
    async rememberReply(trace, reply, label, maskable) {
      if (rank(label) === 0) return;
      const digestOf = digester(options.key, trace.principal);
      const lines = longLines(reply.text).map((line) => digestOf('line', line));
      const ids = reply.callIds.flatMap((id) => callIdDigest(id, digestOf));
      const last = trace.chains.at(-1) ?? '';
      await marks.raise(
        [digestOf('chain', `${last}\nassistant\n${digestOf('text', reply.text.trim())}`), ...lines, ...ids],
        label,
        maskable,
      );
    },
    rememberBand(trace, band) {
      const last = trace.chains.at(-1);
      if (last !== undefined) bands.keep(last, band);
    },
    get size() {
      return marks.size;
    },
  };
}

/** What one message adds to a trace. */
interface MessageTrace {
  readonly text: string;
  readonly lines: readonly string[];
  readonly ids: readonly string[];
}

/** Digests of messages that agents send again with every turn, by principal and by the hash of the message's source. No text. */
const messageTraces = new KeyedMemory<MessageTrace>(20_000, 'traces');

function traceMessage(message: ChatMessage, digestOf: (kind: string, text: string) => string): MessageTrace {
  const text = message.content
    .map((part) => (part.kind === 'text' ? part.text : part.kind === 'image' ? part.url : part.type))
    .join('\n')
    .trim();
  const ids = [...message.toolCalls.map((call) => call.id), message.toolCallId].flatMap((id) =>
    callIdDigest(id, digestOf),
  );
  return { text: digestOf('text', text), lines: longLines(text).map((line) => digestOf('line', line)), ids };
}

/**
 * traceConversation digests what a request's conversation is known by. `ids` are header values that name it; `messageKeys` are keyed hashes of the
 * messages' sources, where they are known.
 */
export function traceConversation(
  key: Buffer,
  principal: string,
  messages: readonly ChatMessage[],
  ids: readonly string[],
  messageKeys: readonly (string | undefined)[] = [],
): ConversationTrace {
  const digestOf = digester(key, principal);
  const chains: string[] = [];
  const positions: number[] = [];
  const lines: string[] = [];
  const idDigests = ids.filter((id) => id !== '').map((id) => digestOf('id', id));
  const origin = digestOf('origin', '');
  let previous = '';
  messages.forEach((message, index) => {
    if (message.role === 'system') return;
    const key = messageKeys[index];
    // Traces are bound to the principal by their digests' secret, so the memory of them must be too.
    const name = `${origin}${key}`;
    const known = key === undefined ? undefined : messageTraces.get(name);
    const own = known ?? traceMessage(message, digestOf);
    if (known === undefined && key !== undefined) messageTraces.set(name, own);
    previous = digestOf('chain', `${previous}\n${message.role}\n${own.text}`);
    chains.push(previous);
    positions.push(index);
    lines.push(...own.lines);
    idDigests.push(...own.ids);
  });
  return {
    principal,
    chains,
    positions,
    lines,
    ids: idDigests,
    root: ids.find((id) => id !== '') === undefined ? (chains[0] ?? '') : (idDigests[0] ?? ''),
  };
}

/** The digest a tool call's id is marked by; none when it does not name one conversation. */
function callIdDigest(id: string, digestOf: (kind: string, text: string) => string): readonly string[] {
  const plain = identifyingId(id);
  return plain === '' ? [] : [digestOf('id', plain)];
}

function longLines(text: string): readonly string[] {
  if (text.length < LINE_CHARS) return [];
  return text
    .split('\n', MAX_LINES)
    .map((line) => line.trim())
    .filter((line) => line.length >= LINE_CHARS);
}

/** Secrets of principals by installation key: an HMAC a request adds up. Principals are few and come from the configuration. */
const secrets = new WeakMap<Buffer, Map<string, string>>();
const MAX_SECRETS = 10_000;

function secretOf(key: Buffer, principal: string): string {
  let known = secrets.get(key);
  if (known === undefined || known.size > MAX_SECRETS) secrets.set(key, (known = new Map()));
  let secret = known.get(principal);
  if (secret === undefined) known.set(principal, (secret = createHmac('sha256', key).update(principal).digest('hex')));
  return secret;
}

/** Keyed by a per-principal secret prefix, so that one principal's marks say nothing about another's. */
function digester(key: Buffer, principal: string): (kind: string, text: string) => string {
  const secret = secretOf(key, principal);
  return (kind, text) => hash('sha256', `${secret}\n${kind}\n${text}\n${secret}`);
}

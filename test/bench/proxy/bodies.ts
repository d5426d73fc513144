/** Request bodies that are not all alike: words drawn from a list with a seed, agent turns with tools, code and JSON. Clean, so that every proxy forwards them. */
const WORDS =
  `the a of to and in that is for with as this by on are be it from or at which when each value result should compare explain
 describe stream request queue worker retry index table column merge branch commit function module import export buffer cache lock thread event
 handler parser token scanner graph node edge weight path search order price stock garden river cloud window bridge engine motor paper glass stone
 wooden silver quiet early modern ancient simple complex narrow broad careful sudden gentle steady bright heavy light open closed`.split(
    /\s+/,
  );

/** Sentences begin with these: a capital on any other word is a name to whoever looks for names. */
const STARTERS = ['The', 'When', 'Each', 'For', 'If', 'This', 'With', 'From', 'In', 'As'];

export function seeded(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

export function prose(chars: number, random: () => number): string {
  const parts: string[] = [];
  for (let length = 0, inSentence = 0; length < chars; inSentence += 1) {
    let word = WORDS[Math.floor(random() * WORDS.length)] ?? 'the';
    if (inSentence === 0) word = STARTERS[Math.floor(random() * STARTERS.length)] ?? 'The';
    if (random() < 0.08) {
      word += '.';
      inSentence = -1;
    }
    parts.push(word);
    length += word.length + 1;
  }
  return parts.join(' ').slice(0, chars);
}

export function code(chars: number, random: () => number): string {
  const lines: string[] = [];
  const word = (): string => WORDS[Math.floor(random() * WORDS.length)] ?? 'x';
  for (let length = 0; length < chars; length += lines.at(-1)?.length ?? 1) {
    lines.push(
      random() < 0.3
        ? `export function ${word()}${word()}(${word()}: string, ${word()} = ${Math.floor(random() * 1000)}): number {`
        : random() < 0.5
          ? `  const ${word()} = ${word()}.${word()}(${word()}) ?? [${Math.floor(random() * 99)}, '${word()}'];`
          : `  if (${word()}.${word()} !== ${word()}) return ${word()}({ ${word()}: ${word()}, ${word()}: "${word()}" }); // ${word()} ${word()}`,
    );
  }
  return lines.join('\n').slice(0, chars);
}

export function log(chars: number, random: () => number): string {
  const lines: string[] = [];
  for (let length = 0; length < chars; length += lines.at(-1)?.length ?? 1) {
    lines.push(
      JSON.stringify({
        at: `2026-11-${10 + Math.floor(random() * 18)}T0${Math.floor(random() * 9)}:1${Math.floor(random() * 9)}:42.${100 + Math.floor(random() * 800)}Z`,
        level: 'info',
        ms: Math.floor(random() * 5000),
        id: Math.floor(random() * 1e9).toString(36),
        msg: prose(40, random),
      }),
    );
  }
  return lines.join('\n').slice(0, chars);
}

const ASK =
  'Prove step by step that the design terminates, derive its worst case, compare three alternatives and refactor it: ';

export type Shape =
  | 'chat-2k'
  | 'chat-2k-masked'
  | 'chat-2k-local'
  | 'english-60k'
  | 'agent-60k'
  | 'agent-60k-seen'
  | 'history-300k';

export interface BodyOptions {
  readonly stream: boolean;
  /** Between two chunks of the stream, in milliseconds; see upstream.ts. */
  readonly gapMs: number;
}

export const WHOLE: BodyOptions = { stream: false, gapMs: 0 };

/**
 * bodyOf makes request number `index` of a shape; no two are alike. `agent-60k-seen` keeps system prompt, tools and history equal and changes the last turn, as
 * agents do. `-masked` holds an address that may go out masked, `-local` a card number that may not.
 */
export function bodyOf(shape: Shape, index: number, options: BodyOptions = WHOLE): Buffer {
  const random = seeded(index * 7919 + 13);
  const { messages, more } = contentOf(shape, random);
  const stream = options.stream ? { stream: true, ...(options.gapMs > 0 ? { seed: options.gapMs } : {}) } : {};
  return Buffer.from(JSON.stringify({ model: 'auto', messages, ...more, ...stream }));
}

interface Content {
  readonly messages: readonly object[];
  readonly more?: object;
}

function contentOf(shape: Shape, random: () => number): Content {
  switch (shape) {
    case 'chat-2k':
      return chat('', random);
    case 'chat-2k-masked':
      return chat(
        `Write to ${pick(random)}.${pick(random)}${Math.floor(random() * 1000)}@acme-mail.com about it. `,
        random,
      );
    case 'chat-2k-local':
      return chat('It was paid with the credit card 4111 1111 1111 1111 yesterday. ', random);
    case 'english-60k':
      return { messages: [{ role: 'user', content: ASK + prose(60_000, random) }] };
    case 'agent-60k':
      return agent(random, random);
    case 'agent-60k-seen':
      return agent(seeded(4711), random);
    case 'history-300k':
      return {
        messages: Array.from({ length: 61 }, (_, each) => ({
          role: each % 2 === 0 ? 'user' : 'assistant',
          content: ASK + prose(4_900, random),
        })),
      };
  }
}

const pick = (random: () => number): string => WORDS[Math.floor(random() * WORDS.length)] ?? 'word';

function chat(more: string, random: () => number): Content {
  return {
    messages: [
      { role: 'system', content: prose(300, random) },
      { role: 'user', content: ASK + more + prose(1500, random) },
    ],
  };
}

function agent(prefix: () => number, last: () => number): Content {
  const tools = Array.from({ length: 18 }, (_, index) => ({
    type: 'function',
    function: {
      name: `tool_${index}`,
      description: prose(600, prefix),
      parameters: {
        type: 'object',
        properties: Object.fromEntries(
          Array.from({ length: 6 }, (_, each) => [`field_${each}`, { type: 'string', description: prose(90, prefix) }]),
        ),
        required: ['field_0'],
      },
    },
  }));
  const messages: object[] = [{ role: 'system', content: prose(9_000, prefix) }];
  for (let index = 0; index < 5; index += 1) {
    const id = `call_${Array.from({ length: 24 }, () => Math.floor(prefix() * 36).toString(36)).join('')}`;
    messages.push({ role: 'user', content: prose(400, prefix) });
    messages.push({
      role: 'assistant',
      content: null,
      tool_calls: [
        {
          id,
          type: 'function',
          function: { name: `tool_${index}`, arguments: JSON.stringify({ field_0: prose(60, prefix) }) },
        },
      ],
    });
    messages.push({
      role: 'tool',
      tool_call_id: id,
      content: index % 2 === 0 ? code(3_000, prefix) : log(3_000, prefix),
    });
  }
  messages.push({ role: 'user', content: ASK + prose(300, last) });
  return { messages, more: { tools } };
}

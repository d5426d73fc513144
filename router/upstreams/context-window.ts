/**
 * How long a prompt is in tokens, without a tokenizer: a floor that no tokenizer goes under and a ceiling that hardly
 * any goes over. Below the floor a count proves that part of the prompt was dropped; a prompt whose floor is over the
 * window cannot fit. Between the two only the server knows.
 */
import type { ChatRequest } from '../chat.ts';

export interface TokenEstimate {
  readonly atLeast: number;
  readonly atMost: number;
}

/** Roles and separators the chat template adds to each message. */
const TOKENS_PER_MESSAGE = 8;
/** Vision encoders spend 256 to some 1,600 tokens on an image. */
const TOKENS_PER_IMAGE = 1_600;

export function estimateTokens(chat: ChatRequest): TokenEstimate {
  let atLeast = 0;
  let atMost = 0;
  const count = (text: string): void => {
    const size = measure(text);
    atLeast += size.words;
    atMost += size.ascii / 3 + size.other * 1.5;
  };
  for (const message of chat.messages) {
    atMost += TOKENS_PER_MESSAGE;
    for (const part of message.content) {
      if (part.kind === 'text') count(part.text);
      else if (part.kind === 'image') atMost += TOKENS_PER_IMAGE;
    }
    // Templates re-serialise calls and re-type tools; both count for the ceiling only.
    for (const call of message.toolCalls) atMost += call.name.length / 3 + call.arguments.length / 3;
  }
  for (const tool of chat.tools)
    atMost += (tool.name.length + tool.description.length + JSON.stringify(tool.parameters ?? {}).length) / 3;
  return { atLeast: Math.floor(atLeast), atMost: Math.ceil(atMost) };
}

/**
 * Tokenizers split before they merge, and none merges letters across a space or a dot: every run of letters or digits is one token or more.
 * In scripts without spaces a token is rarely longer than four characters.
 */
function measure(text: string): { readonly words: number; readonly ascii: number; readonly other: number } {
  let words = 0;
  let unspaced = 0;
  let other = 0;
  let inWord = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 127) other += 1;
    if (code >= 0x2e80) {
      if (code < 0xd800) unspaced += 1;
      inWord = false;
    } else if (
      (code >= 97 && code <= 122) ||
      (code >= 65 && code <= 90) ||
      (code >= 48 && code <= 57) ||
      (code >= 0xc0 && code < 0x2000)
    ) {
      if (!inWord) words += 1;
      inWord = true;
    } else if (code !== 39 && code !== 0x2019) {
      // An apostrophe stays inside its word: "don't" may be one token.
      inWord = false;
    }
  }
  return { words: words + unspaced / 4, ascii: text.length - other, other };
}

/** Slack for templates that leave parts of the history out, such as the thinking of earlier turns. */
const COUNTED_SHARE = 0.85;
/** Under it a prompt is too short for a count to mean anything. */
const SMALLEST_JUDGED = 64;

/**
 * readTooLittle tells whether the server counts fewer tokens than it was sent. That alone proves nothing: some servers
 * leave out what their prefix cache held, and a count of 0 was not given at all. It is truncation when the prompt may
 * not have fitted the window as well.
 */
export function readTooLittle(estimate: TokenEstimate, promptTokens: number): boolean {
  return promptTokens > 0 && estimate.atLeast >= SMALLEST_JUDGED && promptTokens < estimate.atLeast * COUNTED_SHARE;
}

/** mayOverflow tells whether the prompt could have been longer than `window`. */
export function mayOverflow(estimate: TokenEstimate, window: number): boolean {
  return estimate.atMost > window;
}

export interface WindowLimits {
  readonly contextTokens: number;
  readonly maxContextTokens: number;
  readonly overflow: 'refuse' | 'raise-window';
  /** What the model was trained with; Ollama caps every window to it. 0 when unknown. */
  readonly trainedTokens: number;
}

/** What the answer gets of the window when the client set no limit; at most a quarter of it. */
const ANSWER_TOKENS = 1_024;

/**
 * A model's window over time. Changing num_ctx reloads the model, so it grows only by doubling, only under raise-window,
 * and a raised one stays until it was not needed for a while.
 */
export class ContextWindow {
  readonly #raised = new Map<string, { tokens: number; neededAtMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** choose gives the window to ask for, or `too-long` when the prompt fits none. */
  choose(
    model: string,
    estimate: TokenEstimate,
    maxTokens: number | undefined,
    limits: WindowLimits,
  ): number | 'too-long' {
    const ceiling = cap(
      limits.overflow === 'raise-window'
        ? Math.max(limits.contextTokens, limits.maxContextTokens)
        : limits.contextTokens,
      limits,
    );
    const base = Math.min(limits.contextTokens, ceiling);
    if (estimate.atLeast > ceiling) return 'too-long';
    if (limits.overflow === 'refuse') return base;
    const needed = estimate.atMost + Math.min(maxTokens ?? ANSWER_TOKENS, ANSWER_TOKENS, base / 4);
    let tokens = base;
    while (tokens < needed && tokens < ceiling) tokens = Math.min(tokens * 2, ceiling);
    const held = this.#raised.get(model);
    if (tokens === base && held !== undefined && this.#now() - held.neededAtMs < RAISED_FOR_MS)
      return Math.min(held.tokens, ceiling);
    if (tokens > base) this.#remember(model, Math.max(tokens, held?.tokens ?? 0));
    return Math.min(Math.max(tokens, held !== undefined && tokens > base ? held.tokens : 0), ceiling);
  }

  /** larger is the next step after the server found a window too small; undefined when there is none. */
  larger(model: string, tokens: number, limits: WindowLimits): number | undefined {
    if (limits.overflow === 'refuse') return undefined;
    const ceiling = cap(Math.max(limits.contextTokens, limits.maxContextTokens), limits);
    if (tokens >= ceiling) return undefined;
    const next = Math.min(tokens * 2, ceiling);
    this.#remember(model, next);
    return next;
  }

  #remember(model: string, tokens: number): void {
    // Names come from the catalogue; the bound is for a server that invents them.
    if (this.#raised.size > 256) this.#raised.clear();
    this.#raised.set(model, { tokens, neededAtMs: this.#now() });
  }
}

/** A raised window takes memory; it is given back when nothing needed it for this long. */
const RAISED_FOR_MS = 600_000;

function cap(tokens: number, limits: WindowLimits): number {
  return limits.trainedTokens > 0 ? Math.min(tokens, limits.trainedTokens) : tokens;
}

/**
 * Ollama's native NDJSON into reply events. Fails closed: a frame that says another host made it ends the reply before
 * its content is passed on; a line that is no frame, an error line, and an end without `done` are errors, never a
 * shorter answer.
 */
import { randomBytes } from 'node:crypto';
import type { FinishReason, ReplyEvent } from '../chat.ts';
import { codeOfStatus, type FailureCode } from './failure.ts';
import { fieldsOf, isFields, textOf } from './json-fields.ts';

export interface NativeFrame {
  readonly model: string;
  readonly createdSeconds: number;
  readonly content: string;
  readonly thinking: string;
  readonly toolCalls: readonly NativeToolCall[];
  /** Undefined when the frame has none. */
  readonly logprobs: readonly unknown[] | undefined;
  readonly done: boolean;
  readonly doneReason: string;
  /** Zero counters are left out on the wire: 0 also means not given. */
  readonly promptTokens: number;
  readonly outputTokens: number;
}

interface NativeToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

export type ReadFrame =
  | { readonly kind: 'frame'; readonly frame: NativeFrame }
  | { readonly kind: 'failed'; readonly code: FailureCode };

/** readFrame reads one line. */
export function readFrame(line: string): ReadFrame {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { kind: 'failed', code: 'upstream_malformed' };
  }
  if (!isFields(value)) return { kind: 'failed', code: 'upstream_malformed' };
  const fields = value;
  if (fields['error'] !== undefined) return { kind: 'failed', code: explainOllama(500, line) };
  // Present at all means that somebody else's machine made this; what it says does not matter.
  if (isSaid(fields['remote_host']) || isSaid(fields['remote_model']))
    return { kind: 'failed', code: 'model_not_local' };
  const done = fields['done'] === true;
  const message = fields['message'] === undefined && done ? {} : fields['message'];
  if (!isFields(message)) return { kind: 'failed', code: 'upstream_malformed' };
  const content = message['content'] ?? '';
  const thinking = message['thinking'] ?? '';
  if (typeof content !== 'string' || typeof thinking !== 'string')
    return { kind: 'failed', code: 'upstream_malformed' };
  const toolCalls = readCalls(message['tool_calls']);
  if (toolCalls === undefined) return { kind: 'failed', code: 'upstream_malformed' };
  return {
    kind: 'frame',
    frame: {
      model: shortText(fields['model']),
      createdSeconds: Math.max(0, Math.floor((Date.parse(shortText(fields['created_at'])) || Date.now()) / 1000)),
      content,
      thinking,
      toolCalls,
      logprobs: Array.isArray(fields['logprobs']) && fields['logprobs'].length > 0 ? fields['logprobs'] : undefined,
      done,
      doneReason: shortText(fields['done_reason']),
      promptTokens: counter(fields['prompt_eval_count']),
      outputTokens: counter(fields['eval_count']),
    },
  };
}

function readCalls(value: unknown): readonly NativeToolCall[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const calls: NativeToolCall[] = [];
  for (const each of value as readonly unknown[]) {
    const call = fieldsOf(each);
    const called = fieldsOf(call['function']);
    const name = called['name'];
    if (typeof name !== 'string' || name === '') return undefined;
    const given = called['arguments'] ?? {};
    calls.push({
      id: shortText(call['id']),
      name,
      arguments: typeof given === 'string' ? given : JSON.stringify(given),
    });
  }
  return calls;
}

/** Turns the frames of one choice into events. It ends with `finish`; start, usage and end belong to the whole reply. */
export class ChoiceReader {
  readonly #choice: number;
  readonly #ids: Set<string>;
  #calls = 0;

  /** `ids` is shared by the choices of a reply, so that no call id comes twice. */
  constructor(choice: number, ids: Set<string>) {
    this.#choice = choice;
    this.#ids = ids;
  }

  /** events of one frame, in the order a reader needs them: thinking before content before calls. The last frame may carry content and calls too. */
  *events(frame: NativeFrame): Generator<ReplyEvent, void, undefined> {
    const choice = this.#choice;
    if (frame.thinking !== '') yield { kind: 'reasoning', choice, text: frame.thinking };
    if (frame.content !== '') yield { kind: 'text', choice, text: frame.content };
    if (frame.logprobs !== undefined)
      yield { kind: 'logprobs', choice, value: { content: frame.logprobs, refusal: null } };
    for (const call of frame.toolCalls) {
      // Older servers number every call 0, so the order counts.
      const index = this.#calls;
      this.#calls += 1;
      yield { kind: 'tool-call', choice, index, id: this.#id(call.id), name: call.name };
      yield { kind: 'tool-arguments', choice, index, text: call.arguments };
    }
    if (frame.done) yield { kind: 'finish', choice, reason: this.#reason(frame.doneReason) };
  }

  /** Tool calls end with `stop` here; a cut answer stays cut. */
  #reason(doneReason: string): FinishReason {
    if (doneReason === 'length') return 'length';
    return this.#calls > 0 ? 'tool-calls' : 'stop';
  }

  #id(given: string): string {
    const id =
      /^[A-Za-z0-9_-]{1,64}$/.test(given) && !this.#ids.has(given) ? given : `call_${randomBytes(12).toString('hex')}`;
    this.#ids.add(id);
    return id;
  }
}

/** explainOllama turns a refusal, or an error line, into a code. Its errors are plain strings, some with no status of their own. */
export function explainOllama(status: number, body: string): FailureCode {
  const words = errorText(body).toLowerCase();
  if (
    /exceeds? the (?:available )?context|context (?:size|length|window)|input length exceeds|prompt is too long|no user query found/.test(
      words,
    )
  )
    return 'context_too_long';
  // Sign-in and "cloud is disabled" are only ever about models that run at ollama.com; a bare 401 is some gateway's.
  if (
    (status === 401 && /unauthorized|sign.?in/.test(words)) ||
    (status === 403 && /cloud|remote|sign.?in/.test(words))
  )
    return 'model_not_local';
  if (/does not support/.test(words)) return 'unsupported_by_model';
  if (/model ["'].{0,200}["'] not found/.test(words)) return 'model_not_found';
  if (/server busy|maximum pending requests|more system memory/.test(words)) return 'upstream_overloaded';
  return codeOfStatus(status);
}

function errorText(body: string): string {
  try {
    const error: unknown = fieldsOf(JSON.parse(body))['error'];
    return typeof error === 'string' ? error : JSON.stringify(error ?? '');
  } catch {
    return '';
  }
}

/** Names, times and ids are short; a longer one is something else. */
function shortText(value: unknown): string {
  const text = textOf(value);
  return text.length <= 512 ? text : '';
}

function counter(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

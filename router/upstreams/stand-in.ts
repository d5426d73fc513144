/**
 * The demo's built-in models: a local and a cloud one, so that a first start needs neither Ollama nor a key. They open
 * no socket. The cloud one still takes only Cleared, checked, and answers in OpenAI's own bytes, so that the demo walks
 * the same road as the real thing. Every answer begins with its label.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { StandInUpstream } from '../../config/upstream-schema.ts';
import type { ChatRequest, ReplyEvent } from '../chat.ts';
import { admit } from './admit.ts';
import { failure, UpstreamError } from './failure.ts';
import { fieldsOf, listOf, textOf } from './json-fields.ts';
import { standInAnswer, type StandInAnswer, type StandInView } from './stand-in-answer.ts';
import type { CloudUpstream, LocalUpstream, ReplyBytes } from './upstream.ts';

type Config = z.infer<typeof StandInUpstream>;

export interface StandInPace {
  /** Between pieces of a streamed answer, so that a person sees it stream. */
  readonly pieceMs: number;
}

const PACE: StandInPace = { pieceMs: 10 };

export function createLocalStandIn(config: Config, pace: StandInPace = PACE): LocalUpstream {
  return {
    kind: 'local',
    name: config.name,
    standIn: true,
    send: (chat, { signal }) => localEvents(config, chat, pace, signal),
    models: () =>
      Promise.resolve({
        kind: 'models',
        models: [{ id: config.model, ownedBy: 'sluice-stand-in', createdSeconds: 0 }],
      }),
    // Made-up vectors would be taken for real ones.
    embed: () => Promise.resolve({ kind: 'failed', failure: failure(config.name, 'unsupported_by_model', false) }),
    close: () => Promise.resolve(),
  };
}

export function createCloudStandIn(config: Config, pace: StandInPace = PACE): CloudUpstream {
  return {
    kind: 'cloud',
    name: config.name,
    standIn: true,
    wire: 'openai-chat',
    models: [config.model],
    defaultModel: config.model,
    async send(cleared, { signal }) {
      admit(cleared, config.name);
      if (signal.aborted) return { kind: 'failed', failure: failure(config.name, 'aborted', false) };
      const asked = fieldsOf(JSON.parse(cleared.body));
      const answers = Array.from({ length: choicesOf(asked['n']) }, () => standInAnswer('cloud', viewOfBody(asked)));
      const base = {
        id: `chatcmpl-${randomBytes(12).toString('hex')}`,
        created: Math.floor(Date.now() / 1000),
        model: config.model,
      };
      const includeUsage = fieldsOf(asked['stream_options'])['include_usage'] === true;
      const lines = cleared.stream ? chunks(base, answers, includeUsage) : [JSON.stringify(completion(base, answers))];
      const headers = { 'content-type': cleared.stream ? 'text/event-stream; charset=utf-8' : 'application/json' };
      return { kind: 'response', status: 200, headers, body: new PacedBytes(lines, config.name, pace, signal) };
    },
    close: () => Promise.resolve(),
  };
}

async function* localEvents(
  config: Config,
  chat: ChatRequest,
  pace: StandInPace,
  signal: AbortSignal,
): AsyncGenerator<ReplyEvent, void, undefined> {
  const aborted: ReplyEvent = { kind: 'error', failure: failure(config.name, 'aborted', true) };
  yield {
    kind: 'start',
    id: `chatcmpl-${randomBytes(12).toString('hex')}`,
    model: config.model,
    createdSeconds: Math.floor(Date.now() / 1000),
  };
  let inputTokens = 0;
  let outputTokens = 0;
  for (let choice = 0; choice < choicesOf(chat.choices); choice += 1) {
    const answer = standInAnswer('local', viewOfChat(chat));
    for (const piece of piecesOf(answer.text)) {
      if (signal.aborted) return yield aborted;
      yield { kind: 'text', choice, text: piece };
      if (chat.stream) await sleep(pace.pieceMs);
    }
    if (answer.call !== undefined) {
      yield { kind: 'tool-call', choice, index: 0, id: answer.call.id, name: answer.call.name };
      for (const piece of piecesOf(answer.call.arguments))
        yield { kind: 'tool-arguments', choice, index: 0, text: piece };
    }
    yield { kind: 'finish', choice, reason: answer.finish };
    inputTokens = answer.inputTokens;
    outputTokens += answer.outputTokens;
  }
  if (signal.aborted) return yield aborted;
  yield { kind: 'usage', usage: { inputTokens, outputTokens, cachedInputTokens: 0, reasoningTokens: 0 } };
  yield { kind: 'end' };
}

/** Lines as a reply's bytes, at a pace. An abort ends them as it ends the door's. */
class PacedBytes implements ReplyBytes {
  readonly #bytes: AsyncGenerator<Buffer, void, undefined>;

  constructor(lines: Iterable<string>, upstream: string, pace: StandInPace, signal: AbortSignal) {
    this.#bytes = paced(lines, upstream, pace, signal);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    return this.#bytes;
  }

  destroy(): void {
    void this.#bytes.return();
  }
}

async function* paced(
  lines: Iterable<string>,
  upstream: string,
  pace: StandInPace,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  let isFirst = true;
  for (const line of lines) {
    if (!isFirst) await sleep(pace.pieceMs);
    isFirst = false;
    if (signal.aborted) throw new UpstreamError(failure(upstream, 'aborted', true));
    yield Buffer.from(line);
  }
}

/** A few words at a time, cut anywhere in a placeholder or a word: what reads this must not depend on where tokens end. */
function piecesOf(text: string): readonly string[] {
  return text.match(/[\s\S]{1,14}/gu) ?? [];
}

/** More would be a way to make the demo busy. */
const MOST_CHOICES = 8;

function choicesOf(asked: unknown): number {
  return typeof asked === 'number' && asked > 1 ? Math.min(Math.floor(asked), MOST_CHOICES) : 1;
}

function viewOfChat(chat: ChatRequest): StandInView {
  const names = new Map(
    chat.messages.flatMap((message) => message.toolCalls.map((call) => [call.id, call.name] as const)),
  );
  return {
    messages: chat.messages.map((message) => ({
      role: message.role,
      text: message.content.map((part) => (part.kind === 'text' ? part.text : `(${part.kind})`)).join('\n'),
      name: message.name === '' ? (names.get(message.toolCallId) ?? '') : message.name,
    })),
    tools: chat.tools.map((tool) => ({ name: tool.name, parameters: tool.parameters })),
    toolChoice: chat.toolChoice,
    wantsJson: chat.responseFormat.kind !== 'text',
    maxTokens: chat.sampling.maxTokens,
  };
}

/** The same view of an OpenAI body. It was read and classified before it was cleared; here anything odd is just left out. */
function viewOfBody(asked: Readonly<Record<string, unknown>>): StandInView {
  const messages = listOf(asked['messages']).map(fieldsOf);
  const names = new Map(
    messages
      .flatMap((message) => listOf(message['tool_calls']).map(fieldsOf))
      .map((call) => [textOf(call['id']), textOf(fieldsOf(call['function'])['name'])]),
  );
  const limit = asked['max_completion_tokens'] ?? asked['max_tokens'];
  const format = fieldsOf(asked['response_format'])['type'];
  return {
    messages: messages.map((message) => ({
      role: textOf(message['role']),
      text: contentOf(message['content']),
      name: textOf(message['name']) || (names.get(textOf(message['tool_call_id'])) ?? ''),
    })),
    tools: listOf(asked['tools'])
      .map((tool) => fieldsOf(fieldsOf(tool)['function']))
      .map((tool) => ({ name: textOf(tool['name']), parameters: tool['parameters'] })),
    toolChoice: toolChoiceOf(asked['tool_choice']),
    wantsJson: format === 'json_object' || format === 'json_schema',
    maxTokens: typeof limit === 'number' ? limit : undefined,
  };
}

function toolChoiceOf(choice: unknown): StandInView['toolChoice'] {
  if (choice === 'none' || choice === 'required') return { kind: choice };
  const name = textOf(fieldsOf(fieldsOf(choice)['function'])['name']);
  return name === '' ? { kind: 'auto' } : { kind: 'tool', name };
}

function contentOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => textOf(fieldsOf(part)['text']))
    .join('\n');
}

interface Base {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

const FINISH = { stop: 'stop', length: 'length', 'tool-calls': 'tool_calls' } as const;

function completion(base: Base, answers: readonly StandInAnswer[]): unknown {
  const choices = answers.map((answer, index) => ({
    index,
    message: {
      role: 'assistant',
      content: answer.call === undefined ? answer.text : null,
      refusal: null,
      ...callsOf(answer),
    },
    logprobs: null,
    finish_reason: FINISH[answer.finish],
  }));
  return { ...base, object: 'chat.completion', choices, usage: usageOf(answers) };
}

function* chunks(
  base: Base,
  answers: readonly StandInAnswer[],
  includeUsage: boolean,
): Generator<string, void, undefined> {
  const line = (more: object): string =>
    `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', ...more })}\n\n`;
  for (const [index, answer] of answers.entries()) {
    const delta = (change: object, finish: string | null): string =>
      line({ choices: [{ index, delta: change, logprobs: null, finish_reason: finish }] });
    yield delta({ role: 'assistant', content: answer.call === undefined ? '' : null }, null);
    for (const piece of piecesOf(answer.text)) yield delta({ content: piece }, null);
    if (answer.call !== undefined) {
      yield delta(
        {
          tool_calls: [
            { index: 0, id: answer.call.id, type: 'function', function: { name: answer.call.name, arguments: '' } },
          ],
        },
        null,
      );
      for (const piece of piecesOf(answer.call.arguments))
        yield delta({ tool_calls: [{ index: 0, function: { arguments: piece } }] }, null);
    }
    yield delta({}, FINISH[answer.finish]);
  }
  if (includeUsage) yield line({ choices: [], usage: usageOf(answers) });
  yield 'data: [DONE]\n\n';
}

function callsOf(answer: StandInAnswer): object {
  if (answer.call === undefined) return {};
  const { id, name, arguments: given } = answer.call;
  return { tool_calls: [{ id, type: 'function', function: { name, arguments: given } }] };
}

function usageOf(answers: readonly StandInAnswer[]): object {
  const read = answers[0]?.inputTokens ?? 0;
  const written = answers.reduce((sum, answer) => sum + answer.outputTokens, 0);
  return { prompt_tokens: read, completion_tokens: written, total_tokens: read + written };
}

/**
 * OpenAI's legacy /completions: a prompt is asked as a chat of one user message, since nothing else is left that answers; several prompts are read as one request here and asked one by one
 * (pipeline/serve-completions.ts). Fails closed: what a chat cannot honour (a suffix, token numbers, the best of several) is a problem, never dropped in silence.
 */
import type { ChatRequest, Sampling } from '../chat.ts';
import type { JsonDocument, JsonObject, JsonValue } from '../json/document.ts';
import { editRoot, toJsonText } from '../json/splice.ts';
import { plainChat, textMessage } from '../plain-chat.ts';
import { readStop } from './openai-chat-shape.ts';
import { createOpenAICompletionsWriter } from './openai-completions-writer.ts';
import { openaiErrorReply } from './openai-error.ts';
import type { Protocol, ReadChat } from './protocol.ts';
import { collectSegments, type Placement } from './segments.ts';
import { boolean, fail, isObject, number, refuseLookAlikes, string, withoutFault } from './shape.ts';

const BODY_NAMES = new Set('model prompt suffix echo stream stream_options n best_of logprobs user'.split(' '));
const ROOT: Placement = {
  role: 'meta',
  talk: new Set(['prompt', 'suffix']),
  unread: 'none',
  roles: new Map([
    ['prompt', 'user'],
    ['suffix', 'user'],
  ]),
};
const PROMPTS: Placement = { role: 'user', talk: 'all', unread: 'none' };
const META: Placement = { role: 'meta', talk: 'none', unread: 'none' };

/** What the wire takes when the client says nothing. */
const DEFAULT_MAX_TOKENS = 16;

/** createOpenAICompletions makes one request's protocol: `echo` gives the prompt back as the client sent it, whatever a cloud was shown. */
export function createOpenAICompletions(): Protocol {
  let echoed: readonly string[] | undefined;
  let choices = 1;
  return {
    name: 'openai-completions',
    idPrefix: 'cmpl-',
    keepAlive: ': sluice is waiting for the model\n\n',
    createWriter: (sink, options) =>
      createOpenAICompletionsWriter(sink, options, (choice) => echoed?.[Math.floor(choice / choices)] ?? ''),
    errorReply: openaiErrorReply,
    read(document) {
      const read = readCompletion(document);
      if (read.kind === 'chat') {
        choices = read.chat.choices;
        echoed ??= document.root['echo'] === true ? promptsOf(document.root) : [];
      }
      return read;
    },
    // A completion has no place for a call, so there are no tools to offer.
    withTools: (document) => document.source,
    withToolRound: (document) => document.source,
    withPreface: (document, text) =>
      editRoot(document, { set: { prompt: toJsonText(`${text}\n\n${promptsOf(document.root).join('\n\n')}`) } }),
  };
}

function readCompletion(document: JsonDocument): ReadChat {
  return withoutFault(() => {
    const body = document.root;
    refuseLookAlikes(body, BODY_NAMES, '');
    if ((body['suffix'] ?? null) !== null && body['suffix'] !== '') fail('unsupported_value', '/suffix');
    const choices = number(body, 'n', { min: 1, max: 128, whole: true }) ?? 1;
    if ((number(body, 'best_of', { min: 0, max: 20, whole: true }) ?? choices) > choices)
      fail('unsupported_value', '/best_of');
    boolean(body, 'echo', false);
    const options = body['stream_options'] ?? null;
    if (options !== null && !isObject(options)) fail('wrong_type', '/stream_options');
    const chat: ChatRequest = {
      ...plainChat(promptsOf(body).map((text) => textMessage('user', text))),
      parallelToolCalls: true,
      stream: boolean(body, 'stream', false),
      includeUsage: isObject(options) ? boolean(options, 'include_usage', false, '/stream_options') : false,
      choices,
      sampling: readSampling(body),
    };
    const collected = collectSegments(document, (container) =>
      container.parent === null ? ROOT : container.pointer === '/prompt' ? PROMPTS : META,
    );
    return {
      kind: 'chat',
      model: string(body, 'model', '') || 'auto',
      chat,
      segments: collected.segments,
      gaps: collected.gaps,
      where: {
        messageAt(pointer) {
          const match = /^\/prompt(?:\/(\d+))?(?:#|$)/.exec(pointer);
          return match === null ? undefined : Number(match[1] ?? 0);
        },
        isInCall: () => false,
      },
    };
  });
}

/** More would hold a reply open for longer than any client waits. */
const MOST_PROMPTS = 64;

/** promptsOf gives the prompts of a request, one or several. Token numbers are of one model's alphabet, which nobody here can read. */
export function promptsOf(body: JsonObject): readonly string[] {
  const prompt = body['prompt'] ?? null;
  if (prompt === null) return fail('missing_field', '/prompt');
  if (typeof prompt === 'string') return [prompt];
  if (!Array.isArray(prompt)) return fail('wrong_type', '/prompt');
  const prompts = prompt as readonly JsonValue[];
  if (prompts.length === 0 || prompts.length > MOST_PROMPTS) fail('out_of_range', '/prompt');
  return prompts.map((each, index) =>
    typeof each === 'string'
      ? each
      : fail(typeof each === 'number' || Array.isArray(each) ? 'tokens_unreadable' : 'wrong_type', `/prompt/${index}`),
  );
}

function readSampling(body: JsonObject): Sampling {
  const logprobs = number(body, 'logprobs', { min: 0, max: 5, whole: true });
  const stop = body['stop'] ?? undefined;
  const given = {
    temperature: number(body, 'temperature', { min: 0, max: 2 }),
    topP: number(body, 'top_p', { min: 0, max: 1 }),
    maxTokens: number(body, 'max_tokens', { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true }) ?? DEFAULT_MAX_TOKENS,
    stop: stop === undefined ? undefined : readStop(stop),
    seed: number(body, 'seed', { min: -Number.MAX_VALUE, max: Number.MAX_VALUE, whole: true }),
    presencePenalty: number(body, 'presence_penalty', { min: -2, max: 2 }),
    frequencyPenalty: number(body, 'frequency_penalty', { min: -2, max: 2 }),
    logprobs: logprobs === undefined ? undefined : true,
    topLogprobs: logprobs,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Sampling;
}

/** Ollama's /api/embed and the older /api/embeddings: texts in, vectors out. Fails closed: a text of the wrong type is a problem; every text is a segment like any other. */
import type { JsonDocument, JsonObject } from '../json/document.ts';
import type { EmbedTexts } from '../upstreams/upstream.ts';
import { ollamaErrorReply } from './ollama-error.ts';
import { readKeepAlive, readModel } from './ollama-shape.ts';
import { plainChat, textMessage } from '../plain-chat.ts';
import type { EmbedProtocol, ReadChat } from './protocol.ts';
import { collectSegments, type Placement } from './segments.ts';
import { array, boolean, fail, isObject, number, refuseLookAlikes, string, withoutFault } from './shape.ts';

const BODY_NAMES = new Set('model input prompt truncate dimensions options keep_alive'.split(' '));
const META: Placement = { role: 'meta', talk: 'none', unread: 'none' };
const TEXTS: Placement = { role: 'user', talk: 'none', unread: 'none' };

export const ollamaEmbed: EmbedProtocol = {
  name: 'ollama-embed',
  read: (document) => read(document, readTexts),
  // Nothing is generated, so there is nothing to call tools.
  withTools: (document) => document.source,
  withToolRound: (document) => document.source,
  errorReply: ollamaErrorReply,
  readInput: ({ root }) => {
    const dimensions = number(root, 'dimensions', { min: 1, max: 1_000_000, whole: true });
    return {
      ...common(root),
      input: readTexts(root),
      truncate: boolean(root, 'truncate', true),
      ...(dimensions === undefined ? {} : { dimensions }),
    };
  },
  // All counters, zero or not: there are clients that take a reply without one for broken.
  writeEmbeddings: ({ model, embeddings, inputTokens, loadNanoseconds }, durationMs) =>
    JSON.stringify({
      model,
      embeddings,
      total_duration: Math.round(durationMs * 1e6),
      load_duration: loadNanoseconds,
      prompt_eval_count: inputTokens,
    }),
};

/** One text, one vector. */
export const ollamaEmbeddings: EmbedProtocol = {
  ...ollamaEmbed,
  read: (document) => read(document, readPrompt),
  readInput: ({ root }) => ({ ...common(root), input: readPrompt(root) }),
  writeEmbeddings: ({ embeddings }) => JSON.stringify({ embedding: embeddings[0] ?? [] }),
};

function common(body: JsonObject): Pick<EmbedTexts, 'keepAlive'> {
  const keepAlive = readKeepAlive(body['keep_alive'] ?? null);
  return keepAlive === undefined ? {} : { keepAlive };
}

function readTexts(body: JsonObject): readonly string[] {
  const input = body['input'];
  if (input === undefined) return fail('missing_field', '/input');
  if (typeof input === 'string') return [input];
  return array(body, 'input', '').map((each, index) =>
    typeof each === 'string' ? each : fail('wrong_type', `/input/${index}`),
  );
}

function readPrompt(body: JsonObject): readonly string[] {
  return body['prompt'] === undefined ? fail('missing_field', '/prompt') : [string(body, 'prompt', '')];
}

function read(document: JsonDocument, texts: (body: JsonObject) => readonly string[]): ReadChat {
  return withoutFault(() => {
    const body = document.root;
    refuseLookAlikes(body, BODY_NAMES, '');
    number(body, 'dimensions', { min: 1, max: 1_000_000, whole: true });
    boolean(body, 'truncate', true);
    common(body);
    if (!isObject(body['options'] ?? {})) fail('wrong_type', '/options');
    const messages = texts(body).map((text) => textMessage('user', text));
    const collected = collectSegments(document, (container) => (container.pointer === '/input' ? TEXTS : META));
    return {
      kind: 'chat',
      model: readModel(body),
      chat: plainChat(messages),
      segments: collected.segments.map((segment) =>
        segment.form !== 'key' && /^\/(?:input|prompt)(?:#|$)/.test(segment.pointer)
          ? { ...segment, role: 'user' }
          : segment,
      ),
      gaps: collected.gaps,
    };
  });
}

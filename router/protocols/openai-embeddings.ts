/** OpenAI's /embeddings: texts in, vectors out, as numbers or as base64 of their 32-bit form. Fails closed: token numbers are of one model's alphabet, which nobody here can read; every text is a segment like any other. */
import type { JsonDocument, JsonObject } from '../json/document.ts';
import { editRoot } from '../json/splice.ts';
import { isClientMember } from './openai-chat.ts';
import { openaiErrorReply } from './openai-error.ts';
import { plainChat, textMessage } from '../plain-chat.ts';
import type { EmbedProtocol, ReadChat } from './protocol.ts';
import { collectSegments, type Placement } from './segments.ts';
import { array, fail, number, refuseLookAlikes, string, withoutFault } from './shape.ts';

const BODY_NAMES = new Set('model input encoding_format dimensions user'.split(' '));
const ROOT: Placement = { role: 'meta', talk: 'none', unread: 'none', roles: new Map([['input', 'user']]) };
const TEXTS: Placement = { role: 'user', talk: 'none', unread: 'none' };
const META: Placement = { role: 'meta', talk: 'none', unread: 'none' };
/** The wire's own bound. */
const MOST_TEXTS = 2_048;

export const openaiEmbeddings: EmbedProtocol = {
  name: 'openai-embeddings',
  unknownModel: 'route',
  read,
  // Nothing is generated, so there is nothing to call tools.
  withTools: (document) => document.source,
  withToolRound: (document) => document.source,
  errorReply: openaiErrorReply,
  readInput: ({ root }) => {
    const dimensions = number(root, 'dimensions', { min: 1, max: 1_000_000, whole: true });
    // A text that does not fit is an error on this wire, never cut.
    return { input: readTexts(root), truncate: false, ...(dimensions === undefined ? {} : { dimensions }) };
  },
  writeEmbeddings: ({ model, embeddings, inputTokens }, _durationMs, { root }) =>
    JSON.stringify({
      object: 'list',
      data: embeddings.map((embedding, index) => ({
        object: 'embedding',
        index,
        embedding: root['encoding_format'] === 'base64' ? toBase64(embedding) : embedding,
      })),
      model,
      usage: { prompt_tokens: inputTokens, total_tokens: inputTokens },
    }),
  forUpstream,
};

/** Vectors come back as numbers and are given the client's form here. */
function forUpstream(document: JsonDocument, model: string): string {
  const drop = [...document.members.keys()].filter(isClientMember);
  return editRoot(document, { set: { model: JSON.stringify(model), encoding_format: '"float"' }, drop });
}

/** 32-bit floats, little-endian, whatever this machine's order is. */
function toBase64(embedding: readonly number[]): string {
  const bytes = Buffer.alloc(embedding.length * 4);
  embedding.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
  return bytes.toString('base64');
}

function readTexts(body: JsonObject): readonly string[] {
  const input = body['input'] ?? null;
  if (input === null) return fail('missing_field', '/input');
  if (typeof input === 'string') return [input];
  const texts = array(body, 'input', '');
  if (texts.length === 0 || texts.length > MOST_TEXTS) fail('out_of_range', '/input');
  return texts.map((each, index) =>
    typeof each === 'string'
      ? each
      : fail(typeof each === 'number' || Array.isArray(each) ? 'tokens_unreadable' : 'wrong_type', `/input/${index}`),
  );
}

function read(document: JsonDocument): ReadChat {
  return withoutFault(() => {
    const body = document.root;
    refuseLookAlikes(body, BODY_NAMES, '');
    number(body, 'dimensions', { min: 1, max: 1_000_000, whole: true });
    if (!['', 'float', 'base64'].includes(string(body, 'encoding_format', '')))
      fail('unsupported_value', '/encoding_format');
    const messages = readTexts(body).map((text) => textMessage('user', text));
    const collected = collectSegments(document, (container) =>
      container.parent === null ? ROOT : container.pointer === '/input' ? TEXTS : META,
    );
    return {
      kind: 'chat',
      model: string(body, 'model', '') || 'auto',
      chat: plainChat(messages),
      segments: collected.segments,
      gaps: collected.gaps,
      where: {
        messageAt(pointer) {
          const match = /^\/input(?:\/(\d+))?(?:#|$)/.exec(pointer);
          return match === null ? undefined : Number(match[1] ?? 0);
        },
        isInCall: () => false,
      },
    };
  });
}

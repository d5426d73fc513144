/**
 * Ollama's /api/generate as a chat of its system text and its prompt. What the tool loop adds stands in a `messages` member behind them. Fails closed: see
 * ollama-shape.ts for what is refused.
 */
import type { Segment } from '../../classifiers/segment.ts';
import { editRoot, toJsonText } from '../json/splice.ts';
import { appendToolRound, appendTools, EVERY_ITEM, imageGaps, ollamaChat, placeInMessages } from './ollama-chat.ts';
import { readOllamaShape } from './ollama-shape.ts';
import { createOllamaWriter } from './ollama-writer.ts';
import type { Protocol } from './protocol.ts';
import { collectSegments, type Placement } from './segments.ts';

/** The members of the body that are conversation, and whose words they are. */
const ROLES: ReadonlyMap<string, Segment['role']> = new Map([
  ['/system', 'system'],
  ['/prompt', 'user'],
]);
const ROOT: Placement = { role: 'meta', talk: new Set(['system', 'prompt', 'suffix']), unread: 'none' };
const META: Placement = { role: 'meta', talk: 'none', unread: 'none' };
const IMAGES: Placement = { role: 'user', talk: 'none', unread: EVERY_ITEM };

export const ollamaGenerate: Protocol = {
  ...ollamaChat,
  name: 'ollama-generate',
  createWriter: (sink, options) => createOllamaWriter('generate', sink, options),

  read(document) {
    const shape = readOllamaShape(document.root, 'generate');
    if (shape.kind === 'problem') return shape;
    const { messages } = shape.chat;
    const appended = document.root['messages'];
    const skip = messages.length - (Array.isArray(appended) ? appended.length : 0);
    const collected = collectSegments(document, (container) => {
      if (container.parent === null) return ROOT;
      if (container.pointer === '/images') return IMAGES;
      return placeInMessages(container, messages, skip) ?? META;
    });
    return {
      kind: 'chat',
      model: shape.model,
      chat: shape.chat,
      segments: collected.segments.map((segment) => {
        const role = segment.form === 'key' ? undefined : ROLES.get(segment.pointer.split('#', 1)[0] ?? '');
        return role === undefined ? segment : { ...segment, role };
      }),
      gaps: [...imageGaps(document, 'ollama-generate'), ...collected.gaps],
    };
  },

  withTools: appendTools,
  withToolRound: appendToolRound,

  withPreface(document, text) {
    const system = document.root['system'];
    const joined = typeof system === 'string' && system !== '' ? `${text}\n\n${system}` : text;
    return editRoot(document, { set: { system: toJsonText(joined) } });
  },
};

/**
 * Ollama's /api/generate as a chat of its system text and its prompt. What the tool loop adds stands in a `messages` member behind them. Fails closed: see
 * ollama-shape.ts for what is refused.
 */
import type { Segment } from '../../classifiers/segment.ts';
import { editRoot, toJsonText } from '../json/splice.ts';
import { EVERY_ITEM, imageGaps, ollamaChat, placeInMessages } from './ollama-chat.ts';
import { readOllamaShape } from './ollama-shape.ts';
import { createOllamaWriter } from './ollama-writer.ts';
import type { Protocol } from './protocol.ts';
import { collectSegments, type Placement } from './segments.ts';

/** The members of the body that are conversation, in the order the model reads them, and whose words they are. */
const OPENING: readonly (readonly [string, Segment['role']])[] = [
  ['/system', 'system'],
  ['/prompt', 'user'],
];
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
      segments: asTheModelReads(collected.segments),
      gaps: [...imageGaps(document, 'ollama-generate'), ...collected.gaps],
    };
  },

  withPreface(document, text) {
    const system = document.root['system'];
    const joined = typeof system === 'string' && system !== '' ? `${text}\n\n${system}` : text;
    return editRoot(document, { set: { system: toJsonText(joined) } });
  },
};

/** The model reads system text before the prompt wherever they stand in the body, and a value may be cut between them. */
function asTheModelReads(segments: readonly Segment[]): readonly Segment[] {
  const opening = OPENING.map((): Segment[] => []);
  const rest: Segment[] = [];
  for (const segment of segments) {
    const outer = segment.pointer.split('#', 1)[0] ?? '';
    const index = segment.form === 'key' ? -1 : OPENING.findIndex(([pointer]) => pointer === outer);
    const [, role] = OPENING[index] ?? [];
    if (role === undefined) rest.push(segment);
    else opening[index]?.push({ ...segment, role });
  }
  return [...opening.flat(), ...rest];
}

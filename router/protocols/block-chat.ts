/**
 * What a protocol read of a body cut into blocks. A class, because an object literal with getters that close over a request is a hidden class of its own: V8 keeps it,
 * and through it the whole body, until the next full collection, and every look at it misses its inline cache.
 */
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { ChatRequest } from '../chat.ts';
import type { Whereabouts } from '../envelope.ts';
import type { RequestBlocks } from './blocks.ts';
import type { ReadChat } from './protocol.ts';

export class BlockChat implements Extract<ReadChat, { readonly kind: 'chat' }> {
  readonly kind = 'chat';
  readonly model: string;
  readonly chat: ChatRequest;
  readonly blocks: RequestBlocks;
  readonly where?: Whereabouts;

  constructor(model: string, chat: ChatRequest, blocks: RequestBlocks, where?: Whereabouts) {
    this.model = model;
    this.chat = chat;
    this.blocks = blocks;
    if (where !== undefined) this.where = where;
  }

  /** Of all blocks; a request whose blocks are remembered never makes them. */
  get segments(): readonly Segment[] {
    return this.blocks.blocks.flatMap((block) => block.read().segments);
  }

  get gaps(): readonly Gap[] {
    return [...this.blocks.gaps, ...this.blocks.blocks.flatMap((block) => block.read().gaps)];
  }
}

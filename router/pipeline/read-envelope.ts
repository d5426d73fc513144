/** A request as its protocol read it. Segments and gaps are made when somebody asks (why a class: protocols/block-chat.ts). */
import type { Block } from '../../classifiers/block.ts';
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { ChatRequest } from '../chat.ts';
import type { ProtocolName, RequestEnvelope, Whereabouts } from '../envelope.ts';
import type { JsonDocument } from '../json/document.ts';
import type { ReadChat } from '../protocols/protocol.ts';
import { IN_MESSAGES } from '../protocols/whereabouts.ts';
import type { RequestScope } from './context.ts';

type Read = Extract<ReadChat, { readonly kind: 'chat' }>;

export class ReadEnvelope implements RequestEnvelope {
  readonly id: string;
  readonly protocol: ProtocolName;
  readonly principal: string;
  readonly model: string;
  readonly document: JsonDocument;
  readonly chat: ChatRequest;
  readonly where: Whereabouts;
  readonly #read: Read;
  readonly #more: readonly Gap[];
  #blocks: ReadonlyMap<string, Block> | undefined;

  /** `more` are gaps that no part of the body has: what nobody knows of the conversation. */
  constructor(
    scope: Pick<RequestScope, 'id' | 'principal'>,
    protocol: ProtocolName,
    document: JsonDocument,
    read: Read,
    more: readonly Gap[],
  ) {
    this.id = scope.id;
    this.protocol = protocol;
    this.principal = scope.principal;
    this.model = read.model;
    this.document = document;
    this.chat = read.chat;
    this.where = read.where ?? IN_MESSAGES;
    this.#read = read;
    this.#more = more;
  }

  get segments(): readonly Segment[] {
    return this.#read.segments;
  }

  get gaps(): readonly Gap[] {
    return [...this.#read.gaps, ...this.#more];
  }

  blockAt(pointer: string): Block | undefined {
    const blocks = this.#read.blocks?.blocks;
    if (blocks === undefined) return undefined;
    this.#blocks ??= new Map(blocks.map((block) => [block.pointer, block]));
    // A block is a member of the root, or an item of one: `/tools`, `/messages/3`.
    const first = pointer.indexOf('/', 1);
    if (first === -1) return this.#blocks.get(pointer);
    const second = pointer.indexOf('/', first + 1);
    return (
      this.#blocks.get(second === -1 ? pointer : pointer.slice(0, second)) ?? this.#blocks.get(pointer.slice(0, first))
    );
  }
}

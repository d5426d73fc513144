/**
 * One WebSocket of /v1/responses: each `response.create` is a request of its own, let in anew and taken through the very pipeline that HTTP takes. Replies that must not be kept are
 * remembered for this connection alone, so that its next message can go on from them. Fails closed: a message that is no request gets an error, and nothing of it is sent.
 */
import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../errors.ts';
import { publicError } from '../errors.ts';
import { MessageReply, type SendMessage, toRequest } from '../http/message-exchange.ts';
import type { JsonObject } from '../json/document.ts';
import { parseJson } from '../json/parse.ts';
import { editRoot } from '../json/splice.ts';
import type { Context } from '../pipeline/context.ts';
import { serveResponses } from '../pipeline/serve-responses.ts';
import { letIn } from '../principals/let-in.ts';
import { openaiErrorReply } from '../protocols/openai-error.ts';
import { createResponseStore, type ResponseStore } from './response-store.ts';

export const SOCKET_PATH = '/v1/responses';

/** Messages that wait; a client that means it waits for answers. */
const MOST_WAITING = 16;
const MOST_LANES = 8;
/** Members of the envelope, which are no part of a request. */
const ENVELOPE = ['type', 'generate', 'stream_id', 'event_id'];
const MAX_LEAVES = 500_000;

export class ResponsesConnection {
  readonly #request: IncomingMessage;
  readonly #send: SendMessage;
  readonly #current: () => Context;
  readonly #kept: ResponseStore = createResponseStore({
    maxResponses: 16,
    maxChars: 4_000_000,
    maxAgeMs: 60 * 60_000,
  });
  /** Answers in the making; a client that goes away aborts them. */
  readonly #open = new Set<MessageReply>();
  /** Requests of one `stream_id` follow each other, different ones run side by side. */
  readonly #lanes = new Map<string, Promise<void>>();
  #waiting = 0;

  constructor(request: IncomingMessage, send: SendMessage, current: () => Context) {
    this.#request = request;
    this.#send = send;
    this.#current = current;
  }

  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /** take queues a message behind those of its lane. Never rejects. */
  async take(bytes: Buffer): Promise<void> {
    const context = this.#current();
    const { maxDepth } = context.config.listen;
    const parsed = parseJson(bytes, { maxDepth, maxLeaves: MAX_LEAVES });
    if (parsed.kind === 'problem') return this.#refuse(parsed.problem.code, parsed.problem.pointer);
    const { root } = parsed.document;
    const lane = root['stream_id'] ?? '';
    if (typeof lane !== 'string' || lane.length > 256) return this.#refuse('wrong_type', '/stream_id');
    const more = lane === '' ? '' : `"stream_id":${JSON.stringify(lane)}`;
    if (root['type'] !== 'response.create') return this.#refuse('unsupported_value', '/type', more);
    if (root['generate'] !== undefined && typeof root['generate'] !== 'boolean')
      return this.#refuse('wrong_type', '/generate', more);
    if (this.#waiting >= MOST_WAITING || (!this.#lanes.has(lane) && this.#lanes.size >= MOST_LANES))
      return this.#refuse('too_many_bytes_open', '', more);
    const source = editRoot(parsed.document, { set: { stream: 'true' }, drop: ENVELOPE });
    this.#waiting += 1;
    const turn = (this.#lanes.get(lane) ?? Promise.resolve()).then(() => this.#answer(source, root, more));
    this.#lanes.set(lane, turn);
    await turn;
    this.#waiting -= 1;
    if (this.#lanes.get(lane) === turn) this.#lanes.delete(lane);
  }

  /** The client is gone. */
  close(): void {
    for (const reply of this.#open) reply.destroy();
  }

  async #answer(source: string, root: JsonObject, more: string): Promise<void> {
    const context = this.#current();
    // Anew for every message: keys are revoked and policies change while connections last.
    const entered = await letIn(this.#request, SOCKET_PATH, context);
    if (entered.kind !== 'caller')
      return this.#refuse(entered.kind === 'refused' ? entered.code : 'internal', '', more);
    const { caller } = entered;
    const reply = new MessageReply(this.#send, more);
    // Whoever wrote it knows; a send that failed means that the client is gone.
    reply.on('error', () => undefined);
    this.#open.add(reply);
    await serveResponses(toRequest(this.#request, Buffer.from(source)), reply.asResponse(), caller, {
      kept: this.#kept,
      generates: root['generate'] !== false,
    });
    if (!reply.writableEnded) reply.destroy();
    if (!reply.closed) await new Promise((resolve) => reply.once('close', resolve));
    this.#open.delete(reply);
    const before = root['previous_response_id'];
    // What could not be gone on from is not gone on from again.
    if (reply.outcome !== 'whole' && typeof before === 'string') await this.#kept.forget(caller.principal.id, before);
  }

  #refuse(code: ErrorCode, pointer: string, more = ''): void {
    const { status, body, contentType } = openaiErrorReply(publicError(code, pointer), 'none');
    const reply = new MessageReply(this.#send, more);
    reply.on('error', () => undefined);
    reply.writeHead(status, { 'content-type': contentType }).end(body);
  }
}

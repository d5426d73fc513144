/**
 * One HTTP request to the sandbox's own paths: bounds, request id, one log line, and a signal that fires when the client goes away. Fails closed: a
 * body that does not say it is JSON is refused unread, so that no page in a browser can send one without asking (a preflight is never answered).
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toSurfaceReceipt } from '../audit/receipt.ts';
import { ERRORS, type ErrorCode, publicError, type PublicError } from '../errors.ts';
import { readBody } from '../http/body.ts';
import type { Context } from '../pipeline/context.ts';
import type { Caller, Principal } from '../principals/principal.ts';

export interface Exchange {
  readonly id: string;
  readonly request: IncomingMessage;
  readonly principal: Principal;
  readonly context: Context;
  /** Fires when the client is gone before its reply was complete. */
  readonly signal: AbortSignal;
  /** The bytes of the body, or `undefined` when the request was answered with an error instead. */
  read(): Promise<Buffer | undefined>;
  reply(status: number, value: unknown, headers?: Readonly<Record<string, string>>): void;
  /** For text that is JSON already. */
  replyText(status: number, body: string, headers?: Readonly<Record<string, string>>): void;
  fail(code: ErrorCode, pointer?: string, headers?: Readonly<Record<string, string>>): void;
}

export interface Surface {
  readonly name: 'sandbox' | 'mcp';
  errorBody(error: PublicError, id: string): string;
}

/** Values and keys in one body; arguments are read again, and bounded, by the broker. */
export const MAX_LEAVES = 500_000;

export async function serveExchange(
  request: IncomingMessage,
  response: ServerResponse,
  surface: Surface,
  { principal, context }: Caller,
  work: (exchange: Exchange) => Promise<void> | void,
): Promise<void> {
  const id = `req_${randomBytes(12).toString('hex')}`;
  const gone = new AbortController();
  const startedAt = performance.now();
  let outcome = 'ok';
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  const send = (status: number, body: string, headers: Readonly<Record<string, string>>): void => {
    if (response.headersSent || response.destroyed) return;
    // What was not read of the request must not be taken for the next one on this connection.
    if (!request.complete) response.setHeader('connection', 'close');
    response.writeHead(status, {
      ...(body === '' ? {} : { 'content-type': 'application/json' }),
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-sluice-policy': context.policyDigest.slice(0, 12),
      'x-sluice-request-id': id,
      ...headers,
    });
    response.end(body);
  };
  const account = context.bodies.open();
  const exchange: Exchange = {
    id,
    request,
    principal,
    context,
    signal: gone.signal,
    async read() {
      if (!isJson(request.headers['content-type'])) {
        exchange.fail('wrong_content_type');
        return undefined;
      }
      const body = await readBody(request, context.config.listen.maxBodyBytes, account);
      if (body.kind === 'body') return body.bytes;
      exchange.fail(body.code);
      return undefined;
    },
    reply: (status, value, headers = {}) => send(status, value === undefined ? '' : JSON.stringify(value), headers),
    replyText: (status, body, headers = {}) => send(status, body, headers),
    fail(code, pointer = '', headers = {}) {
      outcome = code;
      send(ERRORS[code].status, surface.errorBody(publicError(code, pointer), id), headers);
    },
  };
  context.metrics.openRequests.inc();
  try {
    const taken = await context.limits.take(principal);
    if (taken.kind === 'taken') await work(exchange);
    else
      exchange.fail(
        taken.code,
        '',
        taken.retryAfterSeconds > 0 ? { 'retry-after': String(taken.retryAfterSeconds) } : {},
      );
  } catch (error) {
    context.log.error({ id, err: error, event: 'fault' }, 'fault');
    exchange.fail('internal');
    if (!response.writableEnded) response.destroy();
  } finally {
    account.close();
    if (gone.signal.aborted) outcome = 'client_gone';
    context.metrics.openRequests.dec();
    context.metrics.requests.inc({ route: surface.name, outcome });
    const ms = Math.round(performance.now() - startedAt);
    context.audit.log.append(
      toSurfaceReceipt({
        id,
        principal: principal.id,
        key: principal.keyId,
        protocol: surface.name,
        outcome,
        ms,
        policy: context.policyDigest.slice(0, 12),
      }),
    );
    context.log.info({ event: 'request', id, principal: principal.id, protocol: surface.name, outcome, ms }, 'request');
  }
}

/** A form of another page can post text, not this type. */
function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(?:;|$)/i.test(contentType ?? '');
}

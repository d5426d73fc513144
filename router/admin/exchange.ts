/**
 * One request to the admin side: a strict JSON body in, JSON out. Answers are never cached and never framed. Fails closed: an unknown field, a second
 * value for a key, or a body that does not say it is JSON is refused.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import { ERRORS, type ErrorCode, publicError } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { escapeToken } from '../json/document.ts';
import { parseJson } from '../json/parse.ts';
import type { Context } from '../pipeline/context.ts';
import { openaiErrorReply } from '../protocols/openai-error.ts';

const MAX_LEAVES = 500_000;

export class AdminExchange {
  readonly id = `req_${randomBytes(12).toString('hex')}`;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly context: Context;
  readonly path: string;
  readonly query: URLSearchParams;
  principal = '';
  /** For log and metrics. */
  outcome = 'ok';

  constructor(request: IncomingMessage, response: ServerResponse, context: Context) {
    const url = new URL(request.url ?? '/', 'http://admin.invalid');
    this.request = request;
    this.response = response;
    this.context = context;
    this.path = url.pathname;
    this.query = url.searchParams;
  }

  /** read gives the body by its schema, or undefined when the request was answered with what is wrong. */
  async read<Schema extends z.ZodType>(schema: Schema): Promise<z.infer<Schema> | undefined> {
    const { request, context } = this;
    if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? ''))
      return this.fail('wrong_content_type');
    const body = await readBody(request, context.config.listen.maxBodyBytes);
    if (body.kind === 'problem') return this.fail(body.code);
    const parsed = parseJson(body.bytes, { maxDepth: context.config.listen.maxDepth, maxLeaves: MAX_LEAVES });
    if (parsed.kind === 'problem') return this.fail(parsed.problem.code, parsed.problem.pointer);
    const read = schema.safeParse(parsed.document.root);
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    const path = issue?.code === 'unrecognized_keys' ? [...issue.path, ...issue.keys.slice(0, 1)] : (issue?.path ?? []);
    const code =
      issue?.code === 'unrecognized_keys'
        ? 'unsupported_value'
        : issue?.code === 'too_big' || issue?.code === 'too_small'
          ? 'out_of_range'
          : 'wrong_type';
    return this.fail(code, path.map((token) => `/${escapeToken(String(token))}`).join(''));
  }

  reply(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): undefined {
    this.send(status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });
    return undefined;
  }

  fail(code: ErrorCode, pointer = '', headers: Readonly<Record<string, string>> = {}): undefined {
    this.outcome = code;
    const reply = openaiErrorReply(publicError(code, pointer), this.id);
    this.send(ERRORS[code].status, reply.body, { 'content-type': reply.contentType, ...headers });
    return undefined;
  }

  send(status: number, body: string | Buffer, headers: Readonly<Record<string, string>>): void {
    const { request, response } = this;
    if (response.headersSent || response.destroyed) return;
    if (!request.complete) response.setHeader('connection', 'close');
    response.writeHead(status, {
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...GUARDS,
      'x-sluice-request-id': this.id,
      ...headers,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

/** On every answer of the admin side, pages and data alike. */
export const GUARDS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};

/**
 * `/mcp`: the sandbox's tools as a Model Context Protocol server (Streamable HTTP, JSON replies, no streams, no state but names of sessions).
 * docs/decisions says why it is not the SDK. Fails closed: a method it does not know is an error, a batch is refused whole.
 */
import { randomBytes } from 'node:crypto';
import { describeError, ERRORS } from '../errors.ts';
import type { JsonDocument, JsonObject, JsonValue } from '../json/document.ts';
import { parseJson } from '../json/parse.ts';
import { describeOutcome } from '../pipeline/tool-result.ts';
import { callTool } from './call-tool.ts';
import { type Exchange, MAX_LEAVES, type Surface } from './exchange.ts';

/** Newest first: the answer to a client that asks for one that is not here. */
const PROTOCOL_VERSIONS: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26'];
const SERVER = { name: 'sluice', title: 'Sluice sandbox', version: '0.1.0' };
const INSTRUCTIONS =
  'Tools run in a sandbox on this machine. A refusal is policy: do not repeat the call, do what its message says.';
const RPC = { parse: -32700, request: -32600, method: -32601, params: -32602, internal: -32603 } as const;
const MAX_ID = 256;
const SESSION_ID = /^[\x21-\x7e]{1,128}$/;

export const MCP_SURFACE: Surface = {
  name: 'mcp',
  errorBody: (error, id) =>
    JSON.stringify({
      jsonrpc: '2.0',
      id: null,
      error: {
        code: ERRORS[error.code].status >= 500 ? RPC.internal : RPC.request,
        message: describeError(error, id),
        data: { code: error.code },
      },
    }),
};

type Answer =
  | { readonly kind: 'result'; readonly result: object; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

interface Message {
  readonly method: string;
  readonly params: JsonObject;
  readonly document: JsonDocument;
  readonly session: string;
}

/** Calls that run now, by principal, session and request id: a client may cancel one with another request. */
export type Running = Map<string, AbortController>;

export async function serveMcp(exchange: Exchange, running: Running): Promise<void> {
  const { context } = exchange;
  const bytes = await exchange.read();
  if (bytes === undefined) return;
  const { headers } = exchange.request;
  const version = headers['mcp-protocol-version'];
  if (version !== undefined && !PROTOCOL_VERSIONS.includes(String(version)))
    return refuse(
      exchange,
      'null',
      RPC.request,
      'The MCP-Protocol-Version header names a version that is not spoken here.',
    );
  const parsed = parseJson(bytes, { maxDepth: context.config.listen.maxDepth, maxLeaves: MAX_LEAVES });
  if (parsed.kind === 'problem') {
    const { code } = parsed.problem;
    if (code === 'not_an_object')
      return refuse(exchange, 'null', RPC.request, 'Send one JSON-RPC message, not a batch.');
    return refuse(exchange, 'null', RPC.parse, ERRORS[code].message);
  }
  const { document } = parsed;
  const { root } = document;
  const { method } = root;
  const params = root['params'] ?? {};
  if (root['jsonrpc'] !== '2.0' || (method !== undefined && typeof method !== 'string'))
    return refuse(exchange, 'null', RPC.request, 'This is not a JSON-RPC 2.0 message.');
  const id = idOf(document);
  if (id === 'invalid') return refuse(exchange, 'null', RPC.request, 'The id must be a short string or a number.');
  if (method === undefined) {
    // An answer of the client: nothing was asked of it.
    if (id !== undefined && (root['result'] !== undefined || root['error'] !== undefined))
      return exchange.reply(202, undefined);
    return refuse(exchange, 'null', RPC.request, 'This is not a JSON-RPC 2.0 message.');
  }
  if (!isObject(params)) {
    if (id === undefined) return exchange.reply(202, undefined);
    return answer(exchange, id, { kind: 'error', code: RPC.params, message: 'params must be an object.' });
  }
  const named = headers['mcp-session-id'];
  const session = typeof named === 'string' && SESSION_ID.test(named) ? named : '';
  const message: Message = { method, params, document, session };
  if (id === undefined) {
    if (method === 'notifications/cancelled') cancel(exchange, message, running);
    return exchange.reply(202, undefined);
  }
  answer(exchange, id, await handle(message, id, exchange, running));
}

async function handle(message: Message, id: string, exchange: Exchange, running: Running): Promise<Answer> {
  const { params } = message;
  switch (message.method) {
    case 'initialize':
      return initialize(params);
    case 'ping':
      return { kind: 'result', result: {} };
    case 'tools/list':
      // There is one page, so no cursor was ever given out.
      if (params['cursor'] !== undefined)
        return { kind: 'error', code: RPC.params, message: 'This cursor is not one of ours.' };
      return { kind: 'result', result: { tools: toolsOf(exchange) } };
    case 'tools/call':
      return call(message, id, exchange, running);
    default:
      return { kind: 'error', code: RPC.method, message: 'There is no such method here.' };
  }
}

function initialize(params: JsonObject): Answer {
  const wanted = params['protocolVersion'];
  if (typeof wanted !== 'string')
    return { kind: 'error', code: RPC.params, message: 'params.protocolVersion is missing.' };
  return {
    kind: 'result',
    result: {
      protocolVersion: PROTOCOL_VERSIONS.includes(wanted) ? wanted : PROTOCOL_VERSIONS[0],
      capabilities: { tools: {} },
      serverInfo: SERVER,
      instructions: INSTRUCTIONS,
    },
    headers: { 'mcp-session-id': randomBytes(16).toString('hex') },
  };
}

function toolsOf(exchange: Exchange): readonly object[] {
  return exchange.context.executor
    .offered(exchange.principal.terms.agent)
    .map(({ name, description, parameters }) => ({ name, description, inputSchema: parameters }));
}

async function call(message: Message, id: string, exchange: Exchange, running: Running): Promise<Answer> {
  const { name, arguments: input = {} } = message.params;
  if (typeof name !== 'string') return { kind: 'error', code: RPC.params, message: 'params.name is missing.' };
  const key = runningKey(exchange, message.session, id);
  const cancelled = new AbortController();
  // Without a session ids of different clients are alike, and one could cancel another's call.
  if (message.session !== '') running.set(key, cancelled);
  try {
    const called = await callTool(
      {
        id: exchange.id,
        surface: 'mcp',
        tool: name,
        arguments: JSON.stringify(input),
        session: message.session === '' ? '' : `mcp:${message.session}`,
        document: message.document,
        principal: exchange.principal,
        signal: AbortSignal.any([exchange.signal, cancelled.signal]),
      },
      exchange.context,
    );
    if (called.kind === 'store-failed')
      return { kind: 'error', code: RPC.internal, message: ERRORS.store_unavailable.message };
    const { outcome, classification } = called;
    return {
      kind: 'result',
      result: {
        content: [{ type: 'text', text: describeOutcome(outcome) }],
        structuredContent: { id: exchange.id, ...outcome, classification },
        isError: outcome.kind !== 'exited',
      },
      headers: { 'x-sluice-label': classification.label },
    };
  } finally {
    if (running.get(key) === cancelled) running.delete(key);
  }
}

function cancel(exchange: Exchange, { params, session }: Message, running: Running): void {
  const id = params['requestId'];
  if (session === '' || (typeof id !== 'string' && typeof id !== 'number')) return;
  const key = runningKey(exchange, session, JSON.stringify(id));
  const here = running.get(key);
  if (here === undefined) exchange.context.peers?.tell('cancel', key);
  else here.abort();
}

/** Of one principal: another could guess a session's name and end its calls. */
const runningKey = ({ principal }: Exchange, session: string, id: string): string =>
  `${principal.id}\n${session}\n${id}`;

/** The id as written, so that it goes back unchanged; `undefined` for a notification. */
function idOf(document: JsonDocument): string | 'invalid' | undefined {
  const id = document.root['id'];
  const member = document.members.get('id');
  if (id === undefined || member === undefined) return undefined;
  const source = document.source.slice(member.valueStart, member.valueEnd);
  return (typeof id === 'string' || typeof id === 'number') && source.length <= MAX_ID ? source : 'invalid';
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function answer(exchange: Exchange, id: string, answered: Answer): void {
  if (answered.kind === 'result')
    return exchange.replyText(
      200,
      `{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(answered.result)}}`,
      answered.headers,
    );
  exchange.replyText(200, errorText(id, answered.code, answered.message));
}

/** For what is no request that could be answered: the HTTP status says so too. */
function refuse(exchange: Exchange, id: string, code: number, message: string): void {
  exchange.replyText(400, errorText(id, code, message));
}

const errorText = (id: string, code: number, message: string): string =>
  `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message })}}`;

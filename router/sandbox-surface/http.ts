/** `/sandbox/v1`: the tools, the proof and single runs, for programs that are no model. Fails closed: a field it does not know is refused. */
import type { ErrorCode } from '../errors.ts';
import { escapeToken, type JsonObject, type JsonValue } from '../json/document.ts';
import { parseJson } from '../json/parse.ts';
import { openaiErrorReply } from '../protocols/openai-error.ts';
import { callTool } from './call-tool.ts';
import { type Exchange, MAX_LEAVES, type Surface } from './exchange.ts';

export const SANDBOX_SURFACE: Surface = {
  name: 'sandbox',
  errorBody: (error, id) => openaiErrorReply(error, id).body,
};

const MAX_NAME = 256;
const RUN_FIELDS: ReadonlySet<string> = new Set(['tool', 'arguments', 'session']);

export function listTools(exchange: Exchange): void {
  exchange.reply(200, { tools: exchange.context.executor.offered(exchange.principal.terms.agent) });
}

export function describeStatus(exchange: Exchange): void {
  exchange.reply(200, exchange.context.executor.status());
}

export async function verifyClaims(exchange: Exchange): Promise<void> {
  exchange.reply(200, await exchange.context.executor.verify());
}

export async function runTool(exchange: Exchange): Promise<void> {
  const { context } = exchange;
  const bytes = await exchange.read();
  if (bytes === undefined) return;
  const parsed = parseJson(bytes, { maxDepth: context.config.listen.maxDepth, maxLeaves: MAX_LEAVES });
  if (parsed.kind === 'problem') return exchange.fail(parsed.problem.code, parsed.problem.pointer);
  const { document } = parsed;
  const read = readRun(document.root);
  if (read.kind === 'problem') return exchange.fail(read.code, read.pointer);
  const called = await callTool(
    {
      id: exchange.id,
      surface: 'sandbox',
      ...read.run,
      document,
      principal: exchange.principal,
      signal: exchange.signal,
    },
    context,
  );
  if (called.kind === 'store-failed') return exchange.fail('store_unavailable');
  const { outcome, classification } = called;
  exchange.reply(200, { id: exchange.id, ...outcome, classification }, { 'x-sluice-label': classification.label });
}

interface Run {
  readonly tool: string;
  readonly arguments: string;
  readonly session: string;
}
type ReadRun =
  | { readonly kind: 'run'; readonly run: Run }
  | { readonly kind: 'problem'; readonly code: ErrorCode; readonly pointer: string };

function readRun(root: JsonObject): ReadRun {
  const problem = (code: ErrorCode, field: string): ReadRun => ({
    kind: 'problem',
    code,
    pointer: `/${escapeToken(field)}`,
  });
  const unknown = Object.keys(root).find((key) => !RUN_FIELDS.has(key));
  if (unknown !== undefined) return problem('unsupported_value', unknown);
  const { tool, arguments: input, session = '' } = root;
  if (tool === undefined) return problem('missing_field', 'tool');
  if (input === undefined) return problem('missing_field', 'arguments');
  if (typeof tool !== 'string') return problem('wrong_type', 'tool');
  if (typeof session !== 'string') return problem('wrong_type', 'session');
  if (tool.length > MAX_NAME) return problem('out_of_range', 'tool');
  if (session.length > MAX_NAME) return problem('out_of_range', 'session');
  return { kind: 'run', run: { tool, arguments: argumentText(input), session } };
}

/** A model's argument text goes on as it is; a value is written down. Whether it fits the tool is for the broker to say. */
export function argumentText(input: JsonValue): string {
  return typeof input === 'string' ? input : JSON.stringify(input);
}

/**
 * Tools as a /responses body declares them. Functions, custom tools and namespaces are the client's to run and have a neutral form; tools that the provider runs by itself (search, code,
 * images, remote MCP servers, hosted shells) reach out from the cloud without passing here again, and are told apart by name. Fails safe: a type nobody
 * knows counts as the provider's.
 */
import type { ChatRequest, ToolDeclaration } from '../chat.ts';
import type { JsonObject, JsonValue } from '../json/document.ts';
import { qualifiedName } from './openai-responses-items.ts';
import { array, fail, isObject, string } from './shape.ts';

export interface KnownTool {
  readonly kind: 'function' | 'custom';
  /** As the client knows it. */
  readonly name: string;
  /** Empty for none. */
  readonly namespace: string;
}

export interface ReadTools {
  readonly declarations: readonly ToolDeclaration[];
  /** By the name the model is told: `namespace__name` for tools of a namespace. */
  readonly known: ReadonlyMap<string, KnownTool>;
  /** Types of tools the provider would run, each once. */
  readonly provided: readonly string[];
}

/** What the client runs itself and answers with an item of its own kind. They travel to servers of this wire only. */
const CLIENT_RUN: ReadonlySet<string> = new Set(['local_shell', 'apply_patch']);

export function readTools(body: JsonObject): ReadTools {
  const declarations: ToolDeclaration[] = [];
  const known = new Map<string, KnownTool>();
  const provided = new Set<string>();
  const readOne = (value: JsonValue, at: string, namespace: string): void => {
    if (!isObject(value)) return fail('wrong_type', at);
    const type = value['type'] === undefined ? fail('missing_field', `${at}/type`) : string(value, 'type', at);
    if (type === 'namespace' && namespace === '') {
      const name = nameOf(value, at);
      array(value, 'tools', at).forEach((each, index) => readOne(each, `${at}/tools/${index}`, name));
      return;
    }
    if (type !== 'function' && type !== 'custom') {
      if (!isClientRun(value)) provided.add(type);
      return;
    }
    const name = nameOf(value, at);
    const qualified = qualifiedName(namespace, name);
    known.set(qualified, { kind: type, name, namespace });
    declarations.push(
      type === 'function'
        ? {
            name: qualified,
            description: string(value, 'description', at),
            parameters: parametersOf(value['parameters'] ?? null, `${at}/parameters`),
          }
        : { name: qualified, description: customDescription(value, at), parameters: CUSTOM_PARAMETERS },
    );
  };
  array(body, 'tools', '').forEach((tool, index) => readOne(tool, `/tools/${index}`, ''));
  return { declarations, known, provided: [...provided] };
}

/** isClientRun: whether nothing happens at the provider when the model uses this tool. */
export function isClientRun(tool: JsonValue): boolean {
  if (!isObject(tool)) return false;
  const type = tool['type'];
  if (type === 'function' || type === 'custom' || type === 'namespace') return true;
  if (type === 'shell') {
    // A shell is the client's own only where it says so; without a word it is a container of the provider.
    const environment = tool['environment'] ?? null;
    return isObject(environment) && environment['type'] === 'local';
  }
  return typeof type === 'string' && CLIENT_RUN.has(type);
}

function nameOf(tool: JsonObject, at: string): string {
  if (tool['name'] === undefined) fail('missing_field', `${at}/name`);
  return string(tool, 'name', at) || fail('out_of_range', `${at}/name`);
}

function parametersOf(value: JsonValue, at: string): unknown {
  if (value === null) return { type: 'object', properties: {} };
  return isObject(value) ? value : fail('wrong_type', at);
}

/** A custom tool takes free text; models without them are offered a function of one string. */
const CUSTOM_PARAMETERS = {
  type: 'object',
  properties: { input: { type: 'string', description: 'The whole input of the tool, as plain text.' } },
  required: ['input'],
} as const;

function customDescription(tool: JsonObject, at: string): string {
  const description = string(tool, 'description', at);
  const format = tool['format'] ?? null;
  if (!isObject(format) || format['type'] !== 'grammar') return description;
  return `${description}\nThe input must follow this ${string(format, 'syntax', `${at}/format`)} grammar:\n${string(format, 'definition', `${at}/format`)}`;
}

/** customInput gives the text out of the one-string function's arguments; what is not that form is the text itself. */
export function customInput(arguments_: string): string {
  try {
    const value: unknown = JSON.parse(arguments_);
    if (typeof value === 'object' && value !== null && 'input' in value && typeof value.input === 'string')
      return value.input;
  } catch {
    // Models write broken JSON, and a cut answer ends inside it.
  }
  return arguments_;
}

export function readToolChoice(value: JsonValue): ChatRequest['toolChoice'] {
  if (value === null) return { kind: 'auto' };
  if (value === 'auto' || value === 'none' || value === 'required') return { kind: value };
  if (typeof value === 'string') return fail('unsupported_value', '/tool_choice');
  if (!isObject(value)) return fail('wrong_type', '/tool_choice');
  switch (value['type']) {
    case 'function':
    case 'custom':
      return {
        kind: 'tool',
        name: qualifiedName(string(value, 'namespace', '/tool_choice'), nameOf(value, '/tool_choice')),
      };
    case 'allowed_tools':
      return { kind: value['mode'] === 'required' ? 'required' : 'auto' };
    default:
      // It forces a tool of the provider.
      return { kind: 'auto' };
  }
}

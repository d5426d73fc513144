/**
 * Tools of a Messages request: the client's own, those whose schema the model was trained on, and those the provider runs. Only the first two can be offered to
 * a model elsewhere. Fails closed: a type nobody knows counts as run by the provider.
 */
import type { ToolDeclaration } from '../chat.ts';
import type { JsonDocument, JsonObject, JsonValue } from '../json/document.ts';
import { fail, isObject, string } from './shape.ts';

const text = { type: 'string' };
/** Run by the client, but declared by a dated type alone: other models have to be told what they take. */
const CLIENT_RUN: readonly (readonly [RegExp, string, object])[] = [
  [
    /^bash_\d{8}$/,
    'Runs a shell command in a session that stays open.',
    { type: 'object', properties: { command: text, restart: { type: 'boolean' } } },
  ],
  [
    /^text_editor_\d{8}$/,
    'Views and edits files: view, create, str_replace, insert.',
    {
      type: 'object',
      properties: {
        command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert'] },
        path: text,
        file_text: text,
        old_str: text,
        new_str: text,
        insert_line: { type: 'integer' },
        insert_text: text,
        view_range: { type: 'array', items: { type: 'integer' } },
      },
      required: ['command', 'path'],
    },
  ],
  [
    /^memory_\d{8}$/,
    'Keeps notes in files: view, create, str_replace, insert, delete, rename.',
    {
      type: 'object',
      properties: {
        command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert', 'delete', 'rename'] },
        path: text,
        file_text: text,
        old_str: text,
        new_str: text,
        insert_line: { type: 'integer' },
        insert_text: text,
        old_path: text,
        new_path: text,
        view_range: { type: 'array', items: { type: 'integer' } },
      },
      required: ['command'],
    },
  ],
];

/** Clicks and keys on the client's own screen: run by the client, and of no use to a model that was not trained on it. */
const COMPUTER = /^computer_\d{8}$/;

/** isProviderTool: whether the provider runs it, so that what it is asked goes where the provider sends it. */
export function isProviderTool(tool: JsonValue): boolean {
  const type = isObject(tool) ? (tool['type'] ?? 'custom') : 'custom';
  if (type === 'custom') return false;
  return typeof type !== 'string' || !(COMPUTER.test(type) || CLIENT_RUN.some(([pattern]) => pattern.test(type)));
}

/** providerTools gives the types of those a request names, and `mcp` for MCP servers that the provider is to ask. */
export function providerTools({ root }: JsonDocument): readonly string[] {
  const { tools, mcp_servers: servers } = root;
  const named = (Array.isArray(tools) ? (tools as readonly JsonValue[]) : [])
    .filter(isProviderTool)
    .map((tool) =>
      isObject(tool) && /^[a-z_]{1,48}(?:_\d{8})?$/.test(String(tool['type'])) ? String(tool['type']) : 'unknown',
    );
  return Array.isArray(servers) && servers.length > 0 ? [...named, 'mcp'] : named;
}

/** readAnthropicTools gives the tools any model can be offered, in order. */
export function readAnthropicTools(items: readonly JsonValue[]): readonly ToolDeclaration[] {
  return items.flatMap((item, index): ToolDeclaration[] => {
    const at = `/tools/${index}`;
    if (!isObject(item)) return fail('wrong_type', at);
    const type = string(item, 'type', at) || 'custom';
    if (type === 'custom') {
      if (item['name'] === undefined) fail('missing_field', `${at}/name`);
      const schema = item['input_schema'] ?? undefined;
      if (schema === undefined) fail('missing_field', `${at}/input_schema`);
      if (!isObject(schema)) fail('wrong_type', `${at}/input_schema`);
      return [
        {
          name: string(item, 'name', at),
          description: string(item, 'description', at),
          parameters: schema as JsonObject,
        },
      ];
    }
    const known = CLIENT_RUN.find(([pattern]) => pattern.test(type));
    return known === undefined
      ? []
      : [
          {
            name: string(item, 'name', at) || type.replace(/_\d{8}$/, ''),
            description: known[1],
            parameters: known[2],
          },
        ];
  });
}

/**
 * Tool schemas as Ollama can hold them. It re-types every schema and drops what it does not know ($ref, oneOf, allOf,
 * const, limits) before the model sees it; here the meaning is moved into what it keeps: references are put in place,
 * alternatives become anyOf, limits become words in the description. Fails towards less: what cannot be moved is left out.
 */
import type { ToolDeclaration } from '../chat.ts';
import { fieldsOf, type Fields } from './json-fields.ts';

/** A schema may refer to itself; past these it is cut to "anything". */
const DEEPEST = 12;
const MOST_NODES = 4_000;

interface NativeTool {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description: string;
    readonly parameters: Fields;
  };
}

/** nativeTools maps declarations; hosted search tools are left out, Ollama would run them through ollama.com. */
export function nativeTools(tools: readonly ToolDeclaration[]): readonly NativeTool[] {
  return tools
    .filter((tool) => !isHostedSearch(tool))
    .map((tool) => ({
      type: 'function',
      function: { name: tool.name, description: tool.description, parameters: parameters(tool.parameters) },
    }));
}

/** A search the server would run itself has a well-known name and no parameters; a client's own function has some. */
function isHostedSearch(tool: ToolDeclaration): boolean {
  return (
    /^web_search(?:_preview)?(?:_[\d_]{4,16})?$/.test(tool.name) &&
    Object.keys(fieldsOf(fieldsOf(tool.parameters)['properties'])).length === 0
  );
}

function parameters(schema: unknown): Fields {
  const root = fieldsOf(schema);
  const budget = { nodes: MOST_NODES };
  const node = property(root, { ...fieldsOf(root['definitions']), ...fieldsOf(root['$defs']) }, budget, 0);
  return { type: 'object', properties: fieldsOf(node['properties']), required: strings(node['required']) };
}

function property(
  schema: unknown,
  definitions: Fields,
  budget: { nodes: number },
  depth: number,
): Record<string, unknown> {
  budget.nodes -= 1;
  if (depth > DEEPEST || budget.nodes < 0) return {};
  const source = flatten(fieldsOf(schema), definitions);
  const within = (child: unknown): Record<string, unknown> => property(child, definitions, budget, depth + 1);
  const kept: Record<string, unknown> = {};
  if (typeof source['type'] === 'string' || Array.isArray(source['type'])) kept['type'] = source['type'];
  if (Array.isArray(source['enum'])) kept['enum'] = source['enum'];
  else if (Object.hasOwn(source, 'const')) kept['enum'] = [source['const']];
  const alternatives = source['anyOf'] ?? source['oneOf'];
  if (Array.isArray(alternatives)) kept['anyOf'] = alternatives.map(within);
  if (Object.hasOwn(source, 'items') && !Array.isArray(source['items'])) kept['items'] = within(source['items']);
  const properties = Object.entries(fieldsOf(source['properties']));
  if (properties.length > 0 || source['type'] === 'object') {
    kept['properties'] = Object.fromEntries(properties.map(([name, child]) => [name, within(child)]));
    const required = strings(source['required']);
    if (required.length > 0) kept['required'] = required;
  }
  const description = [typeof source['description'] === 'string' ? source['description'] : '', limits(source)]
    .filter((text) => text !== '')
    .join(' ');
  if (description !== '') kept['description'] = description;
  return kept;
}

/** Puts references in place and merges allOf into one object. A reference to elsewhere, or in a circle, adds nothing. */
function flatten(source: Fields, definitions: Fields): Fields {
  let merged: Record<string, unknown> = { ...source };
  const seen = new Set<string>();
  for (
    let reference = merged['$ref'];
    typeof reference === 'string' && !seen.has(reference);
    reference = merged['$ref']
  ) {
    seen.add(reference);
    const name = /^#\/(?:\$defs|definitions)\/([^/]{1,256})$/.exec(reference)?.[1] ?? '';
    const { $ref: _, ...own } = merged;
    merged = { ...fieldsOf(Object.hasOwn(definitions, name) ? definitions[name] : undefined), ...own };
  }
  if (!Array.isArray(merged['allOf'])) return merged;
  const { allOf, ...own } = merged;
  const parts = [...(allOf as readonly unknown[]).map((part) => followOnce(fieldsOf(part), definitions)), own];
  return {
    ...Object.assign({}, ...parts),
    properties: Object.assign({}, ...parts.map((part) => fieldsOf(part['properties']))),
    required: [...new Set(parts.flatMap((part) => strings(part['required'])))],
  };
}

function followOnce(part: Fields, definitions: Fields): Fields {
  return Object.hasOwn(part, 'allOf') ? part : flatten(part, definitions);
}

const LIMITS = ['default', 'format', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems'];

function limits(source: Fields): string {
  const said = LIMITS.filter((name) => Object.hasOwn(source, name)).map(
    (name) => `${name}: ${JSON.stringify(source[name])}`,
  );
  return said.length === 0 ? '' : `(${said.join(', ')})`;
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

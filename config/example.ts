/**
 * A configuration file with every key, made from the schema: what stands there is the default, what has none or holds entries of your own is a comment to
 * uncomment. `npm run generate` writes config/example.yaml; tests load it as it stands (it is the defaults) and with every comment uncommented.
 */
import { stringify } from 'yaml';

export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly propertyNames?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly oneOf?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly minimum?: number;
}

const WIDTH = 150;

export function exampleYaml(schema: SchemaNode): string {
  return [
    '# yaml-language-server: $schema=./schema.json',
    '## Every key of a Sluice configuration. Made by `npm run generate` from config/schema.ts; do not edit, copy what you need.',
    '## What is not a comment is the default. `##` explains, `#` is an example to uncomment.',
    '',
    ...section(schema, 0),
    '',
  ].join('\n');
}

function section(node: SchemaNode, depth: number): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    if (key === '$schema') return [];
    const pad = '  '.repeat(depth);
    const said = explain(child, pad);
    const gap = depth === 0 ? [''] : [];
    if (child.properties !== undefined && child.additionalProperties === false && isPlain(child))
      return [...gap, ...said, `${pad}${key}:`, ...section(child, depth + 1)];
    const shown = child.default === undefined ? [] : [`${pad}${key}: ${inline(child.default)}`];
    return [...gap, ...said, ...shown, ...(needsSample(child) ? sample(key, child, pad) : [])];
  });
}

/** An object that is there without being asked for: its keys can be shown at their defaults. */
function isPlain(node: SchemaNode): boolean {
  return typeof node.default === 'object' && (node.required ?? []).length === 0;
}

function needsSample(node: SchemaNode): boolean {
  if (node.default === undefined) return true;
  return Array.isArray(node.default) ? node.default.length === 0 : typeof node.default === 'object';
}

function sample(key: string, node: SchemaNode, pad: string): readonly string[] {
  return stringify({ [key]: sampleOf(node, key) }, { lineWidth: 0 })
    .trimEnd()
    .split('\n')
    .map((line) => `${pad}# ${line}`);
}

/** A value the schema takes, with every key an object may have. Alternatives are all shown where they are entries of a list. */
function sampleOf(node: SchemaNode, key: string): unknown {
  const alternatives = node.oneOf ?? node.anyOf;
  if (node.const !== undefined) return node.const;
  if (node.default !== undefined && !needsSample(node)) return node.default;
  if (node.enum !== undefined) return node.enum[0];
  if (alternatives !== undefined) return sampleOf(alternatives[0] ?? {}, key);
  if (node.items !== undefined) {
    const entries = (node.items.oneOf ?? [node.items]).map((each) => sampleOf(each, key));
    while (entries.length < (node.minItems ?? 0)) entries.push(`${String(entries[0])}_${entries.length + 1}`);
    return entries;
  }
  if (node.properties !== undefined)
    return Object.fromEntries(Object.entries(node.properties).map(([name, child]) => [name, sampleOf(child, name)]));
  if (typeof node.additionalProperties === 'object')
    return { [nameFor(key)]: sampleOf(node.additionalProperties, key) };
  if (node.type === 'boolean') return true;
  if (node.type === 'integer' || node.type === 'number') return Math.max(1, node.minimum ?? 1);
  return textFor(key, node);
}

/** What a reader would put there; the schema's own patterns decide whether it is taken (a test loads the result). */
const TEXTS: Readonly<Record<string, string>> = {
  url: 'tcp://host.example:2376',
  when: 'label == "public"',
  match: 'internal_*',
  as: 'exec',
  host: 'api.example.com',
  apiVersion: '2024-10-21',
  methods: 'GET',
  paths: '/v1',
  value: 'Project Bluebird',
  allow: 'support@example.com',
  deny: 'exec',
  recognizerFiles: 'recognizers.yaml',
  offer: 'exec',
  all: 'PERSON',
  disable: 'us-bank-account',
};
const KEYS: Readonly<Record<string, string>> = {
  entities: 'EMAIL_ADDRESS',
  tools: 'exec',
  agents: 'main',
  environment: 'LANG',
};

function textFor(key: string, node: SchemaNode): string {
  if (node.format === 'uri') return 'https://host.example/v1';
  if (node.pattern?.startsWith('^(env:') === true) return 'env:EXAMPLE_KEY';
  if (node.pattern?.startsWith('^[a-z][a-z0-9-]') === true) return 'internal';
  if (node.pattern?.startsWith(String.raw`^\/(?:usr`) === true) return '/usr/share/example';
  if (node.pattern?.startsWith(String.raw`^file:\/`) === true) return 'file:/absolute/path';
  if (node.pattern?.startsWith(String.raw`^\/`) === true) return '/absolute/path';
  return TEXTS[key] ?? 'example';
}

function nameFor(key: string): string {
  return KEYS[key] ?? 'example';
}

function inline(value: unknown): string {
  return JSON.stringify(value);
}

function explain(node: SchemaNode, pad: string): readonly string[] {
  const choices = node.enum === undefined ? '' : ` One of ${node.enum.map((each) => String(each)).join(', ')}.`;
  const lines: string[] = [];
  let line = '';
  for (const word of `${node.description ?? ''}${choices}`.split(' ')) {
    if (line !== '' && pad.length + line.length + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines.map((each) => `${pad}## ${each}`);
}

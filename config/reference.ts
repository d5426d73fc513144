/**
 * Writes config/schema.json (for editors), docs/config.md (for people) and config/example.yaml from the schema: `npm run generate`. A test fails when one is stale.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DEFAULT_ENTITIES } from './defaults.ts';
import { exampleYaml, type SchemaNode } from './example.ts';
import { Config } from './schema.ts';

type Node = SchemaNode;

export function schemaJson(): string {
  const schema = z.toJSONSchema(Config, { io: 'input' });
  return `${JSON.stringify({ ...schema, title: 'Sluice configuration' }, null, 2)}\n`;
}

export function configReference(): string {
  const rows = keysOf(JSON.parse(schemaJson()) as Node, '');
  return [
    '# Configuration reference',
    '',
    '<!-- Made by `npm run generate` from config/schema.ts; do not edit. -->',
    '',
    'One YAML file, every key optional. An unknown key is an error that names the nearest known one. `${VAR}` and `${VAR:-default}` are',
    'replaced inside values. Secrets are references: `env:NAME` or `file:/path`. For completion in an editor, put this on the first line:',
    '`# yaml-language-server: $schema=./config/schema.json`. A file with every key is `config/example.yaml`.',
    '',
    '| key | type | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows.map((row) => `| \`${row.key}\` | ${row.type} | ${row.fallback} | ${row.meaning} |`),
    '',
    '## Entities with a rule of their own',
    '',
    'What `classify.entities` starts from. Everything else takes `classify.otherEntities`.',
    '',
    '| entity | label | threshold | maskable |',
    '| --- | --- | --- | --- |',
    ...Object.entries(DEFAULT_ENTITIES).map(
      ([entity, rule]) => `| \`${entity}\` | ${rule.label} | ${rule.threshold} | ${rule.maskable ? 'yes' : 'no'} |`,
    ),
    '',
  ].join('\n');
}

interface Row {
  readonly key: string;
  readonly type: string;
  readonly fallback: string;
  readonly meaning: string;
}

function keysOf(node: Node, path: string): readonly Row[] {
  const own = Object.entries(node.properties ?? {}).flatMap(([name, child]): readonly Row[] => {
    const key = path === '' ? name : `${path}.${name}`;
    return [
      { key, type: typeOf(child), fallback: fallbackOf(child), meaning: escape(child.description ?? '') },
      ...deeper(child, key),
    ];
  });
  return own;
}

function deeper(child: Node, key: string): readonly Row[] {
  if (child.items !== undefined)
    return unique([child.items, ...(child.items.oneOf ?? [])].flatMap((each) => keysOf(each, `${key}[]`)));
  if (typeof child.additionalProperties === 'object') return keysOf(child.additionalProperties, `${key}.*`);
  return unique([child, ...(child.oneOf ?? []), ...(child.anyOf ?? [])].flatMap((each) => keysOf(each, key)));
}

/** Alternatives share keys (`upstreams[].name`): one row each, their types side by side. */
function unique(rows: readonly Row[]): readonly Row[] {
  const merged = new Map<string, Row>();
  for (const row of rows) {
    const before = merged.get(row.key);
    merged.set(
      row.key,
      before === undefined ? row : { ...before, type: distinct([before.type, row.type]).join(' or ') },
    );
  }
  return [...merged.values()];
}

function typeOf(node: Node): string {
  if (node.enum !== undefined) return node.enum.map((each) => `\`${String(each)}\``).join(' \\| ');
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.oneOf !== undefined || node.anyOf !== undefined)
    return distinct((node.oneOf ?? node.anyOf ?? []).map(typeOf)).join(' or ');
  return String(node.type ?? 'any');
}

function distinct(types: readonly string[]): readonly string[] {
  return [...new Set(types)];
}

function fallbackOf(node: Node): string {
  if (
    node.default === undefined ||
    (typeof node.default === 'object' && node.default !== null && !Array.isArray(node.default))
  )
    return '';
  return `\`${escape(JSON.stringify(node.default))}\``;
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  writeFileSync(join(root, 'config/schema.json'), schemaJson());
  writeFileSync(join(root, 'docs/config.md'), configReference());
  writeFileSync(join(root, 'config/example.yaml'), exampleYaml(JSON.parse(schemaJson()) as Node));
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { exampleYaml } from '../../config/example.ts';
import { configReference, schemaJson } from '../../config/reference.ts';
import { Config } from '../../config/schema.ts';

const ROOT = join(import.meta.dirname, '../..');
const example = readFileSync(join(ROOT, 'config/example.yaml'), 'utf8');

it('config/schema.json, config/example.yaml and docs/config.md are what the schema says now (npm run generate)', () => {
  expect(readFileSync(join(ROOT, 'config/schema.json'), 'utf8')).toBe(schemaJson());
  expect(readFileSync(join(ROOT, 'docs/config.md'), 'utf8')).toBe(configReference());
  expect(example).toBe(exampleYaml(JSON.parse(schemaJson())));
});

it('the example is the defaults as it stands', () => {
  expect(Config.parse(parse(example))).toEqual(Config.parse({}));
});

it('the example is a configuration with every comment uncommented, and then holds every key', () => {
  const lines = example.split('\n');
  const all = lines
    .filter((line, at) => {
      const key = /^( *)([\w$]+): /.exec(line);
      return key === null || lines[at + 1]?.startsWith(`${key[1]}# ${key[2]}:`) !== true;
    })
    .map((line) => line.replace(/^( *)# (?!yaml-language-server)/, '$1'))
    .join('\n');
  const read: unknown = parse(all);
  expect(Config.safeParse(read).error?.issues ?? []).toEqual([]);
  const keys = new Set(
    configReference()
      .split('\n')
      .flatMap((line) => /^\| `([^`]+)`/.exec(line)?.[1] ?? []),
  );
  const missing = [...keys]
    .filter((key) => key.includes('.') || !/^[A-Z]/.test(key))
    .filter((key) => !holds(read, key.split(/\.|(?=\[\])/)));
  expect(missing).toEqual(['$schema']);
  expect(keys.size).toBeGreaterThan(80);
});

/** Whether some value at the path is there; `*` is any key, `[]` any entry. */
function holds(value: unknown, path: readonly string[]): boolean {
  const [step, ...rest] = path;
  if (step === undefined) return value !== undefined;
  if (typeof value !== 'object' || value === null) return false;
  if (step === '[]' || step === '*') return Object.values(value).some((each) => holds(each, rest));
  return holds((value as Readonly<Record<string, unknown>>)[step], rest);
}

it('every key says what it means', () => {
  const rows = configReference()
    .split('\n')
    .filter((line) => line.startsWith('| `') && line.split(/(?<!\\)\|/).length === 6);
  expect(rows.length).toBeGreaterThan(80);
  expect(rows.filter((row) => /\| {1,2}\|$/.test(row))).toEqual([]);
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { configReference, schemaJson } from '../../config/reference.ts';

const ROOT = join(import.meta.dirname, '../..');

it('config/schema.json and docs/config.md are what the schema says now (npm run generate)', () => {
  expect(readFileSync(join(ROOT, 'config/schema.json'), 'utf8')).toBe(schemaJson());
  expect(readFileSync(join(ROOT, 'docs/config.md'), 'utf8')).toBe(configReference());
});

it('every key says what it means', () => {
  const rows = configReference()
    .split('\n')
    .filter((line) => line.startsWith('| `') && line.split(/(?<!\\)\|/).length === 6);
  expect(rows.length).toBeGreaterThan(80);
  expect(rows.filter((row) => /\| {1,2}\|$/.test(row))).toEqual([]);
});

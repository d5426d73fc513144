/** The project's own source files and what they import, read with a real parser. Every test on it first proves that it saw something. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseSync } from 'oxc-parser';

export const ROOT = resolve(import.meta.dirname, '../..');
export const LAYERS = ['config', 'classifiers', 'sandbox', 'router'] as const;
export type Layer = (typeof LAYERS)[number];

export interface SourceFile {
  /** From the root: `router/app.ts`. */
  readonly path: string;
  readonly text: string;
  /** As written: `undici`, `node:fs`, `../config/load.ts`. Static, dynamic and re-exports. */
  readonly imports: readonly string[];
}

export function readSources(folders: readonly string[] = LAYERS): readonly SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readSource(`${folder}/${name}`)),
  );
}

export function readSource(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return { path, text, imports: importsOf(path, text) };
}

export function importsOf(path: string, text: string): readonly string[] {
  const { module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse`);
  return [
    ...module.staticImports.map((each) => each.moduleRequest.value),
    ...module.staticExports.flatMap((each) =>
      each.entries.flatMap((entry) => (entry.moduleRequest === null ? [] : [entry.moduleRequest.value])),
    ),
    ...module.dynamicImports.map((each) =>
      text.slice(each.moduleRequest.start, each.moduleRequest.end).replace(/^['"`]|['"`]$/g, ''),
    ),
  ];
}

/** The layer a relative import points into; undefined for packages and for what lies outside the layers. */
export function layerOf(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return relative(ROOT, resolve(ROOT, dirname(from), specifier)).split('/')[0];
}

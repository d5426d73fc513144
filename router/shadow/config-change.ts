/** Two configurations side by side, and one laid over another. Values that are content (allowed and denied values, tool environments) are counted, never shown. */
import { type LoadedConfig, parseConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { parseDocument } from 'yaml';

export interface KeyChange {
  readonly key: string;
  readonly from: string;
  readonly to: string;
}

/** Lists of values that a person wrote because they are sensitive, and variables given to tools. */
const WITHHELD = /^classify\.(?:allow|deny)(?:\[|\.|$)|(?:^|\.)environment(?:\.|$)/;
const ABSENT = '—';
const LONGEST = 200;

/** redactConfig is the configuration as it may be shown: secrets are references already, values of people's data are hidden. */
export function redactConfig(config: Config): unknown {
  return redact(config, '');
}

function redact(value: unknown, path: string): unknown {
  if (WITHHELD.test(path) && (typeof value === 'string' || typeof value === 'number')) return '[withheld]';
  if (Array.isArray(value)) return value.map((each, index) => redact(each, `${path}[${index}]`));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, redact(each, path === '' ? key : `${path}.${key}`)]),
  );
}

export function changesBetween(from: Config, to: Config): readonly KeyChange[] {
  const before = flatten(from);
  const after = flatten(to);
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const one = before.get(key) ?? ABSENT;
    const other = after.get(key) ?? ABSENT;
    if (one === other) return [];
    return WITHHELD.test(key)
      ? [{ key, from: one === ABSENT ? ABSENT : '[withheld]', to: other === ABSENT ? ABSENT : '[withheld]' }]
      : [{ key, from: one.slice(0, LONGEST), to: other.slice(0, LONGEST) }];
  });
}

function flatten(config: Config): ReadonlyMap<string, string> {
  const flat = new Map<string, string>();
  const walk = (value: unknown, path: string): void => {
    if (Array.isArray(value)) {
      // Items with a name are known by it: a rule moved is no rule changed.
      for (const [index, each] of value.entries()) walk(each, `${path}[${nameOf(each) ?? index}]`);
      return;
    }
    if (value !== null && typeof value === 'object') {
      for (const [key, each] of Object.entries(value)) walk(each, path === '' ? key : `${path}.${key}`);
      return;
    }
    flat.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  };
  walk(config, '');
  return flat;
}

function nameOf(item: unknown): string | undefined {
  if (item === null || typeof item !== 'object' || !('name' in item)) return undefined;
  return typeof item.name === 'string' ? item.name : undefined;
}

/**
 * overlay lays a YAML fragment over a configuration in force: objects are joined, lists and values replaced. Environment variables are not read, so that a
 * fragment cannot ask for a secret's value, and it may name no file that the configuration does not.
 */
export function overlay(base: Config, fragment: string, file: string): LoadedConfig {
  const document = parseDocument(fragment, { uniqueKeys: true, stringKeys: true });
  const problem = (message: string): LoadedConfig => ({ kind: 'invalid', file, problems: [{ path: '', message }] });
  if (document.errors.length > 0) return problem('the fragment is not valid YAML');
  const value: unknown = document.toJS() ?? {};
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return problem('the fragment must be keys and values');
  const loaded = parseConfig(JSON.stringify(join(base, value)), file, {});
  if (loaded.kind === 'invalid') return loaded;
  const files = new Set(base.classify.recognizerFiles);
  return loaded.config.classify.recognizerFiles.every((each) => files.has(each))
    ? loaded
    : problem('classify.recognizerFiles: a fragment may name only files that are in use');
}

function join(base: unknown, over: unknown): unknown {
  if (!isRecord(base) || !isRecord(over)) return over;
  const joined: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over))
    joined[key] = Object.hasOwn(base, key) ? join(base[key], value) : value;
  return joined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/**
 * File and environment to a frozen Config. No side effects beyond reading the named file; provisioning comes later. Fails
 * closed: anything that cannot be read, parsed or understood is `invalid`, and nothing is served from half a file.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { DEFAULT_COMBINATIONS, DEFAULT_ENTITIES } from './defaults.ts';
import { type ConfigProblem, explainIssues } from './explain.ts';
import { Config } from './schema.ts';
import { Secret } from './secret.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type LoadedConfig =
  | {
      readonly kind: 'config';
      readonly config: Config;
      /** Absolute path of the file; empty when there was none. */
      readonly file: string;
      /** Hex sha256 over the canonical form: equal digests mean equal policy. */
      readonly digest: string;
    }
  | {
      readonly kind: 'invalid';
      readonly file: string;
      readonly problems: readonly [ConfigProblem, ...ConfigProblem[]];
    };

/** loadConfig reads `file`, or without one makes the configuration that the environment describes. */
export function loadConfig(file: string | undefined, environment: Environment): LoadedConfig {
  if (file === undefined) return validate(fromEnvironment(environment), '');
  const path = resolve(file);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return { kind: 'invalid', file: path, problems: [{ path: '', message: `cannot read ${path} (${code})` }] };
  }
  return parseConfig(text, path, environment);
}

/** parseConfig is loadConfig on text already at hand; `path` is used for messages and relative files. */
export function parseConfig(text: string, path: string, environment: Environment): LoadedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: true, lineCounter: lines, stringKeys: true });
  const problems: ConfigProblem[] = document.errors.map((error) => ({
    path: '',
    message: `line ${lines.linePos(error.pos[0]).line}: ${error.code === 'DUPLICATE_KEY' ? 'duplicate key' : 'not valid YAML'} (${error.code})`,
  }));
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value !== 'string' || !node.value.includes('${')) return;
      const whole = /^\$\{[^}]*\}$/.test(node.value);
      const expanded = expand(node.value, environment);
      if (expanded.kind === 'missing') {
        const line = node.range ? lines.linePos(node.range[0]).line : 0;
        problems.push({
          path: '',
          message: `line ${line}: environment variable ${expanded.variable} is not set and has no default`,
        });
        return;
      }
      // A variable may stand for a number or a truth value, never for structure.
      const typed = whole && node.type === 'PLAIN' ? parseDocument(expanded.text).contents : null;
      node.value = isScalar(typed) && typed.value !== null ? typed.value : expanded.text;
    },
  });
  if (problems.length > 0)
    return { kind: 'invalid', file: path, problems: problems as [ConfigProblem, ...ConfigProblem[]] };
  let input: unknown;
  try {
    input = document.toJS();
  } catch {
    // An alias of nothing, or more aliases than any file written by hand has (the YAML bomb).
    return { kind: 'invalid', file: path, problems: [{ path: '', message: 'an alias (*name) cannot be resolved' }] };
  }
  return validate(input ?? {}, path);
}

function validate(input: unknown, file: string): LoadedConfig {
  const parsed = Config.safeParse(input);
  if (!parsed.success) {
    const problems = explainIssues(Config, parsed.error.issues);
    return { kind: 'invalid', file, problems: problems as [ConfigProblem, ...ConfigProblem[]] };
  }
  const { classify } = parsed.data;
  const { tokenModel } = classify.deep;
  const beside = (each: string): string => resolve(dirname(file === '' ? '.' : file), each);
  const config: Config = {
    ...parsed.data,
    classify: {
      ...classify,
      entities: { ...DEFAULT_ENTITIES, ...classify.entities },
      combinations:
        classify.combinations.length > 0
          ? classify.combinations
          : DEFAULT_COMBINATIONS.map((each) => ({ ...each, all: [...each.all] })),
      recognizerFiles: classify.recognizerFiles.map(beside),
      deep: {
        ...classify.deep,
        ...(tokenModel === undefined
          ? {}
          : {
              tokenModel: {
                ...tokenModel,
                model: beside(tokenModel.model),
                vocabulary: beside(tokenModel.vocabulary),
              },
            }),
      },
    },
  };
  return { kind: 'config', config: deepFreeze(config), file, digest: digestOf(config) };
}

/** fromEnvironment is what Sluice runs with when no file is named: the variables that agents' users already have. */
export function fromEnvironment(environment: Environment): unknown {
  const upstreams: unknown[] = [
    { kind: 'ollama', name: 'local', url: ollamaUrl(environment['OLLAMA_HOST']), sees: 'restricted' },
  ];
  const key = environment['OPENAI_API_KEY'];
  const base = environment['OPENAI_BASE_URL'];
  if ((key ?? '') !== '' || (base ?? '') !== '') {
    upstreams.push({
      kind: 'openai',
      name: 'cloud',
      url: base === undefined || base === '' ? 'https://api.openai.com/v1' : base,
      model: environment['OPENAI_MODEL'] ?? 'gpt-5',
      sees: 'public',
      ...((key ?? '') === '' ? {} : { apiKey: 'env:OPENAI_API_KEY' }),
    });
  }
  // Not its base URL: where that is set in the same shell, it is this Sluice's own address, for the agents.
  if ((environment['ANTHROPIC_API_KEY'] ?? '') !== '')
    upstreams.push({
      kind: 'anthropic',
      name: 'claude',
      model: environment['ANTHROPIC_MODEL'] ?? 'claude-sonnet-5-5',
      sees: 'public',
      apiKey: 'env:ANTHROPIC_API_KEY',
    });
  return { upstreams };
}

/** ollamaUrl reads OLLAMA_HOST as Ollama's own clients do: scheme and port optional, and a wildcard address means this machine. */
export function ollamaUrl(host: string | undefined): string {
  const text = (host ?? '').trim();
  if (text === '') return 'http://127.0.0.1:11434';
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(withScheme)) return withScheme;
  const url = new URL(withScheme);
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url.hostname === '[::]') url.hostname = '[::1]';
  if (url.port === '' && !/:\d+\/?$/.test(text) && url.protocol === 'http:') url.port = '11434';
  return url.href.replace(/\/+$/, '');
}

/** resolveSecret reads `env:NAME` or `file:/path`. Undefined when it is not there: the caller names the reference, never a value. */
export function resolveSecret(reference: string, environment: Environment): Secret | undefined {
  if (reference.startsWith('env:')) {
    const value = environment[reference.slice(4)];
    return value === undefined || value === '' ? undefined : new Secret(value);
  }
  try {
    const value = readFileSync(reference.slice('file:'.length), 'utf8').trim();
    return value === '' ? undefined : new Secret(value);
  } catch {
    return undefined;
  }
}

/** stateDirOf is where labels and keys live when the file does not say. */
export function stateDirOf(config: Config, environment: Environment): string {
  if (config.stateDir !== '') return resolve(config.stateDir);
  const base = environment['XDG_STATE_HOME'];
  return join(base !== undefined && base.startsWith('/') ? base : join(homedir(), '.local', 'state'), 'sluice');
}

type Expanded =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing'; readonly variable: string };

/** expand knows `${NAME}` and `${NAME:-default}`; the default also stands in for an empty value, as in a shell. */
function expand(text: string, environment: Environment): Expanded {
  let missing: string | undefined;
  const expanded = text.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (_, variable: string, fallback: string | undefined) => {
      const value = environment[variable];
      if (value !== undefined && value !== '') return value;
      if (fallback === undefined) missing ??= variable;
      return fallback ?? '';
    },
  );
  return missing === undefined ? { kind: 'text', text: expanded } : { kind: 'missing', variable: missing };
}

function digestOf(config: Config): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(config)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) deepFreeze(each);
  }
  return value;
}

/**
 * Presidio's recognizer YAML as it is: custom pattern recognizers, deny lists, predefined ones by class name. Fails closed:
 * what cannot be honoured is a problem with its line, never left out. Languages: a prompt names none, so patterns of
 * every language apply and their context words are joined.
 */
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';
import { z } from 'zod';
import type { EntityType } from '../finding.ts';
import type { Recognizer } from '../recognizer.ts';
import { customRecognizer } from './custom-recognizer.ts';
import type { CustomPattern } from './custom-recognizer.ts';
import { denyListRecognizer } from './deny-list.ts';
import { PRESIDIO_CLASSES } from './presidio-predefined.ts';
import { rewriteRegex } from './re2-syntax.ts';
import type { LoadedRules, RuleProblem } from './rule-problem.ts';
import { checkRegex, proofBudget } from './safe-regex.ts';
import type { ProofBudget } from './safe-regex.ts';

const words = z.array(z.union([z.string(), z.number()]).transform(String));
const Language = z.union([z.string(), z.strictObject({ language: z.string(), context: words.nullish() })]);
const Pattern = z.strictObject({
  name: z.string().default('pattern'),
  regex: z.string().min(1),
  score: z.number().min(0).max(1),
});
const RecognizerEntry = z.strictObject({
  name: z.string().min(1).optional(),
  type: z.enum(['predefined', 'custom']).optional(),
  class_name: z.string().optional(),
  enabled: z.boolean().default(true),
  country_code: z.string().optional(),
  supported_language: z.string().optional(),
  supported_languages: z.array(Language).optional(),
  supported_entity: z.string().optional(),
  supported_entities: z.array(z.string()).optional(),
  patterns: z.array(Pattern).optional(),
  deny_list: words.optional(),
  deny_list_score: z.number().min(0).max(1).default(1),
  context: words.nullish(),
  global_regex_flags: z.int().min(0).optional(),
});
type RecognizerEntry = z.infer<typeof RecognizerEntry>;
const Registry = z.looseObject({
  supported_languages: z.array(z.string()).optional(),
  supported_countries: z.array(z.string()).nullish(),
  global_regex_flags: z.int().min(0).optional(),
  default_score_threshold: z.number().optional(),
  recognizers: z.array(z.union([z.string(), z.looseObject({})])),
});
/** Keys a file of recognizers may have, and keys of Presidio's engine that say nothing about them. */
const REGISTRY_KEYS = new Set(['supported_languages', 'supported_countries', 'global_regex_flags', 'recognizers']);
const ENGINE_KEYS = new Set([
  'supported_languages',
  'nlp_configuration',
  'default_score_threshold',
  'recognizer_registry',
]);

/** DOTALL | MULTILINE | IGNORECASE. */
const DEFAULT_FLAGS = 26;
/** Python's re: the bits that choose character tables mean nothing here. */
const FLAG_BITS: Readonly<Record<number, string>> = { 2: 'i', 8: 'm', 16: 's' };
const NO_EFFECT = 4 | 32 | 256;

/** `builtIn`: entities that Sluice finds without any file. */
export function loadPresidioYaml(text: string, builtIn: ReadonlySet<EntityType>): LoadedRules {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true });
  const [fault] = document.errors;
  if (fault) return { kind: 'invalid', problems: [{ line: counter.linePos(fault.pos[0]).line, message: 'not YAML' }] };
  return new Loader(document, counter, builtIn).load();
}

type Path = readonly (string | number)[];
const UNRESOLVED = Symbol('unresolved');

class Loader {
  readonly #document: Document;
  readonly #counter: LineCounter;
  readonly #builtIn: ReadonlySet<EntityType>;
  readonly #problems: RuleProblem[] = [];
  readonly #notes: RuleProblem[] = [];
  readonly #budget: ProofBudget = proofBudget();
  #languages: ReadonlySet<string> | undefined;

  constructor(document: Document, counter: LineCounter, builtIn: ReadonlySet<EntityType>) {
    this.#document = document;
    this.#counter = counter;
    this.#builtIn = builtIn;
  }

  /** An alias of nothing, or more aliases than a file written by hand has (the YAML bomb), is `UNRESOLVED`. */
  #resolve(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 }) as unknown;
    } catch {
      return UNRESOLVED;
    }
  }

  load(): LoadedRules {
    const root = this.#resolve();
    if (root === UNRESOLVED)
      return { kind: 'invalid', problems: [{ line: 1, message: 'an alias (*name) cannot be resolved' }] };
    const isEngine = typeof root === 'object' && root !== null && 'recognizer_registry' in root;
    const base: Path = isEngine ? ['recognizer_registry'] : [];
    const registry = Registry.safeParse(isEngine ? root.recognizer_registry : root);
    if (!registry.success) {
      for (const issue of registry.error.issues)
        this.#problem(
          [...base, ...pathOf(issue.path)],
          `\`${[...base, ...issue.path].join('.') || 'file'}\`: ${issue.message}`,
        );
      return { kind: 'invalid', problems: this.#problems };
    }
    this.#topLevel(isEngine ? root : undefined, registry.data, base);
    if (registry.data.supported_languages) this.#languages = new Set(registry.data.supported_languages);
    const flags = registry.data.global_regex_flags ?? DEFAULT_FLAGS;
    const names = new Map<string, number>();
    const recognizers = registry.data.recognizers.flatMap((raw, index) =>
      this.#entry(raw, [...base, 'recognizers', index], flags, names),
    );
    if (this.#problems.length > 0) return { kind: 'invalid', problems: this.#problems };
    return { kind: 'loaded', recognizers, notes: this.#notes };
  }

  #topLevel(engine: object | undefined, registry: z.infer<typeof Registry>, base: Path): void {
    for (const key of Object.keys(engine ?? {}))
      if (!ENGINE_KEYS.has(key)) this.#problem([key], `unknown key \`${key}\``);
    for (const key of Object.keys(registry)) {
      if (REGISTRY_KEYS.has(key)) continue;
      if (ENGINE_KEYS.has(key))
        this.#note([...base, key], `\`${key}\` is Presidio's engine's; use \`classify.entities\` for thresholds`);
      else this.#problem([...base, key], `unknown key \`${key}\``);
    }
  }

  #entry(raw: unknown, path: Path, flags: number, names: Map<string, number>): readonly Recognizer[] {
    if (typeof raw === 'object' && raw !== null && 'enabled' in raw && raw.enabled === false) return [];
    const parsed = RecognizerEntry.safeParse(typeof raw === 'string' ? { name: raw, type: 'predefined' } : raw);
    if (!parsed.success) {
      for (const issue of parsed.error.issues) {
        const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [];
        const at = [...path, ...pathOf(issue.path), ...unknown.slice(0, 1)];
        this.#problem(
          at,
          unknown.length > 0
            ? `unknown key \`${unknown.join('`, `')}\``
            : `\`${issue.path.join('.')}\`: ${issue.message}`,
        );
      }
      return [];
    }
    const entry = parsed.data;
    if (!this.#speaks(entry)) {
      this.#note(
        path,
        `\`${entry.name ?? ''}\` is for languages the file does not support; Presidio does not load it either`,
      );
      return [];
    }
    const isCustom =
      entry.type === 'custom' ||
      (entry.type === undefined && (entry.patterns !== undefined || entry.deny_list !== undefined));
    return isCustom
      ? this.#custom(entry, path, entry.global_regex_flags ?? flags, names)
      : this.#predefined(entry, path);
  }

  /** Presidio loads a recognizer for the languages that the file as a whole supports. */
  #speaks({ supported_language: one, supported_languages: several }: RecognizerEntry): boolean {
    if (this.#languages === undefined) return true;
    const own = [
      ...(one === undefined ? [] : [one]),
      ...(several ?? []).map((language) => (typeof language === 'string' ? language : language.language)),
    ];
    return own.length === 0 || own.some((language) => this.#languages?.has(language));
  }

  #predefined(entry: RecognizerEntry, path: Path): readonly Recognizer[] {
    const className = entry.class_name ?? entry.name ?? '';
    const entities = Object.hasOwn(PRESIDIO_CLASSES, className) ? PRESIDIO_CLASSES[className] : undefined;
    if (entities === undefined) {
      this.#problem(
        path,
        `\`${className}\` is no predefined recognizer known here; set \`enabled: false\`, or give it \`type: custom\` and patterns`,
      );
      return [];
    }
    const missing = entities.filter((entity) => !this.#builtIn.has(entity));
    if (missing.length > 0) {
      this.#problem(
        path,
        `\`${className}\` finds ${missing.join(', ')}, which Sluice has no recognizer for; set \`enabled: false\`, or give it \`type: custom\` and patterns`,
      );
      return [];
    }
    const asked =
      entry.supported_entity ?? (entry.supported_entities?.length === 1 ? entry.supported_entities[0] : undefined);
    if (asked !== undefined && !entities.includes(asked)) {
      this.#problem(
        [...path, 'supported_entity'],
        `\`${className}\` is built in and reports ${entities.join(', ')}; it cannot report \`${asked}\``,
      );
      return [];
    }
    if (entry.patterns !== undefined || entry.deny_list !== undefined) {
      this.#problem(path, `\`${className}\` is built in; patterns of its own need \`type: custom\``);
      return [];
    }
    this.#note(path, `\`${className}\` is built in as ${entities.join(', ')}; its own context words are used`);
    return [];
  }

  #custom(entry: RecognizerEntry, path: Path, flags: number, names: Map<string, number>): readonly Recognizer[] {
    const entity = entry.supported_entity ?? entry.supported_entities?.[0];
    const { name } = entry;
    const before = this.#problems.length;
    if (name === undefined) this.#problem(path, 'a custom recognizer needs a `name`');
    if (entity === undefined) this.#problem(path, `\`${name ?? 'recognizer'}\` has no \`supported_entity\``);
    if ((entry.supported_entities?.length ?? 0) > 1)
      this.#problem([...path, 'supported_entities'], 'a pattern recognizer reports one entity');
    if (!entry.patterns?.length && !entry.deny_list?.length)
      this.#problem(path, `\`${name ?? 'recognizer'}\` has neither \`patterns\` nor a \`deny_list\``);
    const javascript = this.#flags(flags, path);
    const patterns = (entry.patterns ?? []).map((pattern, index) =>
      this.#pattern(pattern, [...path, 'patterns', index, 'regex'], javascript),
    );
    if (this.#problems.length > before || name === undefined || entity === undefined) return [];
    const unique = uniqueName(kebab(name), names);
    const usable = patterns.filter((pattern) => pattern !== undefined);
    const recognizers: Recognizer[] = [];
    if (usable.length > 0)
      recognizers.push(customRecognizer({ name: unique, entity, patterns: usable, context: contextOf(entry) }));
    if (entry.deny_list?.length) {
      const suffix = usable.length > 0 ? `${unique}-deny-list` : unique;
      recognizers.push(
        denyListRecognizer({
          name: suffix,
          entity,
          words: entry.deny_list,
          score: entry.deny_list_score,
          ignoreCase: javascript.includes('i'),
        }),
      );
    }
    return recognizers;
  }

  #flags(bits: number, path: Path): string {
    let rest = bits & ~NO_EFFECT;
    let flags = '';
    for (const [bit, flag] of Object.entries(FLAG_BITS)) {
      if ((rest & Number(bit)) === 0) continue;
      flags += flag;
      rest &= ~Number(bit);
    }
    if (rest !== 0)
      this.#problem([...path, 'global_regex_flags'], `\`global_regex_flags\` has bits that are not honoured: ${rest}`);
    return flags;
  }

  #pattern(pattern: z.infer<typeof Pattern>, path: Path, flags: string): CustomPattern | undefined {
    const rewritten = rewriteRegex(pattern.regex, flags);
    if (rewritten.kind === 'unsupported') {
      this.#problem(path, `pattern \`${pattern.name}\` has ${rewritten.what}, which is not known here`);
      return undefined;
    }
    const unicode = rewritten.needsUnicode ? `${rewritten.flags}u` : rewritten.flags;
    // Python's \Z is RE2's \z.
    const linearSource = pattern.regex.replaceAll('\\Z', '\\z');
    const regex = checkRegex({ source: rewritten.source, flags: unicode, linearSource }, this.#budget);
    if (regex.kind === 'safe') return { name: pattern.name, regex, score: pattern.score };
    this.#problem(
      path,
      `pattern \`${pattern.name}\` is refused: ${regex.reason}${regex.attack ? `; for example on ${regex.attack}` : ''}`,
    );
    return undefined;
  }

  #problem(path: Path, message: string): void {
    this.#problems.push({ line: this.#line(path), message });
  }

  #note(path: Path, message: string): void {
    this.#notes.push({ line: this.#line(path), message });
  }

  /** Line of the deepest node on the path that exists; of a pair, the line of its key. */
  #line(path: Path): number {
    let node: unknown = this.#document.contents;
    let offset = 0;
    for (const part of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
        if (pair === undefined) break;
        offset = startOf(pair.key) ?? offset;
        node = pair.value;
      } else if (isSeq(node) && typeof part === 'number') {
        node = node.items[part];
        offset = startOf(node) ?? offset;
      } else break;
    }
    return this.#counter.linePos(offset).line;
  }
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

function pathOf(path: readonly PropertyKey[]): Path {
  return path.map((part) => (typeof part === 'number' ? part : String(part)));
}

/** Context words of every language; Presidio compares lemmas in lower case. */
function contextOf(entry: RecognizerEntry): readonly string[] {
  const perLanguage = (entry.supported_languages ?? []).flatMap((language) =>
    typeof language === 'string' ? [] : (language.context ?? []),
  );
  return [...new Set([...(entry.context ?? []), ...perLanguage].map((word) => word.toLowerCase()))];
}

function kebab(name: string): string {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
  return spaced.replace(/[^a-z0-9]{1,40}/g, '-').replace(/^-|-$/g, '') || 'custom';
}

/** Presidio lets two recognizers share a name, one per language. */
function uniqueName(name: string, names: Map<string, number>): string {
  const count = (names.get(name) ?? 0) + 1;
  names.set(name, count);
  return count === 1 ? name : `${name}-${count}`;
}

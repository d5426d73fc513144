/**
 * gitleaks' TOML as it is: regexes in RE2's syntax, keywords, entropy, secret groups, stopwords, allowlists. Fails closed:
 * a rule that cannot be honoured is a problem with its line, never left out. What is about files (paths, commits,
 * archives) is noted and has no effect on prompts.
 */
import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { entropy } from '../recognizers/secrets/randomness.ts';
import type { EntityType } from '../finding.ts';
import type { Recognizer } from '../recognizer.ts';
import { customRecognizer } from './custom-recognizer.ts';
import { compileAllowlist } from './gitleaks-allowlist.ts';
import type { Allowlist, AllowlistSource } from './gitleaks-allowlist.ts';
import { rewriteRegex } from './re2-syntax.ts';
import type { LoadedRules, RuleProblem } from './rule-problem.ts';
import { checkRegex, proofBudget } from './safe-regex.ts';
import type { MatchRange, ProofBudget } from './safe-regex.ts';
import { tomlLines } from './toml-lines.ts';
import type { TomlLines } from './toml-lines.ts';

const strings = z.array(z.string()).default([]);
const AllowlistTable = z.strictObject({
  id: z.string().optional(),
  description: z.string().optional(),
  condition: z
    .string()
    .transform((value) => value.toUpperCase())
    .pipe(z.enum(['AND', '&&', 'OR', '||', '']))
    .default('OR'),
  regexes: strings,
  regexTarget: z.enum(['', 'secret', 'match', 'line']).default('secret'),
  stopwords: strings,
  paths: strings,
  commits: strings,
  targetRules: strings,
});
const Rule = z.strictObject({
  id: z.string().min(1),
  description: z.string().optional(),
  regex: z.string().optional(),
  secretGroup: z.int().min(0).default(0),
  entropy: z.number().default(0),
  keywords: strings,
  path: z.string().optional(),
  tags: strings,
  allowlist: AllowlistTable.optional(),
  allowlists: z.array(AllowlistTable).default([]),
  skipReport: z.boolean().default(false),
  required: z.array(z.unknown()).default([]),
});
const File = z.strictObject({
  title: z.string().optional(),
  description: z.string().optional(),
  minVersion: z.string().optional(),
  extend: z.unknown().optional(),
  allowlist: AllowlistTable.optional(),
  allowlists: z.array(AllowlistTable).default([]),
  rules: z.array(Rule).default([]),
});
type AllowlistTable = z.infer<typeof AllowlistTable>;
type Rule = z.infer<typeof Rule>;

/** A finding of a gitleaks rule; rules gitleaks itself calls generic are less sure. */
const SCORE = 0.9;
const GENERIC_SCORE = 0.6;

export function loadGitleaksToml(text: string): LoadedRules {
  let parsed: unknown;
  try {
    parsed = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { kind: 'invalid', problems: [{ line: error.line, message: 'not TOML' }] };
  }
  const lines = tomlLines(text);
  const file = File.safeParse(parsed);
  if (!file.success) return { kind: 'invalid', problems: file.error.issues.map((issue) => problemOf(issue, lines)) };
  return new Loader(lines).load(file.data);
}

class Loader {
  readonly #lines: TomlLines;
  readonly #problems: RuleProblem[] = [];
  readonly #notes: RuleProblem[] = [];
  readonly #budget: ProofBudget = proofBudget();
  #allowlistsOfRules = 0;
  #allowlistOfRules = 0;

  constructor(lines: TomlLines) {
    this.#lines = lines;
  }

  load(file: z.infer<typeof File>): LoadedRules {
    if (file.extend !== undefined) {
      this.#problem(
        this.#lines.table('extend', 0),
        '`extend` is not honoured: one file cannot pull in another. List both files',
      );
    }
    const seen = new Map<string, number>();
    const global: Allowlist[] = [];
    if (file.allowlist) global.push(...this.#allowlist(file.allowlist, this.#lines.table('allowlist', 0)));
    file.allowlists.forEach((table, index) =>
      global.push(...this.#allowlist(table, this.#lines.table('allowlists', index))),
    );
    const ids = new Set(file.rules.map((rule) => rule.id));
    file.allowlists.forEach((table, index) => {
      const unknown = table.targetRules.find((id) => !ids.has(id));
      if (unknown !== undefined)
        this.#problem(
          this.#lines.table('allowlists', index),
          `\`targetRules\` names ${unknown}, which is no rule of this file`,
        );
    });
    const recognizers: Recognizer[] = [];
    file.rules.forEach((rule, index) => {
      const line = this.#lines.table('rules', index);
      const earlier = seen.get(rule.id);
      if (earlier !== undefined) this.#problem(line, `rule ${rule.id} is already defined at line ${earlier}`);
      seen.set(rule.id, line);
      const recognizer = this.#rule(rule, line, global);
      if (recognizer) recognizers.push(recognizer);
    });
    if (this.#problems.length > 0) return { kind: 'invalid', problems: this.#problems };
    return { kind: 'loaded', recognizers, notes: this.#notes };
  }

  #rule(rule: Rule, line: number, global: readonly Allowlist[]): Recognizer | undefined {
    const own = this.#allowlistsOf(rule);
    if (rule.required.length > 0) {
      this.#problem(this.#lines.key(line, 'required'), `rule ${rule.id}: \`required\` rules are not honoured`);
      return undefined;
    }
    if (rule.path !== undefined) {
      const what = rule.regex === undefined ? 'the rule has no effect' : 'its regex applies to every text';
      this.#note(this.#lines.key(line, 'path'), `rule ${rule.id}: prompts have no path; ${what}`);
    }
    if (rule.regex === undefined) {
      if (rule.path === undefined) this.#problem(line, `rule ${rule.id} has neither a regex nor a path`);
      return undefined;
    }
    if (rule.skipReport) {
      this.#note(this.#lines.key(line, 'skipReport'), `rule ${rule.id} only serves other rules; it has no effect`);
      return undefined;
    }
    const at = this.#lines.key(line, 'regex');
    const rewritten = rewriteRegex(rule.regex, '');
    if (rewritten.kind === 'unsupported') {
      this.#problem(at, `rule ${rule.id}: its regex has ${rewritten.what}, which is not known here`);
      return undefined;
    }
    const flags = rewritten.needsUnicode ? `${rewritten.flags}u` : rewritten.flags;
    const regex = checkRegex({ source: rewritten.source, flags, linearSource: rule.regex }, this.#budget);
    if (regex.kind === 'refused') {
      this.#problem(
        at,
        `rule ${rule.id}: its regex is refused: ${regex.reason}${regex.attack ? `; for example on ${regex.attack}` : ''}`,
      );
      return undefined;
    }
    if (rule.secretGroup > groupsIn(rewritten.source, flags)) {
      this.#problem(
        this.#lines.key(line, 'secretGroup'),
        `rule ${rule.id}: \`secretGroup\` ${rule.secretGroup} is more than its regex has`,
      );
      return undefined;
    }
    const allowlists = [
      ...own,
      ...global.filter((list) => list.targetRules.length === 0 || list.targetRules.includes(rule.id)),
    ];
    const isGeneric = rule.id.startsWith('generic');
    return customRecognizer({
      name: rule.id,
      entity: entityOf(rule.id),
      context: [],
      ...(rule.keywords.length > 0 ? { keywords: rule.keywords } : {}),
      patterns: [
        {
          name: rule.id,
          regex,
          score: isGeneric ? GENERIC_SCORE : SCORE,
          value: (ranges) => secretOf(ranges, rule.secretGroup),
          accept(whole, secret, match) {
            const value = whole.slice(secret.start, secret.end);
            if (rule.entropy > 0 && entropy(value) <= rule.entropy) return false;
            // gitleaks' own exception: a generic secret has a digit.
            if (isGeneric && !/\d/.test(value)) return false;
            return !allowlists.some((list) => list.allows(whole, secret, match));
          },
        },
      ],
    });
  }

  #allowlistsOf(rule: Rule): readonly Allowlist[] {
    const lists: Allowlist[] = [];
    if (rule.allowlist)
      lists.push(...this.#allowlist(rule.allowlist, this.#lines.table('rules.allowlist', this.#allowlistOfRules++)));
    for (const table of rule.allowlists) {
      lists.push(...this.#allowlist(table, this.#lines.table('rules.allowlists', this.#allowlistsOfRules++)));
    }
    return lists;
  }

  #allowlist(table: AllowlistTable, line: number): readonly Allowlist[] {
    const hasPlaces = table.paths.length > 0 || table.commits.length > 0;
    if (hasPlaces) this.#note(line, 'prompts have no paths and commits; that part of the allowlist has no effect');
    const source: AllowlistSource = {
      regexes: table.regexes,
      regexTarget: table.regexTarget === '' ? 'secret' : table.regexTarget,
      stopwords: table.stopwords,
      condition: table.condition === 'AND' || table.condition === '&&' ? 'AND' : 'OR',
      targetRules: table.targetRules,
      hasPlaces,
    };
    const compiled = compileAllowlist(source, this.#budget);
    if (compiled.kind === 'never') {
      if (!hasPlaces) this.#problem(line, 'an allowlist that allows nothing');
      return [];
    }
    if (compiled.kind === 'allowlist') return [compiled.allowlist];
    this.#problem(
      this.#lines.key(line, 'regexes'),
      `regex ${compiled.pattern + 1} of the allowlist is refused: ${compiled.reason}`,
    );
    return [];
  }

  #problem(line: number, message: string): void {
    this.#problems.push({ line, message });
  }

  #note(line: number, message: string): void {
    this.#notes.push({ line, message });
  }
}

/** Capturing groups of a pattern: an alternative that matches nothing still lists them all. */
function groupsIn(source: string, flags: string): number {
  try {
    return (new RegExp(`${source}|`, flags).exec('')?.length ?? 1) - 1;
  } catch {
    return Infinity;
  }
}

/** gitleaks: the group that is named, else the only or first group that took part, else the match. */
function secretOf(ranges: readonly (MatchRange | undefined)[], group: number): MatchRange | undefined {
  if (group > 0) return ranges[group] ?? ranges[0];
  return ranges.slice(1).find((range) => range !== undefined && range.end > range.start) ?? ranges[0];
}

function entityOf(id: string): EntityType {
  if (/private-key|secret-key-pem|age-secret|ppk/.test(id)) return 'PRIVATE_KEY';
  if (id.startsWith('jwt')) return 'JWT';
  if (/password|curl-auth-user/.test(id)) return 'PASSWORD';
  return 'API_KEY';
}

function problemOf(issue: z.core.$ZodIssue, lines: TomlLines): RuleProblem {
  const [table, index, ...rest] = issue.path;
  const isTable = typeof index === 'number';
  const line = typeof table === 'string' ? lines.table(table, isTable ? index : 0) : 1;
  const key =
    (issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined) ?? rest.find((part) => typeof part === 'string');
  const at = key === undefined ? line : lines.key(line, key);
  const what =
    issue.code === 'unrecognized_keys'
      ? `unknown key \`${issue.keys.join('`, `')}\``
      : `\`${issue.path.join('.')}\`: ${issue.message}`;
  return { line: at, message: what };
}

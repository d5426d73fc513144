/**
 * gitleaks' allowlists, as far as a prompt has what they look at: the secret, the match, its line, stopwords. Paths and
 * commits do not exist here; an allowlist that needs one of them as well (`condition = "AND"`) never applies.
 */
import { rewriteRegex } from './re2-syntax.ts';
import { checkRegex } from './safe-regex.ts';
import type { MatchRange, Matcher, ProofBudget } from './safe-regex.ts';

export interface Allowlist {
  readonly targetRules: readonly string[];
  readonly allows: (text: string, secret: MatchRange, match: MatchRange) => boolean;
}

export interface AllowlistSource {
  readonly regexes: readonly string[];
  readonly regexTarget: 'secret' | 'match' | 'line';
  readonly stopwords: readonly string[];
  readonly condition: 'AND' | 'OR';
  readonly targetRules: readonly string[];
  /** Whether it also names paths or commits. */
  readonly hasPlaces: boolean;
}

/** How much of the line an allowlist on lines may look at; a prompt may be one line of a megabyte. */
const LONGEST_LINE = 2_000;

export type CompiledAllowlist =
  | { readonly kind: 'allowlist'; readonly allowlist: Allowlist }
  | { readonly kind: 'never' }
  | { readonly kind: 'refused'; readonly pattern: number; readonly reason: string };

export function compileAllowlist(source: AllowlistSource, budget: ProofBudget): CompiledAllowlist {
  if (source.hasPlaces && source.condition === 'AND') return { kind: 'never' };
  const matchers: Matcher[] = [];
  for (const [index, regex] of source.regexes.entries()) {
    const rewritten = rewriteRegex(regex, '');
    if (rewritten.kind === 'unsupported') return { kind: 'refused', pattern: index, reason: rewritten.what };
    const checked = checkRegex({ source: rewritten.source, flags: rewritten.flags, linearSource: regex }, budget);
    if (checked.kind === 'refused') return { kind: 'refused', pattern: index, reason: checked.reason };
    matchers.push(checked.matcher);
  }
  if (matchers.length === 0 && source.stopwords.length === 0) return { kind: 'never' };
  const stopwords = source.stopwords.map((word) => word.toLowerCase());
  const tests: ((text: string, secret: MatchRange, match: MatchRange) => boolean)[] = [];
  if (matchers.length > 0) {
    tests.push((text, secret, match) => {
      const target = targetText(source.regexTarget, text, secret, match);
      return matchers.some((matcher) => matcher.exec(target, 0) !== undefined);
    });
  }
  if (stopwords.length > 0) {
    tests.push((text, secret) => {
      const value = text.slice(secret.start, secret.end).toLowerCase();
      return stopwords.some((word) => value.includes(word));
    });
  }
  return {
    kind: 'allowlist',
    allowlist: {
      targetRules: source.targetRules,
      allows: (text, secret, match) =>
        source.condition === 'AND'
          ? tests.every((test) => test(text, secret, match))
          : tests.some((test) => test(text, secret, match)),
    },
  };
}

function targetText(
  target: AllowlistSource['regexTarget'],
  text: string,
  secret: MatchRange,
  match: MatchRange,
): string {
  if (target === 'secret') return text.slice(secret.start, secret.end);
  if (target === 'match') return text.slice(match.start, match.end);
  const before = text.slice(Math.max(0, match.start - LONGEST_LINE), match.start);
  const after = text.slice(match.end, match.end + LONGEST_LINE);
  const newline = after.indexOf('\n');
  return (
    before.slice(before.lastIndexOf('\n') + 1) +
    text.slice(match.start, match.end) +
    (newline < 0 ? after : after.slice(0, newline))
  );
}

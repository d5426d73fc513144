/**
 * The rules of @redactpii/node as a recognizer, for teams that know its findings. It has no spans, scores or checks, and is
 * wrong often (every 7- or 10-digit number is a phone), so its candidates stay below every default threshold: they show in
 * explanations, and count only where the operator lowers a threshold. Never given an API key: with one it reports to its maker.
 */
import { Redactor } from '@redactpii/node';
import { toScore } from '../finding.ts';
import type { EntityType } from '../finding.ts';
import { digits, keywords } from '../recognizer.ts';
import type { Candidate, Recognizer, Trigger } from '../recognizer.ts';

/** Its e-mail regex is quadratic (64 KB of `a.` take 5 s): at this length the worst is 2 ms. */
const LONGEST_WINDOW = 2000;
/** A private-use character that no detection copy has a reason to hold; windows that do are not given to the package. */
const SENTINEL = '\ue000';
/** Below the lowest default threshold of the entities it names. */
const SCORE = 0.3;

type Rule = 'CREDIT_CARD' | 'EMAIL' | 'NAME' | 'PHONE' | 'SSN';
const RULES: readonly { readonly rule: Rule; readonly entity: EntityType; readonly triggers: readonly Trigger[] }[] = [
  { rule: 'CREDIT_CARD', entity: 'CREDIT_CARD', triggers: [digits(14)] },
  { rule: 'EMAIL', entity: 'EMAIL_ADDRESS', triggers: [keywords('@')] },
  { rule: 'NAME', entity: 'PERSON', triggers: [keywords('dear ', 'hi ', 'hello ', 'greetings ')] },
  { rule: 'PHONE', entity: 'PHONE_NUMBER', triggers: [digits(7)] },
  { rule: 'SSN', entity: 'US_SSN', triggers: [digits(9)] },
];

export const REDACTPII_RECOGNIZERS: readonly Recognizer[] = RULES.map(({ rule, entity, triggers }) => {
  const off = { CREDIT_CARD: false, EMAIL: false, NAME: false, PHONE: false, SSN: false };
  const redactor = new Redactor({ apiKey: null, rules: { ...off, [rule]: true }, globalReplaceWith: SENTINEL });
  return {
    name: `redactpii-${rule.toLowerCase().replace('_', '-')}`,
    entities: [entity],
    triggers,
    cost: 4,
    highestScore: SCORE,
    find({ text }, window, report) {
      for (let start = window.start; start < window.end; start += LONGEST_WINDOW) {
        const slice = text.slice(start, Math.min(window.end, start + LONGEST_WINDOW));
        if (slice.includes(SENTINEL) || !redactor.hasPII(slice)) continue;
        for (const span of spansOf(slice, redactor.redact(slice)))
          report(candidate(entity, rule, start + span.start, start + span.end));
      }
    },
  };
});

function candidate(entity: EntityType, rule: Rule, start: number, end: number): Candidate {
  return {
    entity,
    start,
    end,
    score: SCORE,
    pattern: rule.toLowerCase(),
    steps: [{ kind: 'pattern', score: toScore(SCORE) }],
  };
}

/** spansOf finds what the sentinels stand for: the pieces between them are in the original, in order. */
export function spansOf(
  original: string,
  redacted: string,
): readonly { readonly start: number; readonly end: number }[] {
  const pieces = redacted.split(SENTINEL);
  const spans: { start: number; end: number }[] = [];
  let at = (pieces[0] ?? '').length;
  for (const [index, piece] of pieces.slice(1).entries()) {
    const isLast = index === pieces.length - 2;
    const end = isLast ? original.length - piece.length : piece === '' ? at + 1 : original.indexOf(piece, at + 1);
    if (end <= at || end > original.length) return spans;
    spans.push({ start: at, end });
    at = end + piece.length;
  }
  return spans;
}

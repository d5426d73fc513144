/**
 * Identifiers whose shape says nothing and whose label says all: record, policy, account, customer, employee and licence
 * numbers, user names. The label must stand right before the value, or be the value's JSON key or column; a label
 * somewhere in the sentence is not enough.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around } from '../../define-pattern.ts';
import { keywords } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { digitsOnly } from './check-digits.ts';

export interface Labels {
  readonly name: string;
  readonly entity: string;
  /** Regex alternatives of labels that mean the number by themselves (`mrn`). */
  readonly labels: readonly string[];
  /** Labels that only do so with `number`, `no`, `id`, `#` behind (`patient`, `account`). */
  readonly nouns?: readonly string[];
  /** Substrings of the labels that open a window. */
  readonly wake: readonly string[];
  /** Of a waking word in a text: whether the label can stand there. For words that are common in prose. */
  readonly inText?: Recognizer['inText'];
  /** What the JSON key or column header may be called; lower case. */
  readonly keys: readonly string[];
  /** Least digits in the value: short numbers are counts, ages and room numbers. */
  readonly digits: number;
  readonly value?: string;
  readonly score?: number;
  /** True for values that carry the label and are something else. */
  readonly refuses?: (value: string, around: Around) => boolean;
}

const NUMBER_WORD = String.raw`(?:no|nos|nr|num|number|numbers|nbr|id|ids|identifier|identification|code|ref|reference|nummer|numéro|numero|número|n°|nº|№|#|号|番号|번호)`;
/** What may stand between a label and its value: punctuation, `is`, `number`, quotes of JSON and Markdown. */
const GLUE = String.raw`(?:[\s:#=.,()"'\x60*_|>№°º\-–]{1,4}(?:is|was|are|reads|be|ist|lautet|war|est|es|era|è|é|${NUMBER_WORD})(?![\p{L}\p{N}])){0,3}(?:是|为|為|は|が|는|은)?[\s:#=.("'\x60*|>№°º\-–：]{0,5}`;
const IDENTIFIER = String.raw`#?(?=[A-Z0-9./-]{0,14}\d)(?:[A-Z0-9]{1,20}(?:[-/.][A-Z0-9]{1,16}){0,4}|\d{2,6}(?: \d{2,6}){1,5})`;
const BEFORE = String.raw`(?<![\p{Lu}\p{Ll}\p{N}])`;
const AFTER = String.raw`(?![\p{Lu}\p{Ll}\p{N}]|[.,/-]\d)`;

const DATE_OR_TIME =
  /^#?(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|\d{1,2}:\d{2}.{0,6}|\d{1,3}(?:[.,]\d{3}){1,3}|\d{1,9}\.\d{1,2}|(?:19|20)\d{2}(?:-(?:19|20)?\d{2})?)$/;

const NUMBER_BEHIND = new RegExp(String.raw`[\s_.\-]{0,2}(?:card[\s_]|record[\s_])?${NUMBER_WORD}`, 'iuy');

/** Nouns are everywhere in prose, and wake for nothing unless a word for numbers stands behind; what a longer waking word holds is left to that. */
function numberBehind({ labels, nouns = [], wake }: Labels): Recognizer['inText'] {
  const alone = new Set(
    nouns.filter(
      (noun) =>
        wake.includes(noun) &&
        [...labels, ...nouns].every(
          (label) =>
            label === noun ||
            !label.includes(noun) ||
            wake.some((longer) => longer !== noun && longer.includes(noun) && label.includes(longer)),
        ),
    ),
  );
  if (alone.size === 0) return undefined;
  return (text, start, end) => {
    if (!alone.has(text.slice(start, end).toLowerCase())) return true;
    NUMBER_BEHIND.lastIndex = end;
    return NUMBER_BEHIND.test(text);
  };
}

/** labelledIdentifier makes the recognizer of one kind of number from its labels. */
export function labelledIdentifier(facts: Labels): Recognizer {
  const value = facts.value ?? IDENTIFIER;
  const alternatives = [
    ...facts.labels,
    ...(facts.nouns?.length
      ? [String.raw`(?:${facts.nouns.join('|')})[\s_.\-]{0,2}(?:card[\s_]|record[\s_])?${NUMBER_WORD}s?`]
      : []),
  ];
  const isNumbered = facts.inText ?? numberBehind(facts);
  return definePattern({
    name: facts.name,
    entity: facts.entity,
    triggers: [keywords(...facts.wake)],
    reach: { before: 24, after: 48 },
    ...(isNumbered ? { inText: isNumbered } : {}),
    ...(facts.digits >= 3 ? { requires: { digits: 3 } } : {}),
    patterns: [
      {
        name: 'labelled',
        regex: new RegExp(`${BEFORE}(?:${alternatives.join('|')})(?![a-z])${GLUE}(?<value>${value})${AFTER}`, 'iu'),
        score: facts.score ?? 0.8,
      },
      { name: 'keyed', regex: new RegExp(String.raw`^[\s#]{0,4}(?<value>${value})\s{0,4}$`, 'iu'), score: 0.3 },
    ],
    context: facts.keys,
    contextReach: { before: 0, after: 0 },
    invalidate: (text, around) => {
      if (facts.refuses?.(text, around)) return true;
      const count = digitsOnly(text).length;
      return count < facts.digits || DATE_OR_TIME.test(text) || /^#?(.)\1+$/.test(text) || /^0x/i.test(text);
    },
  });
}

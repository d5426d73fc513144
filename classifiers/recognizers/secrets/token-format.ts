/**
 * Tokens that say themselves what they are: a provider's prefix, then so many characters of an alphabet. One table row
 * makes one recognizer, so each can be switched off and named in an explanation.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around, PatternDeclaration } from '../../define-pattern.ts';
import type { EntityType } from '../../finding.ts';
import { keywords } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { ALPHANUMERIC, UNIT_KINDS } from '../../scan/unit-kinds.ts';
import { isDocumentationValue } from './documentation-values.ts';
import { isPatterned } from './patterned.ts';
import { isElided, isExampleToken } from './placeholder.ts';
import { entropy } from './randomness.ts';

/** Character classes providers draw from, as the inside of a regex class. */
export const ALPHABETS = {
  hex: '0-9a-f',
  hexAnyCase: '0-9a-fA-F',
  lower: '0-9a-z',
  upper: '0-9A-Z',
  alnum: '0-9A-Za-z',
  word: '0-9A-Za-z_',
  url: '0-9A-Za-z_-',
  base64: '0-9A-Za-z+/',
  base64Any: '0-9A-Za-z+/_=-',
  base32: 'A-Z2-7',
  dotted: '0-9A-Za-z_.=-',
  digit: '0-9',
} as const;
export type Alphabet = keyof typeof ALPHABETS;

export interface TokenFormat {
  readonly name: string;
  /** What the token begins with; also what triggers the recognizer. Several when the provider has several kinds. */
  readonly starts: readonly string[];
  /** The rest: runs of characters and fixed pieces between them, in order. */
  readonly rest: readonly TokenPiece[];
  readonly score?: number;
  readonly entity?: EntityType;
  /** Bits per character under which the rest is no secret; default 2.5 (a random one of 16 characters has 3.2 or more). */
  readonly minEntropy?: number;
  /** The provider's own check over the whole token; a failing one is no proof against, older tokens have none. */
  readonly check?: { readonly by: string; readonly passes: (token: string) => boolean };
  /** Exactly what the provider issues. What only resembles it, cut short or longer, and is a visible pattern, was made up. */
  readonly wellFormed?: RegExp;
  /** Exactly what the provider never issues although the shape allows it. */
  readonly neverIssued?: RegExp;
  /** The prefix is short or common: the word must be near, or the score stays what it is. */
  readonly context?: readonly string[];
}

/** A fixed piece, or an alphabet with a length or a range of lengths. */
export type TokenPiece = string | readonly [alphabet: Alphabet, length: number, atMost?: number];

const DEFAULT_SCORE = 0.9;
const DEFAULT_MIN_ENTROPY = 2.5;

/** tokenRecognizer makes a table row a recognizer. */
export function tokenRecognizer(format: TokenFormat): Recognizer {
  return definePattern(tokenDeclaration(format));
}

export function tokenDeclaration(format: TokenFormat): PatternDeclaration {
  const prefix = new RegExp(`^(?:${format.starts.map(escapeRegex).join('|')})`);
  const floor = format.minEntropy ?? DEFAULT_MIN_ENTROPY;
  const { check } = format;
  return {
    name: format.name,
    entity: format.entity ?? 'API_KEY',
    triggers: [keywords(...format.starts)],
    reach: { before: 2, after: 2 },
    inText: startsAt(format),
    patterns: [{ name: format.name, regex: tokenRegex(format), score: format.score ?? DEFAULT_SCORE }],
    ...(format.context ? { context: format.context } : {}),
    ...(check ? { validate: (value) => (check.passes(value) ? 'valid' : 'unknown'), validatedBy: check.by } : {}),
    invalidate: (value, around) => {
      const body = value.replace(prefix, '');
      return (
        (!isFilledForm(body) && (entropy(body) < floor || isExampleToken(body))) ||
        format.neverIssued?.test(value) === true ||
        isDocumentationValue(value) ||
        isElided(around.text, around.end) ||
        (format.wellFormed !== undefined && !format.wellFormed.test(value) && isPatterned(body)) ||
        isInFileName(around)
      );
    },
  };
}

/** `icon-7a388b69….png`: the digest in an asset's name, cut so that its end looks like a prefix. */
function isInFileName({ text, start, end }: Around): boolean {
  const after = text.slice(end, end + 8);
  return (
    /^\.(?:png|jpe?g|gif|svg|webp|ico|css|js|mjs|map|woff2?|ttf|html?|pdf|mp4|zip|gz)(?![A-Za-z0-9])/i.test(after) &&
    /[/.]$/.test(text.slice(Math.max(0, start - 1), start))
  );
}

/** Of one letter; shorter fillings are parts of a name. */
const SHORTEST_FILLING = 6;
const FILLED_PIECE = /^([A-WYZ])\1*$/;

/**
 * The form of a token filled with one capital letter over and over. Manuals blot keys out with x, 0 and asterisks; another
 * letter is what tests use and what people hide a real key behind, and nobody can tell which, so it counts.
 */
function isFilledForm(body: string): boolean {
  const pieces = body.split(/[-_.]/).filter((piece) => piece !== '' && !/^[a-z]{1,8}$/.test(piece));
  return pieces.length > 0 && pieces.every((piece) => piece.length >= SHORTEST_FILLING && FILLED_PIECE.test(piece));
}

/** drawn refuses values under a floor of bits per character, examples, published ones, and what is cut off. */
export const drawn =
  (floor: number) =>
  (value: string, around: Around): boolean =>
    entropy(value) < floor || isExampleToken(value) || isDocumentationValue(value) || isElided(around.text, around.end);

/** A start as the provider writes it, by itself, and something behind it: what the regex would ask first. */
function startsAt({ starts }: TokenFormat): NonNullable<PatternDeclaration['inText']> {
  return (text, start, end) =>
    ((UNIT_KINDS[text.charCodeAt(start - 1)] ?? 0) & ALPHANUMERIC) === 0 &&
    text.charCodeAt(end) > 0x20 &&
    starts.includes(text.slice(start, end));
}

/** tokenRegex: not inside a longer word on either side, case as the provider writes it. */
export function tokenRegex(format: TokenFormat): RegExp {
  const last = format.rest.at(-1);
  const alphabet = last === undefined || typeof last === 'string' ? ALPHABETS.alnum : ALPHABETS[last[0]];
  const start = format.starts.map(escapeRegex).join('|');
  const rest = format.rest.map(pieceSource).join('');
  return new RegExp(`(?<![0-9A-Za-z])(?:${start})${rest}(?![${edgeOf(alphabet)}])`);
}

/** `-`, `_`, `.` and `=` may follow a token in prose or code; letters and digits may not. */
function edgeOf(alphabet: string): string {
  return alphabet.includes('+/') ? '0-9A-Za-z+/' : '0-9A-Za-z';
}

function pieceSource(piece: TokenPiece): string {
  if (typeof piece === 'string') return escapeRegex(piece);
  const [alphabet, length, atMost] = piece;
  return `[${ALPHABETS[alphabet]}]{${length}${atMost === undefined ? '' : `,${atMost}`}}`;
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

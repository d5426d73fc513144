/**
 * The form of a placeholder: `[[EMAIL_ADDRESS_bcdfghjkmn]]`. Double brackets survive HTML and JSON (pointed ones get escaped); underscores make it one
 * identifier, which no name finder takes for a name, as it does with words between hyphens; ten consonants carry 42 bits without a
 * digit that could pass for part of a number or a vowel that could spell a word.
 */

/** No vowels, no l. */
const ALPHABET = 'bcdfghjkmnpqrstvwxz';
const TAG_LENGTH = 10;
const MAX_TYPE_LENGTH = 24;

/** Longest token a model may write, its underscores escaped; nothing is ever held back for longer than this. */
export const MAX_TOKEN_LENGTH = 2 + 2 * MAX_TYPE_LENGTH + 2 + TAG_LENGTH + 2;

/** Models that write Markdown escape underscores: `[[EMAIL\_ADDRESS\_…]]` is the same token. */
const SHAPE = `\\[\\[[A-Z](?:[A-Z0-9]|\\\\?_){0,${MAX_TYPE_LENGTH - 1}}\\\\?_[${ALPHABET}]{${TAG_LENGTH}}\\]\\]`;

/** A fresh global pattern: callers keep their own lastIndex. */
export function tokenPattern(): RegExp {
  return new RegExp(SHAPE, 'g');
}

/** bareToken is a token, or the beginning of one, without Markdown's escapes. */
export function bareToken(token: string): string {
  return token.includes('\\') ? token.replaceAll('\\_', '_').replace(/\\$/, '') : token;
}

/** A text end that may be the beginning of a token. */
const PREFIX = new RegExp(
  `\\[(?:\\[(?:[A-Z](?:[A-Z0-9]|\\\\?_){0,${MAX_TYPE_LENGTH}}(?:\\\\|[${ALPHABET}]{0,${TAG_LENGTH}}\\]?))?)?$`,
);

/** tokenPrefix gives the end of `text` that may grow into a token; empty when nothing may. */
export function tokenPrefix(text: string): string {
  if (!text.includes('[', text.length - MAX_TOKEN_LENGTH)) return '';
  return PREFIX.exec(text.slice(-MAX_TOKEN_LENGTH))?.[0] ?? '';
}

/** toToken makes the placeholder of an entity from keyed bytes: at least ten. */
export function toToken(entity: string, digest: Uint8Array): string {
  const type = entity
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .replace(/^[^A-Z]+/, '')
    .slice(0, MAX_TYPE_LENGTH)
    .replace(/_+$/, '');
  let tag = '';
  // Two bytes a letter: the bias of 65536 mod 19 is below one in three thousand.
  for (let index = 0; index < TAG_LENGTH; index++)
    tag += ALPHABET[((digest[2 * index]! << 8) | digest[2 * index + 1]!) % ALPHABET.length];
  return `[[${type === '' ? 'VALUE' : type}_${tag}]]`;
}

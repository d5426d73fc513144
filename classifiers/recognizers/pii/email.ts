/**
 * EMAIL_ADDRESS: plus tags, quoted local parts, internationalised domains. What only looks like one is dropped:
 * repository logins (`git@github.com:…`), package versions (`left-pad@1.3.0-beta.rc`), image densities (`icon@2x.png`),
 * user info of URLs (the secrets recognizers own those) and addresses that reach nobody (`noreply@…`, `you@example.com`).
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around } from '../../define-pattern.ts';
import { orAuthorship } from './authorship.ts';
import { keywords } from '../../recognizer.ts';
import type { Window } from '../../recognizer.ts';

const AT_DOMAIN =
  /@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62})\.){1,8}(?:xn--[a-z0-9-]{1,59}|[\p{Lu}\p{Ll}]{2,24}|\p{Lo}{2,24})(?![\p{Lu}\p{Ll}\p{N}_]|-[\p{Lu}\p{Ll}\p{N}])/u;
/** A longer run than RFC 5321 allows (64) is still read, so padding the local part hides nothing. */
const LONGEST_LOCAL = 256;
/** `=`, `&`, `/` and `?` are legal in local parts but end them in URLs and forms, where they are far more common. */
const LOCAL_UNIT = /[\p{Lu}\p{Ll}\p{M}\p{N}.!#$%'*+^{|}~_-]/u;
const FIRST_UNIT = /[\p{Lu}\p{Ll}\p{N}_]/u;
const UNCASED = /\p{Lo}/u;

const REPOSITORY_LOGIN = /^(?:git|hg|svn|gitea|forgejo)@/i;
const NOBODY =
  /^(?:no-?reply|do-?not-?reply|noreply-[a-z]{1,20}|mailer-daemon)@|^[^@]{0,64}[{}$][^@]{0,64}@(?:users\.)?no-?reply\./i;
const RESERVED_DOMAIN =
  /@(?:[a-z0-9-]{1,40}\.){0,3}(?:example\.(?:com|org|net|edu)|[a-z0-9-]{1,40}\.(?:example|invalid|test|localhost)|domain\.(?:com|tld)|email\.(?:com|tld)|company\.com|yourdomain\.com|mydomain\.com|yourcompany\.com)$/i;
const STAND_IN_LOCAL =
  /^(?:user(?:name)?|you|your[._-]?(?:name|e?mail)?|name|e?mail|test(?:er|ing)?|foo|bar|baz|example|admin|someone|somebody|anyone|info|hello|contact|support|sales|me|abc|xyz|first[._-]?last|firstname[._-]?lastname|recipient|sender|from|to|a|b|x)\d{0,3}@/i;
/** At a free mail service these reach nobody anybody knows; a local part that says fake says so anywhere. */
const STAND_IN_MAILBOX =
  /^(?:src|dst|foo|bar|baz|foobar|user(?:name)?|you|your[._-]?(?:name|e?mail)|test(?:er)?|test[._-]?user|someone|somebody|anyone|abc|xyz|xxx|first[._-]?last|firstname[._-]?lastname|recipient|sender|receiver)\d{0,3}@(?:gmail|googlemail|yahoo|ymail|hotmail|outlook|live|mail|email|icloud)\.com$/i;
const SAYS_FAKE = /^(?:[^@]{0,60}[._-])?(?:fake|dummy|notreal|placeholder)(?:[._\d-][^@]{0,60})?@/i;
const VERSION_DOMAIN = /@(?:v?\d{1,9}\.\d{1,9}[.-]|v\d{1,9}\.)/i;
const FILE_DOMAIN = /@\d(?:\.\d)?x\.(?:png|jpe?g|gif|webp|svg|avif|bmp)$/i;
/** `x@w.T` and `a@b.shape`: matrix products in code. `word` over `@app.route`: a decorator on the next line. */
const CODE_MEMBER =
  /@\w{1,24}\.(?:T|shape|dot|data|size|reshape|transpose|numpy|detach|values|grad|weight|mean|sum|route|websocket|setter|getter|deleter|property|fixture|parametrize|command|option|argument|task|register|errorhandler|validator|cached_property|listener|event|middleware|decorator|wraps)$/;
const URL_USER_INFO = /:\/\/[^\s/@"'<>]{0,200}$/;

function isNoAddress(value: string, { text, start }: Around): boolean {
  if (REPOSITORY_LOGIN.test(value) || NOBODY.test(value) || VERSION_DOMAIN.test(value)) return true;
  if (FILE_DOMAIN.test(value) || CODE_MEMBER.test(value)) return true;
  if (STAND_IN_LOCAL.test(value) && RESERVED_DOMAIN.test(value)) return true;
  if (STAND_IN_MAILBOX.test(value) || SAYS_FAKE.test(value)) return true;
  return URL_USER_INFO.test(text.slice(Math.max(0, start - 200), start));
}

/**
 * The local part, read backwards from the `@`. Chinese and Japanese text stands right beside an address, so letters without
 * case are no part of a local part unless they are all of it.
 */
function localPartStart(text: string, at: number): number {
  if (text[at - 1] === '"') {
    const opening = text.lastIndexOf('"', at - 2);
    return opening >= 0 && at - opening <= 66 && !/[\n@]/.test(text.slice(opening, at)) ? opening : at;
  }
  const unit = UNCASED.test(text[at - 1] ?? '') ? UNCASED : LOCAL_UNIT;
  let start = at;
  while (start > 0 && at - start < LONGEST_LOCAL && unit.test(text[start - 1] ?? '')) start -= 1;
  while (start < at && unit === LOCAL_UNIT && !FIRST_UNIT.test(text[start] ?? '')) start += 1;
  return start;
}

/** `Write to ann@acme.com.Then call`: a sentence that begins without a space is no domain label. */
function wholeAddress(text: string, at: number, end: number): readonly Window[] {
  const start = localPartStart(text, at);
  if (start === at || text[at - 1] === '.') return [];
  const glued = /^(?<domain>[^A-Z]{1,260}\.[a-z]{2,24})\.[A-Z][a-z]{1,23}$/.exec(text.slice(at, end));
  return [{ start, end: glued ? at + (glued.groups?.['domain']?.length ?? 0) : end }];
}

export const emailAddress = orAuthorship(
  definePattern({
    name: 'email-address',
    entity: 'EMAIL_ADDRESS',
    triggers: [keywords('@')],
    reach: { before: 0, after: 0 },
    patterns: [{ name: 'address', regex: AT_DOMAIN, score: 0.9, narrow: wholeAddress }],
    invalidate: isNoAddress,
  }),
);

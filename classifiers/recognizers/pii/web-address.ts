/**
 * URL is a quasi-identifier. URL_WITH_PERSONAL_DATA is a link that carries somebody: user info, or a query parameter named
 * for a person, account or one-time access. The parameter's value is the finding; what kind of secret a token is, the secrets
 * recognizers say.
 */
import { definePattern } from '../../define-pattern.ts';
import { keywords } from '../../recognizer.ts';

export const webAddress = definePattern({
  name: 'web-address',
  entity: 'URL',
  triggers: [keywords('://', 'www.')],
  reach: { before: 12, after: 16 },
  patterns: [
    {
      name: 'link',
      regex:
        /(?<![\p{Lu}\p{Ll}\p{N}])(?:(?:https?|ftp):\/\/|www\.)[\p{L}\p{N}][\p{L}\p{N}.-]{1,252}(?::\d{1,5})?(?:[/?#][^\s<>"'`)\]}]{0,300})?/iu,
      score: 0.6,
    },
  ],
});

const PERSONAL_PARAMETER =
  '(?:e-?mail|user(?:_?name)?|login|first_?name|last_?name|full_?name|surname|phone|mobile|tel|ssn|dob|birth_?date|address|patient(?:_?id)?|member(?:_?id)?|customer_?id|account(?:_?(?:no|number|id))?|passport|iban)';

export const personalLink = definePattern({
  name: 'personal-link',
  entity: 'URL_WITH_PERSONAL_DATA',
  triggers: [keywords('://')],
  reach: { before: 8, after: 24 },
  patterns: [
    {
      name: 'query',
      regex: new RegExp(
        String.raw`https?:\/\/[^\s<>"'?#]{1,200}\?(?:[^\s<>"'#]{0,200}&)?${PERSONAL_PARAMETER}=(?<value>[^\s<>"'&#]{4,200})`,
        'i',
      ),
      score: 0.55,
    },
    {
      name: 'user-info',
      regex: /(?:https?|ftp|sftp|ssh):\/\/(?<value>[^\s/@:"'<>]{2,64}:[^\s/@"'<>]{2,128})@[\p{L}\p{N}]/iu,
      score: 0.6,
    },
    // The bare link opens for those it was shared with; with a marker of sharing whoever has it may read.
    { name: 'document', regex: /https?:\/\/(?:docs|drive)\.google\.com\/[^\s<>"']{4,120}/i, score: 0.45 },
    {
      name: 'shared-document',
      regex:
        /https?:\/\/(?:docs|drive)\.google\.com\/[^\s<>"'?]{4,120}\?[^\s<>"']{0,80}(?:usp=(?:sharing|share_link|drive_link)|resourcekey=)|https?:\/\/[a-z0-9-]{1,40}\.sharepoint\.com\/[^\s<>"']{4,200}|https?:\/\/[a-z0-9-]{1,40}\.zoom\.us\/[js]\/\d{9,11}(?:\?pwd=[\w.-]{4,60})?/i,
      score: 0.5,
    },
  ],
  // Parameters of documentation: a placeholder in braces, brackets or capitals is nobody.
  invalidate: (value) =>
    isStandInLogin(value) ||
    /^(?:[{<[$%:]|%7B|your|example|test|user(?:name)?$|name$|xxx|foo|bar|admin|true|false|null)/i.test(value),
});

/** Words that stand for somebody in manuals, and passwords that are masked, a template or such a word again. */
const ROLE = /^(?:user(?:name)?|usr|login|name|my_?user|db_?user)$/i;
const NO_PASSWORD =
  /^(?:[*•xX.#_-]{2,128}|[{<[$%].{0,127}|(?:my|your|the|db|replace)?[_-]?(?:with[_-]?)?(?:your[_-]?)?password)$/i;

/** `https://username:••••@host`, `https://user:{password}@host`: a login with nobody in it. What is a password, the secrets recognizers say. */
function isStandInLogin(value: string): boolean {
  const colon = value.indexOf(':');
  if (colon < 0 || /[?&=]/.test(value)) return false;
  const user = value.slice(0, colon);
  return (ROLE.test(user) || /[{}<>$%[\]]/.test(user)) && NO_PASSWORD.test(value.slice(colon + 1));
}

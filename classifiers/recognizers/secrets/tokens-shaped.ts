/** Tokens without a prefix worth triggering on: a fixed piece in the middle, a web address, or a shape with its word. */
import { definePattern } from '../../define-pattern.ts';
import type { Around, PatternDeclaration } from '../../define-pattern.ts';
import { keywords, run } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { isDocumentationValue } from './documentation-values.ts';
import { drawn } from './token-format.ts';
import { decodeBase64Url } from './base64.ts';
import { entropy, randomness } from './randomness.ts';
import { saysUnfit } from './secret-words.ts';
import { WEB_SECRETS } from './web-secrets.ts';

/** The token with the prefix its pattern leaves out of the value. */
function withPrefix({ text, start, end }: Around): string {
  const prefix = /[A-Za-z0-9_-]{0,24}$/.exec(text.slice(Math.max(0, start - 24), start))?.[0] ?? '';
  return prefix + text.slice(start, end);
}

const DECLARATIONS: readonly PatternDeclaration[] = [
  ...WEB_SECRETS,
  {
    name: 'terraform-token',
    entity: 'API_KEY',
    triggers: [keywords('.atlasv1.')],
    reach: { before: 20, after: 2 },
    patterns: [
      { name: 'atlasv1', regex: /(?<![0-9A-Za-z])[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_=-]{50,90}/, score: 0.95 },
    ],
    invalidate: drawn(3),
  },
  {
    name: 'telegram-bot-token',
    entity: 'API_KEY',
    triggers: [keywords(':AA')],
    reach: { before: 18, after: 2 },
    patterns: [
      { name: 'bot-token', regex: /(?<![0-9])[0-9]{7,12}:AA[0-9A-Za-z_-]{32,34}(?![0-9A-Za-z_-])/, score: 0.9 },
    ],
    invalidate: drawn(3),
  },
  {
    name: 'mailchimp-key',
    entity: 'API_KEY',
    triggers: [keywords('-us')],
    reach: { before: 36, after: 4 },
    patterns: [
      {
        name: 'data-centre-suffix',
        regex: /(?<![0-9A-Za-z])(?:[0-9a-f]{32}|[0-9A-Za-z]{32})-us[0-9]{1,2}(?![0-9A-Za-z])/,
        score: 0.85,
      },
    ],
    invalidate: drawn(2.8),
  },
  {
    name: 'twilio-key',
    entity: 'API_KEY',
    triggers: [run('alphanumeric', 34)],
    reach: { before: 2, after: 2 },
    patterns: [
      { name: 'api-key', regex: /(?<![0-9A-Za-z])SK(?:[0-9a-f]{32}|[0-9A-F]{32})(?![0-9A-Za-z])/, score: 0.85 },
      { name: 'account-id', regex: /(?<![0-9A-Za-z])AC[0-9a-f]{32}(?![0-9A-Za-z])/, score: 0.5 },
    ],
    invalidate: drawn(2.8),
  },
  {
    name: 'new-relic-licence-key',
    entity: 'API_KEY',
    triggers: [keywords('NRAL')],
    reach: { before: 42, after: 2 },
    patterns: [
      {
        name: 'licence',
        regex: /(?<![0-9A-Za-z])(?:(?:eu|us|gov)[0-9]{2}x)?[0-9a-fx]{32,37}NRAL(?![0-9A-Za-z])/,
        score: 0.9,
      },
    ],
    invalidate: drawn(2.8),
  },
  {
    name: 'mailgun-sending-key',
    entity: 'API_KEY',
    triggers: [run('token', 50)],
    reach: { before: 2, after: 2 },
    patterns: [
      {
        name: 'hexadecimal-triple',
        regex: /(?<![0-9A-Za-z-])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![0-9A-Za-z-])/,
        score: 0.75,
      },
    ],
    invalidate: drawn(2.8),
  },
  {
    name: 'x-bearer-token',
    entity: 'API_KEY',
    triggers: [keywords('AAAAAAAAAAAAAAAAAAAA')],
    reach: { before: 2, after: 2 },
    patterns: [
      { name: 'app-only', regex: /(?<![0-9A-Za-z])A{20,24}[0-9A-Za-z%]{60,120}(?![0-9A-Za-z%])/, score: 0.85 },
    ],
    invalidate: (value) => entropy(value.slice(24)) < 4,
  },
  {
    name: 'truenas-key',
    entity: 'API_KEY',
    triggers: [run('token', 66)],
    reach: { before: 2, after: 2 },
    patterns: [
      { name: 'numbered', regex: /(?<![0-9A-Za-z_.+/-])[0-9]{1,3}-[0-9A-Za-z]{64}(?![0-9A-Za-z_+/=-])/, score: 0.6 },
    ],
    invalidate: (value, around) => drawn(4.5)(value, around) || randomness(value) < 15,
  },
  {
    name: 'nkey-seed',
    entity: 'PRIVATE_KEY',
    triggers: [run('alphanumeric', 58)],
    reach: { before: 2, after: 2 },
    patterns: [{ name: 'seed', regex: /(?<![0-9A-Za-z])S[UANOCX][A-Z2-7]{56}(?![0-9A-Za-z])/, score: 0.8 }],
    invalidate: drawn(3.8),
  },
  {
    name: 'discord-bot-token',
    entity: 'API_KEY',
    triggers: [run('token', 58)],
    reach: { before: 2, after: 2 },
    // The first part is the bot's numeric id in base64, so it begins with M, N or O.
    patterns: [
      {
        name: 'bot-token',
        regex:
          /(?<![0-9A-Za-z_.-])[MNO][0-9A-Za-z_-]{22,27}\.[0-9A-Za-z_-]{6,7}\.[0-9A-Za-z_-]{27,40}(?![0-9A-Za-z_.-])/,
        score: 0.45,
      },
    ],
    validate: (value) => (/^[0-9]{15,20}$/.test(decodeBase64Url(value.split('.')[0] ?? '')) ? 'valid' : 'unknown'),
    validatedBy: 'bot-id',
    validScore: 0.95,
    context: ['discord', 'bot', 'token'],
    invalidate: drawn(3.5),
  },
  {
    name: 'azure-client-secret',
    entity: 'API_KEY',
    triggers: [keywords('Q~')],
    reach: { before: 6, after: 2 },
    patterns: [
      {
        name: 'q-tilde',
        regex: /(?<![0-9A-Za-z_~.-])[0-9A-Za-z_~.-]{3}[0-9]Q~[0-9A-Za-z_~.-]{31,34}(?![0-9A-Za-z_~-])/,
        score: 0.92,
      },
    ],
    invalidate: drawn(3),
  },
  {
    name: 'azure-signed-key',
    entity: 'API_KEY',
    triggers: [
      keywords('AzSe', '+ABa', '+AMC', '+AEh', '+AIo', '+ASt', 'AzCa', 'AzFu', 'ACDb', 'APIM', 'JQQJ99', 'AZDO'),
    ],
    reach: { before: 84, after: 8 },
    // Azure's identifiable keys carry a service's mark near the end.
    patterns: [
      {
        name: 'storage-batch-cosmos',
        regex: /(?<![0-9A-Za-z+/])[0-9A-Za-z+/]{76}(?:\+AMC|\+ASt|\+ABa|ACDb)[0-9A-Za-z+/]{5}[AQgw]==/,
        score: 0.95,
      },
      {
        name: 'hub',
        regex: /(?<![0-9A-Za-z+/])[0-9A-Za-z+/]{33}(?:AIoT|\+ASb|\+AEh|ARm7)[0-9A-Za-z+/]{5}[A-P]=/,
        score: 0.95,
      },
      { name: 'search', regex: /(?<![0-9A-Za-z])[0-9A-Za-z]{42}AzSe[ABCD][0-9A-Za-z]{5}(?![0-9A-Za-z])/, score: 0.95 },
      { name: 'function', regex: /(?<![0-9A-Za-z_-])[0-9A-Za-z_-]{44}AzFu[0-9A-Za-z_-]{5}[AQgw]==/, score: 0.95 },
      { name: 'container', regex: /(?<![0-9A-Za-z+/])[0-9A-Za-z+/]{42}\+?A(?:CR|zCa)[0-9A-Za-z+/]{5,6}/, score: 0.85 },
      { name: 'cognitive', regex: /(?<![0-9A-Za-z])[0-9A-Za-z]{52}JQQJ99[0-9A-Za-z]{26}(?![0-9A-Za-z])/, score: 0.95 },
      { name: 'devops', regex: /(?<![0-9A-Za-z])[0-9A-Za-z]{76}AZDO[0-9A-Za-z]{4}(?![0-9A-Za-z])/, score: 0.95 },
    ],
    invalidate: drawn(3.5),
  },
  {
    name: 'facebook-app-token',
    entity: 'API_KEY',
    triggers: [keywords('facebook', 'fb_')],
    reach: { before: 80, after: 120 },
    patterns: [
      {
        name: 'app-id-and-secret',
        regex: /(?<![0-9A-Za-z])[0-9]{13,17}\|[0-9A-Za-z_-]{24,40}(?![0-9A-Za-z_-])/,
        score: 0.85,
      },
    ],
    invalidate: drawn(3),
  },
  {
    name: 'dropbox-long-token',
    entity: 'API_KEY',
    triggers: [keywords('AAAAAAAAAA')],
    reach: { before: 16, after: 2 },
    patterns: [
      {
        name: 'long-lived',
        regex: /(?<![0-9A-Za-z])[0-9A-Za-z]{11}A{10}[0-9A-Za-z_=-]{43}(?![0-9A-Za-z_=-])/,
        score: 0.85,
      },
    ],
    invalidate: (value) => entropy(value.slice(21)) < 3.5,
  },
  {
    // `acme_live_…`: providers without a row of their own still say which mode a key is for.
    name: 'key-with-mode',
    entity: 'API_KEY',
    triggers: [keywords('_live_', '_test_', '_prod_', '_secret_', '-live-', '-prod-')],
    reach: { before: 14, after: 2 },
    patterns: [
      {
        name: 'prefix-mode-random',
        regex:
          /(?<![0-9A-Za-z])[a-z]{2,12}[_-](?:live|test|prod|production|sandbox|secret)[_-](?<value>[0-9A-Za-z]{20,120})(?![0-9A-Za-z_-])/,
        score: 0.75,
      },
    ],
    // Publishable keys (`pk_live_…`) are made to be seen in a web page.
    invalidate: (value, around) =>
      drawn(3)(value, around) ||
      randomness(value) < 6 ||
      saysUnfit(
        /([A-Za-z_]\w{0,60})\s{0,3}[:=]{1,2}\s{0,3}["'`]?[\w-]{0,24}$/.exec(
          around.text.slice(Math.max(0, around.start - 90), around.start),
        )?.[1] ?? '',
      ) ||
      /^(?:pk|pub|public|publishable)[_-]/.test(withPrefix(around)) ||
      isDocumentationValue(withPrefix(around)),
  },
  {
    name: 'sidekiq-credentials',
    entity: 'API_KEY',
    triggers: [keywords('contribsys')],
    reach: { before: 40, after: 2 },
    patterns: [
      {
        name: 'environment',
        regex: /CONTRIBSYS__COM["']?\s{0,4}[=:]\s{0,4}["']?(?<value>[0-9a-f]{8}:[0-9a-f]{8})(?![0-9a-f])/i,
        score: 0.85,
      },
      {
        name: 'url',
        regex: /(?<value>(?<![0-9a-f])[0-9a-f]{8}:[0-9a-f]{8})@(?:gems|enterprise)\.contribsys\.com/i,
        score: 0.9,
      },
    ],
  },
];

export const SHAPED_TOKENS: readonly Recognizer[] = DECLARATIONS.map(definePattern);
export const SHAPED_TOKEN_DECLARATIONS = DECLARATIONS;

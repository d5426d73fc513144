/**
 * Values that stand where a secret would: template variables, redactions, documentation examples, references to a
 * secret kept elsewhere. Fails towards reporting: what is not recognised as a placeholder is judged as a value.
 */
import { isDocumentationValue } from './documentation-values.ts';
import { isRepetitive, isSequential, randomness } from './randomness.ts';

/** The whole value is a reference or a template. Bounded, anchored at both ends. */
const REFERENCES: readonly RegExp[] = [
  /^<[^<>]{0,80}>$/,
  /^\[[^[\]]{0,80}\]$/,
  /^\(.{0,80}\)$/,
  /^\{{1,3}[^{}]{0,120}\}{1,3}$/,
  /^%[A-Za-z0-9_.()-]{1,60}[%sd]$/,
  /^%[sdvqx@]$/,
  /^[$#@]\{{1,2}[^{}]{1,120}\}{1,2}$/,
  /^\$(?:[A-Z_][A-Z0-9_]{0,80}|[a-z_][A-Za-z_.:>-]{0,80})$/,
  /^\$[({][\w.:/ -]{1,120}[)}]$/,
  /^\$(?:\(|[A-Z_]{2,40}[/.:])/,
  /^@(?:[a-z_.]{1,60}|[A-Z_.]{1,60}@?)$/,
  /^__[A-Za-z0-9_]{1,60}__$/,
  /^(?:\*{2,80}|•{2,80}|\.{2,80}|-{2,80}|_{2,80}|#{2,80}|\?{2,80}|…{1,80})$/,
  /^&(?:lt|#60);/,
  /^(.)\1{1,80}$/,
  // A question at a prompt: `getpass('Password: ')`.
  /^\p{L}[\p{L} ]{1,60}:$/u,
  // Encrypted in place (jasypt, sops, Spring Cloud, Ansible): the key is elsewhere.
  /^(?:ENC[([]|\{cipher\}|!vault|\$ANSIBLE_VAULT|enc:|AQI[A-Z]{3})/,
];

/** Somewhere in the value, a template or a redaction. */
const TEMPLATE_INSIDE =
  /\$\{[\w.:/ -]{1,80}[}(]|\$\([\w./ -]{1,80}\)|\{\{[^{}]{1,120}\}\}|%\([\w.]{1,60}\)s|<[A-Za-z][\w .-]{0,40}>|\*{4,200}|•{3,200}|\.{3,200}|…|\[REDACTED|%s\b|#\{[\w.]{1,60}\}/i;

/** Code that fetches the secret from somewhere else. */
const LOOK_UP =
  /(?:\b|_)(?:process\.env|import\.meta\.env|os\.environ|os\.getenv|getenv|get_env|env\(|ENV\[|System\.getenv|Environment\.|secrets\.[A-Za-z_]|vault\.|config\(|Config\.|settings\.|params\.|request\.|req\.|self\.|this\.|args\.|options\.|arn:aws:|op:\/\/|vault:\/\/|keyring|secretsmanager|valueFrom|secretKeyRef|file:\/\/|data\.terraform|var\.[a-z_]|local\.[a-z_])/;

/** Words that say "put yours here", as whole words of the value. */
const STAND_IN_WORDS = new Set(
  (
    'your yours example examples sample placeholder changeme changeit replace replaceme insert enter dummy fake redacted ' +
    'masked removed todo fixme foobar lorem ipsum secretgoeshere goeshere notreal notasecret notsecret deine'
  ).split(' '),
);

/** Values that are the name of a thing, a type or a state instead of a secret. */
const BARE_WORDS = new Set(
  (
    'string str text varchar char bytes byte bool boolean int integer number float object any unknown void null none ' +
    'nil undefined nan true false yes no on off required optional hidden enabled disabled default auto manual basic ' +
    'bearer digest oauth oauth2 apikey api_key api-key password passwd pass pwd passphrase secret token key auth credentials ' +
    'username user login email admin_password mypassword my_password yourpassword your_password userpassword user_password ' +
    'access_token refresh_token id_token client_secret clientsecret private_key public_key secret_key secretkey privatekey ' +
    'accesstoken authtoken auth_token sessiontoken csrf csrftoken csrf_token jwt header cookie query body form ' +
    'changeme change_me changeit change-me redacted omitted removed example sample test testing dummy fake foo bar foobar foobaz ' +
    'xxx xxxx abc tbd todo n/a na is was and or not if in for the a an to of input output value name type field label ' +
    'await async new return function const let var self this super lambda typeof delete throw import export static final ' +
    'incorrect invalid wrong missing expired reset forgot forgotten mismatch confirm confirmed confirmation encrypted hashed plain ' +
    'plaintext strong weak short long empty blank same different different correct valid sensitive confidential protected ' +
    'environment env variable file path prompt stdin keychain keyring vault kms ssm sops'
  ).split(' '),
);

/** Four letters at least: shorter words stand in random strings by chance. */
const WORD = /[a-z]{4,40}/g;
/** In capitals even inside a run of letters: AWS ends its documentation's keys so. */
const SHOUTED = /EXAMPLE|PLACEHOLDER|CHANGE_?ME|REDACTED/;
const REPEATED_X = /x{5,200}|X{5,200}|0{9,200}/;

/** In a key's place a UUID is taken for one, even a counted one; published ones are on the list of documentation. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** isPlaceholder tells whether a value is a stand-in, a template or a reference rather than a secret. */
export function isPlaceholder(value: string): boolean {
  const trimmed = value.trim().replace(/^(['"])(.{1,200})\1$/, '$2');
  if (trimmed === '') return true;
  if (BARE_WORDS.has(trimmed.toLowerCase()) || isDocumentationValue(trimmed)) return true;
  if (REFERENCES.some((reference) => reference.test(trimmed))) return true;
  if (TEMPLATE_INSIDE.test(trimmed) || LOOK_UP.test(trimmed) || REPEATED_X.test(trimmed)) return true;
  return (
    isRepetitive(trimmed) ||
    (isSequential(trimmed) && !UUID.test(trimmed)) ||
    SHOUTED.test(trimmed) ||
    saysStandIn(trimmed)
  );
}

/**
 * isExampleToken is the stricter test for values whose shape is already distinctive: only what says itself that it is
 * an example, or could not have been drawn at random.
 */
export function isExampleToken(body: string): boolean {
  return (
    isRepetitive(body) ||
    isSequential(body) ||
    isMostlyOneCharacter(body) ||
    randomness(body) < -6 ||
    REPEATED_X.test(body) ||
    TEMPLATE_INSIDE.test(body) ||
    /example|placeholder|redacted|your|dummy|fake|insert|sample|changeme|replace_?me/i.test(body)
  );
}

/** Stripe's key for web pages, Datadog's for browsers: whoever opens the page sees them. And what Slack never issues. */
const NO_KEY = /^pk_(?:live|test)_|^pub[0-9a-f]{32}$|^xox[a-z]-\d{2,7}-\d{2,7}-/;

/** isNoKey tells keys made to be seen, and shapes their provider never issues. */
export function isNoKey(value: string): boolean {
  return NO_KEY.test(value);
}

/** `AIzaaaaaaaaaaaaaaaaa`: six in ten the same, and no key would be. */
function isMostlyOneCharacter(value: string): boolean {
  if (value.length < 12) return false;
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  return Math.max(...counts.values()) >= value.length * 0.6;
}

/** isElided: what follows the value says that the rest was cut or blotted out: `sk-abc…`, `xoxb-12-####`. */
export function isElided(text: string, end: number): boolean {
  return /^[-_]?(?:\.{3}|…|\*{3}|#{4}|x{4}|X{4}|•{3}|\[\.{3})/.test(text.slice(end, end + 6));
}

function saysStandIn(value: string): boolean {
  const lower = value.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  const words = lower.match(WORD);
  if (words === null) return false;
  return words.some((word) => STAND_IN_WORDS.has(word) || /^x{4,40}$/.test(word));
}

/**
 * What a name says about its value: `DB_PASSWORD`, `x-api-key`, `clientSecret`, `mot de passe`. And what takes it back:
 * `password_policy`, `public_key`, `max_tokens`, `secretName`.
 */
import { wordsOf } from '../../context.ts';

/**
 * `password`: chosen by people, any text can be one. `secret`: drawn by machines and named as secret.
 * `key`: a name that secrets share with much else; only a value that is plainly random counts.
 */
export type NameClass = 'password' | 'secret' | 'key' | 'none';

/** Literals the one pass looks for. Inside words too, so `DBPASSWD` and `mdp_admin` are seen. */
export const SECRET_LITERALS: readonly string[] = [
  'pass',
  'pw',
  'psw',
  'pssw',
  'pasw',
  'pword',
  'secret',
  '_pat',
  '_api',
  'unseal',
  'token',
  'key',
  'credential',
  'creds',
  'auth',
  'sasl',
  'dsn',
  'mdp',
  'kennwort',
  'contrase',
  'senha',
  'clave',
  'wachtwoord',
  'hasło',
  'haslo',
  'lösenord',
  'parola',
  'пароль',
  '密码',
  '密碼',
  '口令',
  '密钥',
  '密鑰',
  'パスワード',
  '비밀번호',
  'session',
  'cookie',
  'webhook',
  'mnemonic',
  'seed',
  'salt',
  'license',
  'licence',
  'otp',
  'access',
  'psk',
];

/** One place in a text where a name may begin to be a secret's. Built once from the literals. */
export const SECRET_LITERAL = new RegExp(
  [...SECRET_LITERALS].sort((left, right) => right.length - left.length).join('|'),
  'gi',
);

const PASSWORD_WORDS = new Set(
  (
    'password passwd pwd pass passe passphrase passcode passwort kennwort pword pasword passw pw userpass dbpass rootpass mypass ' +
    'contraseña contrasena contrasenya senha clave wachtwoord hasło haslo lösenord parola mdp пароль psk storepass keypass ' +
    'requirepass masterauth sshpass psswrd psswd paswd pswd pswrd passwrd psword psw userpwd proxyuserpwd keypasswd'
  ).split(' '),
);
const UNSPACED_PASSWORD = /密码|密碼|口令|パスワード|비밀번호/;
const UNSPACED_SECRET = /密钥|密鑰|秘钥/;

const SECRET_WORDS = new Set(
  'secret token pat unseal apikey credential cred authtoken accesstoken secretkey privatekey accesskey bearer jwt dsn mnemonic otp totp webhook apitoken authkey sasl clientsecret appsecret secretaccesskey'.split(
    ' ',
  ),
);
/** `key` is a secret's when one of these goes with it. */
const KEY_COMPANIONS = new Set(
  (
    'api access secret private signing sign encryption encrypt decrypt account auth authentication master storage shared service ' +
    'client app application license licence subscription consumer rapid rapidapi aws azure gcp google s3 db database hmac aes des ' +
    'jwt ssh deploy deployment session cookie admin root integration webhook write function fb instrumentation ikey firebase stripe ' +
    'twilio openai anthropic mailgun sendgrid algolia datadog newrelic heroku github gitlab npm cloudflare pagerduty server personal ' +
    'security bot live prod production wallet secure sso smtp'
  ).split(' '),
);
/** Last words that make the name one of a thing about the secret. */
const ABOUT = new Set(
  (
    'id ids name names file files filename path paths dir directory folder url uri urls uris link endpoint host port length size min max ' +
    'type types kind format policy policies rule rules field fields label labels hint placeholder title text description desc ' +
    'count limit limits usage budget expire expires expiry expiration expired ttl age date time timestamp created updated ' +
    'manager provider service handler factory builder helper util store storage repository controller validator generator parser ' +
    'encoder decoder strength regex pattern validation required enabled disabled allowed exists valid visible column table index schema ' +
    'version algorithm algo alg method mode scheme header headers prefix suffix input output form page screen view dialog button icon image ' +
    'class error errors message messages msg exception status state event request response result callback ref reference arn alias owner ' +
    'issuer audience scope scopes claim claims bucket map list array set count number env variable param parameter argument option setting ' +
    'rotation reset change forgot recovery question answer attempts attempt iterations rounds digest flag position ' +
    'usd price cost used total sum estimate window per second minute prompt completion context generation tokenizer embedding'
  ).split(' '),
);
/** Words that make `key` and `token` something else wherever they stand in the name. */
const NOT_SECRET = new Set(
  (
    'public publishable pub pubkey primary foreign unique sort partition cache row column translation i18n locale hash range composite natural surrogate ' +
    'keyword keyboard monkey keynote keys turkey hotkey hockey whiskey jockey donkey disney kidney ' +
    'idempotency dedupe dedup react query object lookup registry registrykey keyframe keyname keypress keydown keyup keycode ' +
    'bucket map dictionary json field etag checksum integrity sha256 sha1 md5 fingerprint ' +
    'max min total num number input output completion prompt cached reasoning csrf xsrf authenticity verification pagination page next continuation cursor ' +
    'stop pad eos bos unk mask sep cls special vocab count signing_algorithm figure legend key_points takeaway takeaways findings key_finding'
  ).split(' '),
);
/** Words that mostly go with keys and tokens of another kind: of an editor, a song, a language. */
const ABOUT_KEYS = new Set('shortcut answer music piano lex lexer parser syntax'.split(' '));
/** Names that say themselves that the value is made up: `fakeToken`, `a dummy password`. */
const MADE_UP = new Set('fake dummy mock mocked stub bogus example sample placeholder'.split(' '));
/** In code also those that say it must not work: `wrongPassword`, `nonMatchingKey`. In prose somebody mistyped a real one. */
const UNFIT = new Set(
  'invalid wrong incorrect nonexistent nonexisting non malformed mismatched mismatching bad'.split(' '),
);
/** saysUnfit tells a name that says its value is made up or must not work: `fakeToken`, `nonMatchingKey`. */
export function saysUnfit(name: string): boolean {
  return wordsOf(name).some((word) => MADE_UP.has(word) || UNFIT.has(word));
}
/** Words with `pass` or `auth` in them that are about neither. */
const WHOLE_WORD_ONLY =
  /(?:^|[^a-z])(?:bypass|compass|passenger|passage|passive|passion|passing|passed|passes|passport|surpass|overpass|author|authors|authority|tokenizer|tokenize|keyboard|keyword|keywords|monkey|turkey)(?:$|[^a-z])/;
/** `psswrd`, `pswd`, `paswrd`, `passworsd`. */
const MISSPELT = /^p[as]{1,3}w[ors]{0,4}d$/;
const PASSWORD_TAIL = /(?:password|passwd|passphrase|passwort|kennwort|pwd|pass|passw|contrase(?:ñ|n)a)[0-9]{0,4}$/;
const SECRET_TAIL = /(?:secret|token|apikey|credential|credentials|secretkey|accesskey|privatekey|authkey)[0-9]{0,4}$/;

/** classifyName says what values of this name are. Names are at most 96 units; longer ones are cut by the caller. */
export function classifyName(name: string): NameClass {
  if (UNSPACED_PASSWORD.test(name)) return 'password';
  if (UNSPACED_SECRET.test(name)) return 'secret';
  const words = wordsOf(name);
  if (words.length === 0) return 'none';
  const last = words.at(-1) ?? '';
  const isAbout = ABOUT.has(last);
  const isIdentifier = !name.includes(' ');
  if (words.some((word) => MADE_UP.has(word) || (isIdentifier && UNFIT.has(word)))) return 'none';
  for (const word of words) if (PASSWORD_WORDS.has(word)) return isAbout ? 'none' : 'password';
  if (words.some((word) => MISSPELT.test(word))) return isAbout ? 'none' : 'password';
  if (last.length <= 40 && PASSWORD_TAIL.test(last) && !WHOLE_WORD_ONLY.test(last)) return 'password';
  // Vault's AppRole: the secret_id is the secret. .NET's UserSecretsId only names where they are kept.
  if (last === 'id' && words.at(-2) === 'secret' && words.at(-3) !== 'user') return 'secret';
  if (last === 'secret' || last === 'apikey' || last === 'credential') return 'secret';
  // `maps_api_key`, `search.api.token`: what stands before says only whose.
  const api = words.indexOf('api');
  if (!isAbout && api >= 0 && /^(?:key|token|secret)$/.test(words[api + 1] ?? '')) return 'secret';
  if (isAbout || words.some((word) => NOT_SECRET.has(word))) return 'none';
  // A value that is plainly drawn is a secret although the name speaks of parsers.
  if (words.some((word) => ABOUT_KEYS.has(word))) return last === 'key' || last === 'token' ? 'key' : 'none';
  for (const word of words) if (SECRET_WORDS.has(word) || SECRET_TAIL.test(word)) return 'secret';
  if (words.includes('key') && words.some((word) => KEY_COMPANIONS.has(word))) return 'secret';
  if (WHOLE_WORD_ONLY.test(last)) return 'none';
  return words.some(
    (word) =>
      word === 'api' ||
      word === 'key' ||
      word === 'auth' ||
      word === 'session' ||
      word === 'cookie' ||
      word === 'seed' ||
      word === 'salt' ||
      word === 'access' ||
      word === 'license' ||
      word === 'licence' ||
      word === 'private' ||
      word.endsWith('key'),
  )
    ? 'key'
    : 'none';
}

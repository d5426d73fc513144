/**
 * Whether the value next to a secret's name is that secret. Fails towards reporting a quoted literal and away from
 * reporting an expression: code that fetches a secret holds none.
 */
import type { NameClass } from './secret-words.ts';
import { isNoKey, isPlaceholder } from './placeholder.ts';
import { entropy, randomness } from './randomness.ts';

/**
 * How the value was written. `literal`: in quotes, a JSON leaf, or alone on the right of a configuration line.
 * `bare`: unquoted in running text or code. `prose`: after `is`. `loose`: only blanks between, anywhere. `listed`: a
 * quoted neighbour in an argument list, which may be another label.
 */
export type ValueForm = 'literal' | 'bare' | 'prose' | 'loose' | 'listed';

export interface ValueScore {
  readonly score: number;
  readonly pattern: string;
}

const NOT_A_SECRET: ValueScore | undefined = undefined;
/** Member access, indexing, calls, arrows, generics: an expression, not a value. */
const EXPRESSION = /^[\w$!&*.]{1,80}(?:\(|\[["'\w$]{0,60}\]|<\w)/;
/** The name stood at the end of a string: what looks quoted is the code between two strings. */
const OUT_OF_STEP = /^[\s,;)+&?]|^\.[$\w]{1,40}[[(]|^ ?=>/;
/** Rules and patterns about secrets are written in prompts more often than secrets with such parts. */
const REGEX_SYNTAX = /\\[wdsbWDS]|\.[*+][)$?]|\[\^|\(\?[:=!<]|\]\{\d/;
const MEMBER = /^[A-Za-z_$][\w$]{0,60}(?:(?:\??\.|->|::)[A-Za-z_$][\w$]{0,60}){1,8}[;,)]?$/;
const CALL = /^[A-Za-z_$][\w$.:]{0,80}\(/;
const PATH = /^(?:\.{0,2}\/|~\/|[A-Za-z]:\\)\S{1,300}$|^[a-z_-]{2,40}(?:\/[a-z_-]{2,40}){1,8}(?:#[a-z_]{1,40})?$/;
/** 32 bytes in base64, which may begin with a slash. */
const WIREGUARD_KEY = /^[A-Za-z0-9+/]{43}=$/;
const FILE_NAME =
  /^[\w./@-]{1,120}\.(?:pem|key|crt|cer|json|ya?ml|txt|conf|cfg|ini|env|md|html?|js|ts|py|java|go|rb|php|sh|jks|p12|pfx|properties|xml|png|svg|css|log|db|sql|jar|zip|gz)$/i;
const URL_VALUE = /^[a-z][a-z0-9+.-]{1,20}:\/\//i;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const HEX = /^(?:0x)?[0-9a-f]{16,200}$/i;
const MACHINE_ALPHABET = /^[\w+/=.~:!@#$%^&*|-]{8,1600}$/;
const PRINTABLE = /^[!-~](?:[!-~]| (?! )){7,1600}$/;
const DATE_OR_VERSION = /^v?\d{1,4}(?:[.:/-]\d{1,4}){1,5}(?:[-+.T]\w{1,20})?Z?$/;
const DNS_NAME =
  /^(?:[a-z0-9-]{1,63}\.){1,8}(?:com|org|net|io|dev|local|internal|cloud|co|app|svc|example|test|gov|edu|de|uk)\.?(?::\d{1,5})?(?:\/\S{0,100})?$/i;
const EMAIL = /^[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}$/;
/** A word of running text: letters, and punctuation around them. */
const PROSE_WORD = /^[\p{L}'’,.!?:;()-]{1,40}$/u;

/** judgeValue scores the value of a name of the given class, or says that it is none. */
export function judgeValue(value: string, name: string, nameClass: NameClass, form: ValueForm): ValueScore | undefined {
  // Asked first: words behind a key word in prose come by the hundred, and are none.
  if (form === 'loose' && !isPlainlyDrawn(value)) return NOT_A_SECRET;
  if (value.length < 4 || isPlaceholder(value) || OUT_OF_STEP.test(value) || REGEX_SYNTAX.test(value))
    return NOT_A_SECRET;
  if (
    (PATH.test(value) && !WIREGUARD_KEY.test(value)) ||
    FILE_NAME.test(value) ||
    URL_VALUE.test(value) ||
    DATE_OR_VERSION.test(value)
  )
    return NOT_A_SECRET;
  if (form !== 'literal' && form !== 'listed' && isExpression(value)) return NOT_A_SECRET;
  if (CALL.test(value) && value.endsWith(')')) return NOT_A_SECRET;
  return nameClass === 'password' ? judgePassword(value, name, form) : judgeDrawn(value, name, nameClass, form);
}

/** Good enough to count although nothing but a blank ties it to the name. */
function isPlainlyDrawn(value: string): boolean {
  if (value.length < 16 || !/\d/.test(value) || !MACHINE_ALPHABET.test(value)) return false;
  return HEX.test(value) || UUID.test(value) || (/[a-z]/i.test(value) && randomness(value) > 6 && entropy(value) > 3);
}

function isExpression(value: string): boolean {
  return EXPRESSION.test(value) || MEMBER.test(value) || CALL.test(value);
}

function isProse(value: string): boolean {
  const words = value.trim().split(/\s{1,8}/);
  return words.length > 1 && words.every((word) => PROSE_WORD.test(word));
}

function judgePassword(value: string, name: string, form: ValueForm): ValueScore | undefined {
  if (value.length > 200 || echoesName(value, name) || /^0x[0-9a-f]{1,4}$/i.test(value)) return NOT_A_SECRET;
  // Text and concatenated code, not a value: `" + getPassword() + "`, `-pass 1 -an -sn`.
  if (/\w\(\)| \+ |=>|^-{1,2}\w{1,20} |^#/.test(value) || (value.match(/\s/g)?.length ?? 0) > 4) return NOT_A_SECRET;
  if (isProse(value)) return NOT_A_SECRET;
  const letters = /[\p{L}]/u.test(value);
  const digits = /\d/.test(value);
  const symbols = /[^\p{L}\d\s_.-]/u.test(value);
  const pattern = 'password-value';
  if (letters && digits) return { score: form === 'prose' && !/^\S{6,}$/.test(value) ? 0.4 : 0.75, pattern };
  if (
    symbols &&
    (letters || digits) &&
    value.length >= 5 &&
    !isPlaceholder(value.replace(/[!?.]{1,3}$/, '')) &&
    (form !== 'prose' || digits || value.length >= 8)
  )
    return { score: 0.7, pattern };
  if (digits && !letters) return { score: form === 'prose' || /\s/.test(value) ? 0.45 : 0.55, pattern };
  if (!letters) return NOT_A_SECRET;
  // Only letters: a dictionary word is a password when it is quoted, and anything could be when it is not.
  if (randomness(value) > 6 && form !== 'listed') return { score: 0.65, pattern };
  // `pass: 'first'` numbers a turn.
  const isPlainName = !/^(?:pass|pw)$/i.test(name.replace(/^[^a-z]{1,4}|[^a-z]{1,4}$/gi, ''));
  return { score: form === 'literal' && isPlainName ? 0.52 : 0.3, pattern: 'password-word' };
}

/** Framework keys (WordPress salts) draw from all of ASCII, blanks too. */
function isManySymbols(value: string): boolean {
  const symbols = new Set(value.match(/[^A-Za-z0-9_./:=, -]/g) ?? []);
  return value.length >= 16 && symbols.size >= 4 && /[A-Za-z]/.test(value) && entropy(value) > 3.5;
}

function judgeDrawn(value: string, name: string, nameClass: NameClass, form: ValueForm): ValueScore | undefined {
  if (
    !(form === 'literal' || form === 'listed' ? PRINTABLE : MACHINE_ALPHABET).test(value) ||
    DNS_NAME.test(value) ||
    EMAIL.test(value)
  )
    return NOT_A_SECRET;
  if (value.length < 8 || echoesName(value, name)) return NOT_A_SECRET;
  if (isNoKey(value)) return NOT_A_SECRET;
  // A plain `key = x` is an index of something in any code.
  if (form === 'bare' && (name === 'key' || name === 'keys')) return NOT_A_SECRET;
  const named = nameClass === 'secret';
  const pattern = named ? 'secret-value' : 'key-value';
  if (UUID.test(value)) return named ? { score: 0.6, pattern } : { score: 0.3, pattern };
  if (HEX.test(value)) {
    if (entropy(value) < 2.5) return NOT_A_SECRET;
    return { score: named ? 0.8 : 0.55, pattern };
  }
  if (isManySymbols(value)) return { score: named ? 0.7 : 0.55, pattern };
  if (value.length >= 16 && entropy(value) < 2) return NOT_A_SECRET;
  if (/^\d{1,40}$/.test(value)) return named && value.length >= 10 ? { score: 0.5, pattern } : NOT_A_SECRET;
  const bits = randomness(value);
  const spread = entropy(value);
  const mixed = /[a-z]/i.test(value) && /\d/.test(value);
  if (bits > 10 && value.length >= 16 && spread > 3) return { score: named ? 0.85 : 0.6, pattern };
  if (named && bits > 3 && spread > 2.6 && mixed) return { score: 0.7, pattern };
  if (named && mixed && bits > -2 && form === 'literal' && !/0?12345|54321/.test(value))
    return { score: 0.55, pattern };
  if (named && bits > 5 && value.length >= 12) return { score: 0.6, pattern };
  // Chosen by a person: `secret: 'development#product'`.
  if (
    named &&
    form === 'literal' &&
    /[!#$%^*@&?]/.test(value) &&
    /^\S{8,80}$/.test(value) &&
    /\p{L}/u.test(value) &&
    !/(.)\1{4}/.test(value)
  )
    return { score: 0.55, pattern };
  return { score: 0.3, pattern };
}

/** `password = "db_password"`: the value is the name again. */
function echoesName(value: string, name: string): boolean {
  const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\d]/gu, '');
  const left = plain(value);
  const right = plain(name);
  return (
    left === right ||
    (left.length >= 4 && /^\p{L}+$/u.test(left) && right.includes(left)) ||
    (right.length >= 4 && left.startsWith(right) && /^\p{L}*$/u.test(left.slice(right.length)))
  );
}

/**
 * Values that only a machine draws, with a word near that says secret. Alone they are near misses: commits, checksums,
 * ids and compressed data look the same.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around } from '../../define-pattern.ts';
import { run } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { isDocumentationValue } from './documentation-values.ts';
import { isElided, isExampleToken, isNoKey } from './placeholder.ts';
import { entropy, randomness } from './randomness.ts';
import { classifyName } from './secret-words.ts';

export const highEntropy: Recognizer = definePattern({
  name: 'high-entropy-value',
  entity: 'API_KEY',
  // The edges of the pattern are those of a run, so that a value is one run, or several with `~` between, and never part of a longer one.
  triggers: [run('token', 20, 202)],
  reach: { before: 2, after: 2 },
  patterns: [
    {
      name: 'random-string',
      regex: /(?<![A-Za-z0-9+/=_.~-])[A-Za-z0-9+/_.~-]{20,200}={0,2}(?![A-Za-z0-9+/=_~-])/,
      score: 0.3,
    },
  ],
  context: [
    'api key',
    'apikey',
    'secret',
    'password',
    'access token',
    'auth token',
    'token',
    'secret key',
    'access key',
    'credential',
    'passwd',
    'private key',
    'bearer',
    'api token',
    'client secret',
    'passphrase',
  ],
  contextReach: { before: 60, after: 0 },
  counterContext: [
    'sha',
    'sha1',
    'sha256',
    'sha512',
    'md5',
    'checksum',
    'commit',
    'integrity',
    'hash',
    'digest',
    'uuid',
    'guid',
    'public key',
    'fingerprint',
    'etag',
    'nonce',
    'certificate',
    'content',
    'image',
    'base64',
    'token id',
    'address',
    'txid',
    'transaction',
    'ssh rsa',
    'ssh ed25519',
  ],
  invalidate: (value, around) =>
    !isDrawn(value) ||
    isNoKey(value) ||
    isPartOfPath(value, around) ||
    isNamedElse(around) ||
    isElided(around.text, around.end),
});

/** Hexadecimal is a commit or a checksum far more often than a key, so without a name next to it it does not count. */
function isDrawn(value: string): boolean {
  if (!/\d/.test(value) || !/[g-z_]/i.test(value)) return false;
  if (randomness(value) <= Math.max(8, value.length * 0.35) || entropy(value) <= 3.4) return false;
  return !/^[0-9a-f-]{20,200}$/i.test(value) && !isExampleToken(value) && !isDocumentationValue(value);
}

const OWN_NAME = /([A-Za-z_][\w.-]{0,60})\\?["']?\s{0,4}(?::{1,2}=?|={1,3}>?)\s{0,4}\\?["'`([]{0,2}\s{0,8}["'`]?$/;

/** Keys of containers: they say nothing of what is in them. */
const CONTAINER =
  /^(?:params?|args?|arguments?|values?|data|items?|list|body|payload|content|text|input|results?|output)$/i;

/** A value with a name of its own is the assignment recognizer's; a name like `credentialId` says it is no secret. */
function isNamedElse({ text, start }: Around): boolean {
  const before = text.slice(Math.max(0, start - 90), start);
  const name = OWN_NAME.exec(before)?.[1];
  return (
    /ENC[([][^)\]]{0,60}$/.test(before) ||
    (name !== undefined && !CONTAINER.test(name) && classifyName(name) === 'none')
  );
}

function isPartOfPath(value: string, around: Around): boolean {
  const before = around.text.slice(Math.max(0, around.start - 10), around.start);
  return /(?:\/|\.|base64,|%)$/.test(before) || (value.match(/[/.]/g)?.length ?? 0) > 3;
}

/** AWS secret access keys have no prefix: forty characters of base64 near an access key id or their name. */
export const awsSecretKey: Recognizer = definePattern({
  name: 'aws-secret-key',
  entity: 'API_KEY',
  triggers: [run('token', 40, 40)],
  reach: { before: 2, after: 2 },
  patterns: [{ name: 'base64-40', regex: /(?<![A-Za-z0-9+/=_.-])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_.-])/, score: 0.3 }],
  invalidate: (value, around) => !isAwsSecret(value, around),
  validate: (value, around) => (isAwsSecret(value, around) ? 'valid' : 'unknown'),
  validatedBy: 'access-key-near',
  validScore: 0.9,
});

function isAwsSecret(value: string, around: Around): boolean {
  if (
    !/[a-z]/.test(value) ||
    !/[A-Z]/.test(value) ||
    !/\d/.test(value) ||
    entropy(value) < 4.2 ||
    isExampleToken(value) ||
    isDocumentationValue(value)
  )
    return false;
  const near = around.text.slice(Math.max(0, around.start - 200), around.end + 120);
  return /A(?:KIA|SIA)[A-Z0-9]{12}|aws|amazon|secret.?access/i.test(near + around.hint);
}

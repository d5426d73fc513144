/** Ed25519 over the heads of the chain. The key is made from the installation's, so instances that share it sign alike, or is the operator's own. Fails closed: a key that is none is a fault at start. */
import { createHash, createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign, verify } from 'node:crypto';
import type { Secret } from '../../config/secret.ts';

/** DER of a PKCS#8 Ed25519 key up to its 32 bytes (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

export interface Signer {
  /** First 16 hex digits of the SHA-256 of the public key's DER. */
  readonly fingerprint: string;
  /** SPKI, PEM: for whoever verifies. */
  readonly publicKey: string;
  sign(text: string): Buffer;
}

export function deriveSigner(installationKey: Buffer): Signer {
  const seed = Buffer.from(hkdfSync('sha256', installationKey, Buffer.alloc(0), 'sluice audit signature', 32));
  return signerOf(createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' }));
}

/** Throws when the secret is no Ed25519 private key (PEM; an environment variable may write its line ends as `\\n`). */
export function readSigner(secret: Secret): Signer {
  const key = createPrivateKey(secret.reveal().replaceAll('\\n', '\n'));
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('not an Ed25519 key');
  return signerOf(key);
}

function signerOf(key: KeyObject): Signer {
  const publicKey = createPublicKey(key);
  return {
    fingerprint: fingerprintOf(publicKey),
    publicKey: publicKey.export({ format: 'pem', type: 'spki' }),
    sign: (text) => sign(null, Buffer.from(text), key),
  };
}

export class Verifier {
  readonly #keys: ReadonlyMap<string, KeyObject>;

  /** Throws when one is no public key. */
  constructor(pems: readonly string[]) {
    this.#keys = new Map(
      pems.map((pem) => {
        const key = createPublicKey(pem);
        return [fingerprintOf(key), key];
      }),
    );
  }

  check(text: string, signature: Uint8Array, fingerprint: string): 'valid' | 'invalid' | 'unknown-key' {
    const key = this.#keys.get(fingerprint);
    if (key === undefined) return 'unknown-key';
    return verify(null, Buffer.from(text), key, signature) ? 'valid' : 'invalid';
  }
}

function fingerprintOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('hex')
    .slice(0, 16);
}

/**
 * CRYPTO: wallet addresses. Base58Check and Bech32 carry a checksum, Ethereum's is in its capitals (EIP-55, checked by
 * Keccak, which Node does not have): there the shape 0x and forty digits stands alone unless it is one repeated byte.
 */
import { createHash } from 'node:crypto';
import { definePattern } from '../../define-pattern.ts';
import type { Validation } from '../../define-pattern.ts';
import { keywords, run } from '../../recognizer.ts';
import { shapeGuard } from './shape-guard.ts';

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const RIPPLE = 'rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz';
const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

function base58Check(value: string, alphabet = BASE58): boolean {
  let number = 0n;
  for (const character of value) {
    const digit = alphabet.indexOf(character);
    if (digit < 0) return false;
    number = number * 58n + BigInt(digit);
  }
  let hex = number.toString(16);
  if (hex.length % 2) hex = `0${hex}`;
  let zeros = 0;
  while (value[zeros] === alphabet[0]) zeros += 1;
  const bytes = Buffer.concat([Buffer.alloc(zeros), number === 0n ? Buffer.alloc(0) : Buffer.from(hex, 'hex')]);
  if (bytes.length !== 25) return false;
  return sha256(sha256(bytes.subarray(0, 21)))
    .subarray(0, 4)
    .equals(bytes.subarray(21));
}

/** BIP-173 and BIP-350. */
function bech32(value: string): boolean {
  if (value !== value.toLowerCase() && value !== value.toUpperCase()) return false;
  const text = value.toLowerCase();
  const split = text.lastIndexOf('1');
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  let check = 1;
  const step = (five: number): void => {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ five;
    for (const [bit, term] of generator.entries()) if ((top >>> bit) & 1) check ^= term;
  };
  for (let index = 0; index < split; index += 1) step(text.charCodeAt(index) >> 5);
  step(0);
  for (let index = 0; index < split; index += 1) step(text.charCodeAt(index) & 31);
  for (const character of text.slice(split + 1)) {
    const digit = BECH32.indexOf(character);
    if (digit < 0) return false;
    step(digit);
  }
  return check >>> 0 === 1 || check >>> 0 === 0x2bc830a3;
}

function validate(value: string): Validation {
  if (/^0x/i.test(value)) return /^0x(..)\1{19}$/i.test(value) || /^0x0{30}/i.test(value) ? 'invalid' : 'unknown';
  if (/^(?:bc|tb|ltc)1/i.test(value)) return bech32(value) ? 'valid' : 'invalid';
  if (/^[13LMDATtnm]/.test(value) && value.length <= 35) return base58Check(value) ? 'valid' : 'invalid';
  if (value.startsWith('r') && value.length <= 35) return base58Check(value, RIPPLE) ? 'valid' : 'invalid';
  return 'unknown';
}

export const cryptoAddress = definePattern({
  name: 'crypto-address',
  entity: 'CRYPTO',
  triggers: [run('lettered', 25), keywords('bc1', 'ltc1', 'xmr')],
  guard: shapeGuard(/^(?:[13LMDArT48]|0x|bc1|tb1|ltc1|BC1|xmr)|^[1-9A-HJ-NP-Za-km-z]{43,44}$/, { before: 0, after: 0 }),
  reach: { before: 8, after: 8 },
  patterns: [
    {
      name: 'base58',
      regex: /(?<![A-Za-z0-9+/=_-])[13LMDArT][1-9A-HJ-NP-Za-km-z]{25,34}(?![A-Za-z0-9+/=_-])/,
      score: 0.3,
    },
    {
      name: 'bech32',
      regex:
        /(?<![A-Za-z0-9])(?:bc1|tb1|ltc1)[02-9ac-hj-np-z]{11,71}(?![A-Za-z0-9])|(?<![A-Za-z0-9])BC1[02-9AC-HJ-NP-Z]{11,71}(?![A-Za-z0-9])/,
      score: 0.4,
    },
    { name: 'ethereum', regex: /(?<![A-Za-z0-9])0x[0-9A-Fa-f]{40}(?![A-Za-z0-9])/, score: 0.5 },
    { name: 'solana', regex: /(?<![A-Za-z0-9+/=_-])[1-9A-HJ-NP-Za-km-z]{43,44}(?![A-Za-z0-9+/=_-])/, score: 0.15 },
    {
      name: 'monero',
      regex: /(?<![A-Za-z0-9+/=_-])[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}(?![A-Za-z0-9+/=_-])/,
      score: 0.6,
    },
  ],
  validate,
  validatedBy: 'address checksum',
  validScore: 0.9,
  context: [
    'bitcoin',
    'btc',
    'wallet',
    'crypto',
    'ethereum',
    'eth',
    'litecoin',
    'dogecoin',
    'solana',
    'sol',
    'monero',
    'xmr',
    'ripple',
    'xrp',
    'tron',
    'trx',
    'usdt',
    'usdc',
    'blockchain',
    'cartera',
    'portefeuille',
    'billetera',
    'wallet address',
    '钱包',
    'ウォレット',
    '지갑',
  ],
});

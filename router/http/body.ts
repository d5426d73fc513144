/**
 * Reads a request body whole, once, within bounds, decoding gzip, deflate, br and zstd. Fails closed: over the limit (also after decoding, a bomb is cut
 * while it inflates), cut short or undecodable is a problem, and nothing of it is read further.
 */
import type { IncomingMessage } from 'node:http';
import { brotliDecompress, gunzip, inflate, type ZlibOptions, zstdDecompress } from 'node:zlib';
import type { ErrorCode } from '../errors.ts';
import type { BodyAccount } from './body-budget.ts';

export type ReadBody =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'problem'; readonly code: ErrorCode };

/** JSON of agents shrinks to a third or a tenth; text that repeats itself to a thirtieth. */
const LIKELY_RATIO = 32;

/** `account` bounds what all requests hold together; without one only `maxBytes` binds. */
export async function readBody(request: IncomingMessage, maxBytes: number, account?: BodyAccount): Promise<ReadBody> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > maxBytes) return { kind: 'problem', code: 'body_too_large' };
  const raw = await collect(request, maxBytes, account);
  if (raw.kind === 'problem' || encoding === 'identity' || encoding === '') return raw;
  let decoded: ReadBody = { kind: 'problem', code: 'body_too_large' };
  // What an honest body inflates to is taken from the budget first, then the most there may be: of a hundred bombs at once no more inflate than the budget has room for.
  for (const bound of new Set([Math.min(maxBytes, 1024 + raw.bytes.length * LIKELY_RATIO), maxBytes])) {
    if (account?.take(bound) === false) return { kind: 'problem', code: 'too_many_bytes_open' };
    decoded = await decode(raw.bytes, encoding, bound);
    account?.give(decoded.kind === 'body' ? bound - decoded.bytes.length : bound);
    if (decoded.kind === 'body' || decoded.code !== 'body_too_large') break;
  }
  return decoded;
}

function collect(request: IncomingMessage, maxBytes: number, account: BodyAccount | undefined): Promise<ReadBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (body: ReadBody): void => {
      request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
      resolve(body);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) {
        request.pause();
        settle({ kind: 'problem', code: 'body_too_large' });
      } else if (account?.take(chunk.length) === false) {
        request.pause();
        settle({ kind: 'problem', code: 'too_many_bytes_open' });
      } else chunks.push(chunk);
    };
    const onEnd = (): void =>
      settle({
        kind: 'body',
        bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size),
      });
    const onBroken = (): void => settle({ kind: 'problem', code: 'body_incomplete' });
    request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  });
}

type Decompress = (input: Buffer, options: ZlibOptions, done: (error: Error | null, output: Buffer) => void) => void;
const DECODERS: Readonly<Record<string, Decompress>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: inflate,
  br: brotliDecompress as Decompress,
  zstd: zstdDecompress as Decompress,
};

function decode(bytes: Buffer, encoding: string, maxBytes: number): Promise<ReadBody> {
  const decompress = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (decompress === undefined) return Promise.resolve({ kind: 'problem', code: 'unsupported_encoding' });
  return new Promise((resolve) => {
    decompress(bytes, { maxOutputLength: maxBytes }, (error, output) => {
      if (error === null) resolve({ kind: 'body', bytes: output });
      else
        resolve({
          kind: 'problem',
          code: 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE' ? 'body_too_large' : 'unsupported_encoding',
        });
    });
  });
}

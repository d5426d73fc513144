/** Ids of requests: 96 random bits in hex. Drawn many at a time, because one call to the system costs as much as reading a small body. */
import { randomFillSync } from 'node:crypto';

const BYTES = 12;
const pool = Buffer.alloc(BYTES * 256);
let next = pool.length;

export function newRequestId(): string {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const id = `req_${pool.toString('hex', next, next + BYTES)}`;
  next += BYTES;
  return id;
}

/**
 * A keyed hash of bytes: NH (of UMAC, RFC 4418), two lanes of 64 bits under one random key shifted by 16 bytes. Two different inputs
 * of one length collide with probability 2^-64 over the choice of the key, whoever chose them; nothing made here is ever shown.
 * Compiled by training/write-skim.ts; AssemblyScript, not TypeScript.
 */

// Layout; text-digest.ts has the same numbers.
const INPUT: usize = 20480;
const OUT: usize = 256;

/** digest hashes the first `length` bytes of the input under the key at `key`, filled up with zeros; the caller's first words say how long it was. */
export function digest(length: i32, key: usize): void {
  v128.store(INPUT + length, i64x2.splat(0));
  let first = i64x2.splat(0);
  let second = i64x2.splat(0);
  for (let at: usize = 0; at < <usize>length; at += 16) {
    const bytes = v128.load(INPUT + at);
    const one = i32x4.add(bytes, v128.load(key + at));
    const two = i32x4.add(bytes, v128.load(key + 16 + at));
    first = i64x2.add(first, i64x2.extmul_low_i32x4_u(one, i32x4.shuffle(one, one, 2, 3, 0, 1)));
    second = i64x2.add(second, i64x2.extmul_low_i32x4_u(two, i32x4.shuffle(two, two, 2, 3, 0, 1)));
  }
  store<i64>(OUT, i64x2.extract_lane(first, 0) + i64x2.extract_lane(first, 1));
  store<i64>(OUT, i64x2.extract_lane(second, 0) + i64x2.extract_lane(second, 1), 8);
}

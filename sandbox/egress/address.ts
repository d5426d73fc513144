/**
 * Which IP addresses are the public internet. Everything else (this machine, this network, other people's private networks,
 * cloud metadata, addresses that carry one of those inside) is refused. Fails closed: what does not parse is not public.
 */
import { isIPv4, isIPv6 } from 'node:net';

type Block = readonly [base: number, bits: number];
const octets = (a: number, b: number, c: number, d: number): number => ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;

/** IANA's special-purpose registry for IPv4, and the one public-looking address that is Azure's host. */
const NOT_PUBLIC: readonly Block[] = [
  [octets(0, 0, 0, 0), 8],
  [octets(10, 0, 0, 0), 8],
  [octets(100, 64, 0, 0), 10],
  [octets(127, 0, 0, 0), 8],
  [octets(169, 254, 0, 0), 16],
  [octets(172, 16, 0, 0), 12],
  [octets(192, 0, 0, 0), 24],
  [octets(192, 0, 2, 0), 24],
  [octets(192, 88, 99, 0), 24],
  [octets(192, 168, 0, 0), 16],
  [octets(198, 18, 0, 0), 15],
  [octets(198, 51, 100, 0), 24],
  [octets(203, 0, 113, 0), 24],
  [octets(224, 0, 0, 0), 4],
  [octets(240, 0, 0, 0), 4],
  [octets(168, 63, 129, 16), 32],
];

export function isPublicAddress(address: string): boolean {
  // A zone names one of this machine's interfaces.
  if (address.includes('%')) return false;
  if (isIPv4(address)) return isPublicIPv4(toNumber(address));
  return isIPv6(address) && isPublicIPv6(toGroups(address));
}

function isPublicIPv4(value: number): boolean {
  return NOT_PUBLIC.every(([base, bits]) => value >>> (32 - bits) !== base >>> (32 - bits));
}

function isPublicIPv6(groups: readonly number[]): boolean {
  const [first = 0, second = 0] = groups;
  const last = octetsOf(groups, 6);
  // Mapped addresses (::ffff:a.b.c.d) reach the IPv4 host itself; node's BlockList would take the rule for them for all of IPv4.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return isPublicIPv4(last);
  // NAT64: what a gateway makes of it is the IPv4 address at its end. The local-use prefix goes wherever an operator says.
  if (first === 0x64 && second === 0xff9b)
    return groups.slice(2, 6).every((group) => group === 0) && isPublicIPv4(last);
  // 6to4 carries its gateway's IPv4 address.
  if (first === 0x2002) return isPublicIPv4(octetsOf(groups, 1));
  // Global unicast, without 2001::/23 (Teredo, ORCHID, benchmarks) and the two ranges for documentation.
  if (first >>> 13 !== 1) return false;
  if (first === 0x2001 && (second < 0x200 || second === 0xdb8)) return false;
  if (first === 0x3fff && second < 0x1000) return false;
  // ISATAP: an interface identifier 0000:5efe or 0200:5efe before an IPv4 address of a private network.
  if (groups[5] === 0x5efe && (groups[4] === 0 || groups[4] === 0x200)) return isPublicIPv4(last);
  return true;
}

function octetsOf(groups: readonly number[], index: number): number {
  return (((groups[index] ?? 0) << 16) | (groups[index + 1] ?? 0)) >>> 0;
}

function toNumber(address: string): number {
  return address.split('.').reduce((value, part) => ((value << 8) | Number(part)) >>> 0, 0);
}

/** Eight numbers of 16 bits. The address has passed isIPv6. */
function toGroups(address: string): readonly number[] {
  const dotted = /(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  const tail = dotted === undefined ? '' : toNumber(dotted).toString(16).padStart(8, '0');
  const plain =
    dotted === undefined ? address : `${address.slice(0, -dotted.length)}${tail.slice(0, 4)}:${tail.slice(4)}`;
  const [before = '', after] = plain.split('::');
  const parse = (text: string): readonly number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const head = parse(before);
  const rest = after === undefined ? [] : parse(after);
  return [...head, ...Array.from({ length: 8 - head.length - rest.length }, () => 0), ...rest];
}

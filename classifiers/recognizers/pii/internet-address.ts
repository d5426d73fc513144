/**
 * IP_ADDRESS and MAC_ADDRESS. Addresses that identify nobody are dropped: unspecified, loopback, documentation
 * (RFC 5737, RFC 3849), broadcast, multicast; private ones (RFC 1918, RFC 4193, link-local) stay below the threshold
 * unless the text speaks of them. Four-part version numbers look the same and are told by the words around.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around } from '../../define-pattern.ts';
import { digits, marksBesideHex } from '../../recognizer.ts';
import type { Trigger } from '../../recognizer.ts';
import { shapeGuard } from './shape-guard.ts';

const OCTET = '(?:25[0-5]|2[0-4]\\d|1?\\d{1,2})';
const IPV4 = new RegExp(`(?=\\d{1,3}\\.\\d)(?<![\\w.-])${OCTET}(?:\\.${OCTET}){3}(?![\\w-]|\\.\\d)`);
/** A version, a section number or an object identifier says so right before itself. */
const VERSION_BEFORE =
  /(?:\b(?:v|ver|version|release|build|revision|firmware|driver|section|chapter|§|sec|clause|chrome|safari|firefox|edg|opera|windows|python|java|sdk|oid)[\s/:=v."']{0,3}|[=<>~!]=\s?['"]?|[~^]|[A-Za-z]\/)$/i;

function parts(value: string): readonly number[] {
  return value.split('.').map(Number);
}

function identifiesNobody(value: string, { text, start }: Around): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = parts(value);
  if (a === 0 || a === 127 || a >= 224) return true;
  if ((a === 192 && b === 0 && c === 2) || (a === 198 && b === 51 && c === 100) || (a === 203 && b === 0 && c === 113))
    return true;
  // Public resolvers stand in every network tutorial; single digits all through are a version.
  if (['8.8.8.8', '8.8.4.4', '1.1.1.1', '1.0.0.1', '9.9.9.9', '4.4.4.4', '1.2.3.4'].includes(value)) return true;
  if (a < 10 && b < 10 && c < 10 && d < 10) return true;
  return (
    VERSION_BEFORE.test(text.slice(Math.max(0, start - 14), start)) &&
    !text.slice(Math.max(0, start - 3), start).endsWith('://')
  );
}

/** Section numbers, object identifiers and most versions have only small parts; one address in four thousand does. */
function isSmall(value: string): boolean {
  return parts(value).every((part) => part < 32);
}

function isPrivate(value: string): boolean {
  const [a = 0, b = 0] = parts(value);
  return (
    a === 10 ||
    (a === 172 && b >= 16 && b <= 31) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b <= 127)
  );
}

const dotted: readonly Trigger[] = [digits(4, '1..3.1..3')];

export const ipv4Address = definePattern({
  name: 'ipv4-address',
  entity: 'IP_ADDRESS',
  triggers: dotted,
  guard: shapeGuard(/\d{1,3}(?:\.\d{1,3}){3}/, { before: 4, after: 16 }),
  reach: { before: 16, after: 20 },
  patterns: [
    {
      name: 'public',
      regex: IPV4,
      score: 0.6,
      narrow: (text, start, end) =>
        isPrivate(text.slice(start, end)) || isSmall(text.slice(start, end)) ? [] : [{ start, end }],
    },
    {
      name: 'private-or-small',
      regex: IPV4,
      score: 0.15,
      narrow: (text, start, end) =>
        isPrivate(text.slice(start, end)) || isSmall(text.slice(start, end)) ? [{ start, end }] : [],
    },
  ],
  invalidate: identifiesNobody,
  context: [
    'ip',
    'ipv4',
    'ip address',
    'client ip',
    'remote addr',
    'adresse ip',
    'ip adresse',
    'dirección ip',
    'logged in from',
    'visitor',
    'ip地址',
    'ipアドレス',
  ],
  contextReach: { before: 40, after: 16 },
});

const isHex = (text: string, at: number): boolean => {
  const unit = text.charCodeAt(at);
  return (unit >= 0x30 && unit <= 0x39) || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x66);
};

/** A colon with hex or another colon on both sides, and a group longer than clock times have beside it or none at all. */
function isBetweenGroups(text: string, start: number, end: number): boolean {
  const before = text.charCodeAt(start - 1);
  const after = text.charCodeAt(end);
  if (before === COLON || after === COLON)
    return (before === COLON || isHex(text, start - 1)) && (after === COLON || isHex(text, end));
  if (!isHex(text, start - 1) || !isHex(text, end)) return false;
  return (isHex(text, start - 2) && isHex(text, start - 3)) || (isHex(text, end + 1) && isHex(text, end + 2));
}
const COLON = 0x3a;

/** Two hex digits on both sides, and the same mark five times over, or a second dot behind four. */
function isBetweenOctets(text: string, start: number, end: number): boolean {
  if (!isHex(text, end) || !isHex(text, start - 1) || !isHex(text, end + 1) || !isHex(text, start - 2)) return false;
  const mark = text.charCodeAt(start);
  if (mark === 0x2e) return text[end + 4] === '.' && isHex(text, end + 3);
  for (let at = start + 3; at <= start + 12; at += 3) if (text.charCodeAt(at) !== mark) return false;
  return true;
}

/** Eight groups, or fewer around one `::`; at least three groups written, so `a::b` of C++ is none. */
const IPV6 =
  /(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}(?![\w:])|(?<![\w:.])(?=[0-9A-Fa-f:]{6,39})(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6}(?![\w:])/;

export const ipv6Address = definePattern({
  name: 'ipv6-address',
  entity: 'IP_ADDRESS',
  triggers: [marksBesideHex(':')],
  guard: isBetweenGroups,
  reach: { before: 40, after: 40 },
  patterns: [{ name: 'groups', regex: IPV6, score: 0.6 }],
  invalidate: (value) => {
    const groups = value.split(':').filter((group) => group !== '');
    if (groups.length < 3 || !/\d/.test(value)) return true;
    // Documentation, unique local, link-local; times, durations and fingerprints have only groups of two.
    if (/^(?:2001:0?db8|3fff:|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i.test(value)) return true;
    return groups.every((group) => group.length <= 2);
  },
  context: ['ip', 'ipv6', 'ip address'],
});

const MAC =
  /(?<![\w:-])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:-])|(?<![\w:-])(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}(?![\w:-])|(?<![\w.])(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}(?![\w.])/;

export const macAddress = definePattern({
  name: 'mac-address',
  entity: 'MAC_ADDRESS',
  triggers: [marksBesideHex(':', '-', '.')],
  guard: isBetweenOctets,
  reach: { before: 20, after: 24 },
  patterns: [{ name: 'six-octets', regex: MAC, score: 0.6 }],
  invalidate: (value) =>
    /^(?:(?:00[:-]){5}00|(?:ff[:-]){5}ff|0000\.0000\.0000|ffff\.ffff\.ffff)$/i.test(value) ||
    /^(?:00[:-]){3}/.test(value) ||
    (!/[A-Fa-f]/.test(value) && value.includes('-')) ||
    /^\d{4}\.\d{4}\.\d{4}$/.test(value),
  context: ['mac', 'mac address', 'ethernet', 'hwaddr', 'bssid', 'mac adresse', 'adresse mac'],
});

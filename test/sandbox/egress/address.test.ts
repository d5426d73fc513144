import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesDomain, parseDomainPattern, parseHostName } from '../../../sandbox/domain-pattern.ts';
import { isPublicAddress } from '../../../sandbox/egress/address.ts';

describe('isPublicAddress() refuses', () => {
  test.each([
    ['this network', '0.0.0.0'],
    ['private 10', '10.1.2.3'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['Alibaba metadata', '100.100.100.200'],
    ['loopback', '127.0.0.1'],
    ['all of loopback', '127.255.255.254'],
    ['metadata', '169.254.169.254'],
    ['private 172', '172.31.255.255'],
    ['private 192', '192.168.0.1'],
    ['Oracle metadata', '192.0.0.192'],
    ['documentation', '198.51.100.7'],
    ['benchmarks', '198.19.0.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '250.1.1.1'],
    ['broadcast', '255.255.255.255'],
    ['Azure host', '168.63.129.16'],
    ['v6 unspecified', '::'],
    ['v6 loopback', '::1'],
    ['v6 loopback in full', '0:0:0:0:0:0:0:1'],
    ['v6 link-local', 'fe80::1'],
    ['v6 link-local with a zone', 'fe80::1%eth0'],
    ['v6 site-local', 'fec0::1'],
    ['v6 unique local', 'fd00:ec2::254'],
    ['v6 multicast', 'ff02::1'],
    ['mapped loopback', '::ffff:127.0.0.1'],
    ['mapped metadata in hexadecimal', '::ffff:a9fe:a9fe'],
    ['mapped in full', '0:0:0:0:0:ffff:7f00:1'],
    ['compatible', '::127.0.0.1'],
    ['translated', '::ffff:0:127.0.0.1'],
    ['NAT64 of loopback', '64:ff9b::7f00:1'],
    ['NAT64 of metadata', '64:ff9b::169.254.169.254'],
    ['local-use NAT64', '64:ff9b:1::808:808'],
    ['6to4 of private', '2002:c0a8:1::1'],
    ['6to4 of metadata', '2002:a9fe:a9fe::1'],
    ['Teredo', '2001:0:53aa:64c::1'],
    ['ORCHID', '2001:20::1'],
    ['v6 documentation', '2001:db8::1'],
    ['v6 documentation, the second', '3fff:1::1'],
    ['ISATAP of private', '2606:4700:0:0:0:5efe:c0a8:1'],
    ['SRv6 space', '5f00::1'],
    ['discard', '100::1'],
    ['decimal', '2130706433'],
    ['octal', '0177.0.0.1'],
    ['hexadecimal', '0x7f.0.0.1'],
    ['short', '127.1'],
    ['nothing', ''],
    ['a name', 'localhost'],
    ['a port', '8.8.8.8:53'],
  ])('%s: %s', (_, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('isPublicAddress() accepts', () => {
  test.each([
    '8.8.8.8',
    '93.184.216.34',
    '172.32.0.1',
    '100.128.0.1',
    '169.255.0.1',
    '192.0.1.1',
    '2606:4700::1111',
    '2a00:1450:4001:800::200e',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '2002:808:808::1',
    '2001:4860:4860::8888',
  ])('%s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

test('every way to carry an IPv4 address in IPv6 is judged as that address', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const hex = address
        .split('.')
        .map((part) => Number(part).toString(16).padStart(2, '0'))
        .join('');
      const groups = `${hex.slice(0, 4)}:${hex.slice(4)}`;
      const carried = [`::ffff:${address}`, `::ffff:${groups}`, `64:ff9b::${groups}`, `2002:${groups}::1`];
      expect(carried.map(isPublicAddress)).toEqual(carried.map(() => isPublicAddress(address)));
    }),
  );
});

describe('parseHostName() refuses', () => {
  test.each([
    ['decimal address', '2130706433'],
    ['dotted address', '127.0.0.1'],
    ['octal address', '0177.0.0.01'],
    ['hexadecimal address', '0x7f.1'],
    ['a last label of digits', 'example.1'],
    ['a hexadecimal last label', 'example.0x7f'],
    ['a v6 address', '[::1]'],
    ['one label', 'localhost'],
    ['a trailing dot', 'example.com.'],
    ['a leading dot', '.example.com'],
    ['two dots', 'a..b'],
    ['NUL', 'example.com\0.evil.org'],
    ['a per cent', 'example%2ecom'],
    ['an at sign', 'user@example.com'],
    ['a port', 'example.com:443'],
    ['a slash', 'example.com/'],
    ['white space', 'example.com '],
    ['an underscore', 'a_b.example.com'],
    ['a full-width stop', 'example。com'],
    ['a letter beyond ASCII', 'exämple.com'],
    ['a Kelvin sign, whose lower case is k', 'example.co\u212a'],
    ['a dash at the end of a label', 'a-.com'],
    ['a label of 64', `${'a'.repeat(64)}.com`],
    ['254 characters', `${'a.'.repeat(126)}com`],
    ['nothing', ''],
  ])('%s', (_, name) => {
    expect(parseHostName(name)).toBeUndefined();
  });

  test('and folds case, nothing else', () => {
    expect(parseHostName('API.Example.COM')).toBe('api.example.com');
    expect(parseHostName('xn--exmple-cua.com')).toBe('xn--exmple-cua.com');
  });
});

describe('matchesDomain()', () => {
  test.each([
    ['example.com', 'example.com', true],
    ['example.com', 'www.example.com', false],
    ['example.com', 'notexample.com', false],
    ['*.example.com', 'www.example.com', true],
    ['*.example.com', 'a.b.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', 'notexample.com', false],
    ['*.example.com', 'example.com.evil.org', false],
  ])('%s against %s: %s', (pattern, name, expected) => {
    const parsed = parseDomainPattern(pattern);
    expect(parsed !== undefined && matchesDomain(parsed, name)).toBe(expected);
  });

  test.each(['*', '*.com', '*.', 'a.*.com', '*example.com', '127.0.0.1', 'https://example.com', 'example.com:443', ''])(
    '"%s" is no pattern',
    (pattern) => {
      expect(parseDomainPattern(pattern)).toBeUndefined();
    },
  );
});

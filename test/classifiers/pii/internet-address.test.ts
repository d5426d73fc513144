import { describe, expect, it } from 'vitest';
import { ipv4Address, ipv6Address, macAddress } from '../../../classifiers/recognizers/pii/internet-address.ts';
import { foundIn } from './found-in.ts';

const all = [ipv4Address, ipv6Address, macAddress];

describe('internet addresses', () => {
  it.each([
    ['public IPv4', 'logged in from 74.34.59.240 today', 'IP_ADDRESS:74.34.59.240'],
    ['IPv4 with port', 'peer 74.34.59.240:443', 'IP_ADDRESS:74.34.59.240'],
    ['IPv4 in a URL', 'http://74.34.59.240/x', 'IP_ADDRESS:74.34.59.240'],
    ['full IPv6', 'at 6e40:4041:c617:e898:c11:40d2:c669:2eb4', 'IP_ADDRESS:6e40:4041:c617:e898:c11:40d2:c669:2eb4'],
    ['compressed IPv6', 'at 2a00:1450:4001::200e', 'IP_ADDRESS:2a00:1450:4001::200e'],
    ['MAC', 'dev 3c:22:fb:8a:11:0e', 'MAC_ADDRESS:3c:22:fb:8a:11:0e'],
    ['MAC with dashes', '3C-22-FB-8A-11-0E', 'MAC_ADDRESS:3C-22-FB-8A-11-0E'],
    ['MAC in Cisco form', '3c22.fb8a.110e', 'MAC_ADDRESS:3c22.fb8a.110e'],
  ])('finds %s', (_name, text, found) => {
    expect(foundIn(all, text)).toEqual([found]);
  });

  it.each([
    ['loopback', '127.0.0.1'],
    ['unspecified', 'bind 0.0.0.0'],
    ['documentation', '192.0.2.44 and 203.0.113.9'],
    ['private without context', 'the box at 192.168.1.14'],
    ['version', 'Chrome/120.0.6099.130'],
    ['version word', 'version 10.45.12.77'],
    ['pinned dependency', 'foo==12.34.56.78'],
    ['out of range', '300.12.12.12'],
    ['five parts', '12.34.56.78.90'],
    ['C++ scope', 'std::vector<int> a::b::c'],
    ['time', 'at 12:30:15'],
    ['IPv6 loopback', '::1'],
    ['IPv6 documentation', '2001:db8::1:2'],
    ['fingerprint', 'ab:cd:ef:01:23:45:67:89'],
    ['null MAC', '00:00:00:00:00:00'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn(all, text)).toEqual([]);
  });
});

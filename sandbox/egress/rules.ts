/**
 * May this request leave? Pure: method and target in, destination or denial out. The target is parsed here once, and the
 * destination carries the pieces to dial and to send, so that nothing is parsed a second time. Fails closed.
 */
import type { SandboxConfig } from '../../config/sandbox-schema.ts';
import { matchesDomain, parseDomainPattern, parseHostName } from '../domain-pattern.ts';
import type { RequestHead } from './request-head.ts';

export type EgressRules = SandboxConfig['egress']['allow'];

export type EgressDenial =
  | 'bad-request'
  | 'host-not-allowed'
  | 'port-not-allowed'
  | 'method-not-allowed'
  | 'path-not-allowed'
  | 'tls-required';

export type EgressDecision =
  | {
      readonly kind: 'allowed';
      readonly via: 'tunnel' | 'http' | 'https';
      readonly host: string;
      readonly port: number;
      /** Path and query to send; empty for a tunnel. */
      readonly path: string;
      /** The rule that allowed it, for the audit. */
      readonly rule: string;
      /** Whether that rule adds a credential. Never set but over TLS that ends at the proxy. */
      readonly credentialed: boolean;
    }
  | { readonly kind: 'denied'; readonly code: EgressDenial; readonly why: string };

/** Absolute form with nothing but letters, digits and dashes for a host: no user, no brackets, no per cent. */
const ABSOLUTE = /^(https?):\/\/([A-Za-z0-9.-]{1,253})(?::([1-9][0-9]{0,4}))?(\/[^#]*)$/;
const AUTHORITY = /^([A-Za-z0-9.-]{1,253}):([1-9][0-9]{0,4})$/;
/** Ways to spell a path that servers resolve and prefixes do not: dot segments, encoded slashes and dots, `;` parameters, `//`. */
const AMBIGUOUS_PATH = /(?:^|\/)\.{1,2}(?:\/|;|$)|%(?:2e|2f|5c|00|25)|\\|\/\/|;/i;

export function decideEgress(rules: EgressRules, head: RequestHead): EgressDecision {
  return head.method === 'CONNECT' ? decideTunnel(rules, head) : decideRequest(rules, head);
}

function decideTunnel(rules: EgressRules, head: RequestHead): EgressDecision {
  const [, name = '', digits = ''] = AUTHORITY.exec(head.target) ?? [];
  const host = parseHostName(name);
  const port = Number(digits);
  if (host === undefined || port > 65_535)
    return denied(
      'bad-request',
      'CONNECT takes host:port with a plain host name; addresses are refused in every spelling',
    );
  if (head.body.kind !== 'none') return denied('bad-request', 'CONNECT takes no body');
  if (!hostHeaderFits(head, host, port, 443)) return denied('bad-request', 'the Host header is not the tunnel’s host');
  return decide(rules, { via: 'tunnel', method: 'CONNECT', host, port, path: '' });
}

function decideRequest(rules: EgressRules, head: RequestHead): EgressDecision {
  const [, scheme = '', name = '', digits, path = ''] = ABSOLUTE.exec(head.target) ?? [];
  const host = parseHostName(name);
  const usual = scheme === 'https' ? 443 : 80;
  const port = digits === undefined ? usual : Number(digits);
  if (host === undefined || port > 65_535)
    return denied(
      'bad-request',
      'the target must be an absolute http:// or https:// URL with a plain host name; addresses are refused in every spelling',
    );
  if (!hostHeaderFits(head, host, port, usual)) return denied('bad-request', 'the Host header is not the URL’s host');
  const [pathname = ''] = path.split('?');
  if (AMBIGUOUS_PATH.test(pathname)) return denied('bad-request', 'the path is not in its plainest spelling');
  const upgraded = scheme === 'http' && port === 80 && rules.some((rule) => rule.upgrade && isFor(rule, host));
  return decide(rules, {
    via: scheme === 'https' || upgraded ? 'https' : 'http',
    method: head.method,
    host,
    port: upgraded ? 443 : port,
    path,
  });
}

function decide(
  rules: EgressRules,
  asked: {
    readonly via: 'tunnel' | 'http' | 'https';
    readonly method: string;
    readonly host: string;
    readonly port: number;
    readonly path: string;
  },
): EgressDecision {
  const { via, method, host, port, path } = asked;
  const numbered = rules.map((rule, index) => ({ rule, key: `sandbox.egress.allow.${index}` }));
  const ofHost = numbered.filter(({ rule }) => isFor(rule, host));
  if (ofHost.length === 0) return denied('host-not-allowed', 'this host is not on the list (sandbox.egress.allow)');
  const ofPort = ofHost.filter(({ rule }) => rule.ports.includes(port));
  if (ofPort.length === 0) return denied('port-not-allowed', 'this port of the host is not on the list');
  const ofMethod = ofPort.filter(({ rule }) => rule.methods.includes(method));
  if (ofMethod.length === 0)
    return denied(
      'method-not-allowed',
      via === 'tunnel'
        ? 'a tunnel hides method and path, so the rule for this host must name CONNECT among its methods; or ask the proxy for the https:// URL itself'
        : 'this method is not on the list for the host',
    );
  const [pathname = ''] = path.split('?');
  // Without its credential the request would be another one than was meant, and with it everybody on the way could read it.
  if (via === 'http' && ofMethod.every(({ rule }) => rule.credential !== undefined))
    return denied('tls-required', 'the rule for this host adds a credential, so it is reached over https only');
  const chosen =
    via === 'tunnel'
      ? ofMethod[0]
      : ofMethod.find(
          ({ rule }) =>
            (via !== 'http' || rule.credential === undefined) &&
            rule.paths.some((prefix) => isBeneath(pathname, prefix)),
        );
  if (chosen === undefined) return denied('path-not-allowed', 'this path is not on the list for the host');
  const credentialed = via === 'https' && chosen.rule.credential !== undefined;
  return { kind: 'allowed', via, host, port, path, rule: chosen.key, credentialed };
}

function isFor(rule: EgressRules[number], host: string): boolean {
  const pattern = parseDomainPattern(rule.host);
  return pattern !== undefined && matchesDomain(pattern, host);
}

/** `/v1` covers `/v1` and `/v1/x`, not `/v10`. */
function isBeneath(path: string, prefix: string): boolean {
  if (prefix.endsWith('/')) return path.startsWith(prefix);
  return path === prefix || path.startsWith(`${prefix}/`);
}

function hostHeaderFits(head: RequestHead, host: string, port: number, usualPort: number): boolean {
  const header = head.headers.find(([name]) => name.toLowerCase() === 'host')?.[1].toLowerCase();
  return header === undefined || header === `${host}:${port}` || (port === usualPort && header === host);
}

function denied(code: EgressDenial, why: string): EgressDecision {
  return { kind: 'denied', code, why };
}

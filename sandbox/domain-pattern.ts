/**
 * Host names as egress rules and requests spell them: one parser and one matcher for the policy check and for the proxy, so
 * that what was allowed is what is dialled. Fails closed: a name in any spelling but the plain one is no name.
 */

export type DomainPattern = { readonly kind: 'exact' | 'beneath'; readonly name: string };

/** RFC 1035: 253 characters, labels of 63. */
const MAX_NAME = 253;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A last label of digits, or 0x…, is how IPv4 is spelled in decimal, octal, hexadecimal and short forms. */
const NUMERIC_LABEL = /^(?:[0-9]+|0x[0-9a-f]*)$/;

/**
 * The canonical form of a host name in a request, or nothing. ASCII only (an international name comes as xn--), no address
 * in any spelling, no trailing dot, no port, no user. NUL, per cent, at sign and their like were ways round allow lists
 * in other proxies, because two parsers read them differently; here nothing but letters, digits and dashes is a name.
 */
export function parseHostName(text: string): string | undefined {
  // Before case is folded: the Kelvin sign's lower case is a k.
  if (text.length > MAX_NAME || !/^[0-9A-Za-z.-]+$/.test(text)) return undefined;
  const name = text.toLowerCase();
  const labels = name.split('.');
  if (labels.length < 2 || !labels.every((label) => LABEL.test(label))) return undefined;
  return NUMERIC_LABEL.test(labels.at(-1) ?? '') ? undefined : name;
}

/** `example.com`, or `*.example.com` for the names beneath it and not itself. A wildcard over a whole suffix is nothing. */
export function parseDomainPattern(text: string): DomainPattern | undefined {
  const beneath = text.startsWith('*.');
  const name = parseHostName(beneath ? text.slice(2) : text);
  return name === undefined ? undefined : { kind: beneath ? 'beneath' : 'exact', name };
}

export function matchesDomain(pattern: DomainPattern, name: string): boolean {
  if (pattern.kind === 'exact') return name === pattern.name;
  return name.endsWith(`.${pattern.name}`);
}

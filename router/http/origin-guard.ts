/**
 * A page in a browser can make it send requests to this server, and says so in Origin on everything that can do harm. Programs send none.
 * Fails closed: an origin that is not this server itself is refused, `null` included.
 */
export function originAllowed(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  return host !== undefined && /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, '') === host;
}

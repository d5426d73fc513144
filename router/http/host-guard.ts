/**
 * DNS rebinding guard: a page in a browser can make its own name resolve to 127.0.0.1, but cannot make the Host header say so. On a loopback
 * listener only loopback names pass; elsewhere the operator chose to be reached. Fails closed: no Host is no.
 */
const LOOPBACK = /^(localhost|(?:[a-z0-9-]{1,63}\.){1,4}localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

export function hostAllowed(host: string | undefined, listenHost: string): boolean {
  if (host === undefined) return false;
  const loopbackListener = listenHost === 'localhost' || listenHost === '::1' || listenHost.startsWith('127.');
  return !loopbackListener || LOOPBACK.test(host);
}

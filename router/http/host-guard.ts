/**
 * DNS rebinding guard: a page in a browser can make its own name resolve to 127.0.0.1, but cannot make the Host header say so. On a loopback
 * listener only loopback names pass; elsewhere the operator chose to be reached. Fails closed: no Host is no.
 */
const LOOPBACK = /^(localhost|(?:[a-z0-9-]{1,63}\.){1,4}localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

export function hostAllowed(host: string | undefined, listenHost: string): boolean {
  if (host === undefined) return false;
  return !isLoopbackListener(listenHost) || LOOPBACK.test(host);
}

/** Two Host lines are read differently by different servers (RFC 9112, 3.2: refuse); Node keeps the first and says nothing. `rawHeaders` is Node's flat list. */
export function hasOneHost(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]!.length === 4 && rawHeaders[index]!.toLowerCase() === 'host') hosts += 1;
  return hosts === 1;
}

/**
 * A path that means another once it is tidied up (dot segments, double and back slashes, encoded dots) is how one walks past a rule of the proxy in front. Sluice serves
 * none: `target` is the request line's, as it was sent. A target with a scheme is that of a forward proxy, and this is none.
 */
export function plainTarget(target: string): boolean {
  const end = target.search(/[?#]/);
  const path = end === -1 ? target : target.slice(0, end);
  return path.startsWith('/') && !/\/\/|\\|\/\.{1,2}(?:\/|$)|%2e|%5c|%00/i.test(path);
}

/**
 * A page of any site may send a POST to 127.0.0.1 without asking, and could so run tools or spend tokens blindly. Browsers name the page in Origin; other programs
 * send none. On a loopback listener only pages of this machine pass. Fails closed: `null` and what is no URL are strangers.
 */
export function originAllowed(origin: string | undefined, listenHost: string): boolean {
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const { host, protocol } = new URL(origin);
  if (protocol !== 'http:' && protocol !== 'https:') return false;
  return isLoopbackListener(listenHost) ? LOOPBACK.test(host) : host.replace(/:\d+$/, '') === listenHost;
}

export function isLoopbackListener(listenHost: string): boolean {
  return listenHost === 'localhost' || listenHost === '::1' || listenHost.startsWith('127.');
}

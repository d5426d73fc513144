/**
 * Connects to the first of the checked addresses that answers, by number: no name is resolved here. With `tlsFor` the
 * connection is TLS and the certificate must be that host's. Nothing on failure.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface DialRequest {
  readonly addresses: readonly [string, ...string[]];
  readonly port: number;
  /** Host whose certificate is asked for; empty means plain TCP. */
  readonly tlsFor: string;
  readonly timeoutMs: number;
}
export type Dialler = (request: DialRequest) => Promise<Socket | undefined>;

export const dial: Dialler = async ({ addresses, port, tlsFor, timeoutMs }) => {
  for (const address of addresses) {
    const socket = await dialOne(address, port, tlsFor, timeoutMs);
    if (socket !== undefined) return socket;
  }
  return undefined;
};

function dialOne(host: string, port: number, tlsFor: string, timeoutMs: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const secure = tlsFor !== '';
    const socket = secure
      ? connectTls({ host, port, servername: tlsFor, ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.2' })
      : connect({ host, port, allowHalfOpen: true });
    const settle = (result: Socket | undefined): void => {
      clearTimeout(timer);
      if (result === undefined) socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => settle(undefined), timeoutMs);
    socket.on('error', () => settle(undefined));
    socket.once(secure ? 'secureConnect' : 'connect', () => settle(socket));
  });
}

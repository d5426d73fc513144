/**
 * The ways to an engine on another machine: TCP under TLS with both sides' certificates checked, or a Unix socket of the far
 * machine brought here by ssh. Fails closed: plain TCP does not exist, and a certificate or host key that is not the one
 * expected opens nothing.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SandboxEndpoint } from '../../../config/sandbox-endpoint-schema.ts';
import { parseEndpoint } from '../../endpoints.ts';
import { EngineFault, openEngine, openEngineBy, whenConnected } from './engine.ts';
import type { Engine } from './engine.ts';
import { openSshTunnel } from './ssh-tunnel.ts';

export interface Connected {
  readonly engine: Engine;
  /** Drops what the connection keeps open. */
  close(): Promise<void>;
}

export function readReference(reference: string): Buffer {
  try {
    return readFileSync(pathOf(reference));
  } catch {
    throw new EngineFault('NO_FILE', 0);
  }
}

export const pathOf = (reference: string): string => reference.slice('file:'.length);

/** Opens nothing yet. Files are read at each connection, so a renewed certificate holds from the next one on. */
export function connectEndpoint(endpoint: SandboxEndpoint): Connected {
  const address = parseEndpoint(endpoint.url);
  switch (address?.kind) {
    case undefined:
      return { engine: openEngineBy(() => Promise.reject(new EngineFault('EINVAL', 0)), endpoint.name), close: done };
    case 'local':
      return { engine: openEngine(address.socket), close: done };
    case 'tls': {
      const { host, port } = address;
      const dial = () =>
        whenConnected(
          connectTls({
            host,
            port,
            // An address is looked for among the certificate's addresses, a name among its names.
            ...(isIP(host) === 0 ? { servername: host } : {}),
            ca: readReference(endpoint.ca ?? ''),
            cert: readReference(endpoint.cert ?? ''),
            key: readReference(endpoint.key ?? ''),
            rejectUnauthorized: true,
            minVersion: 'TLSv1.2',
          }).setKeepAlive(true, KEEP_ALIVE_MS),
          'secureConnect',
        );
      return { engine: openEngineBy(async () => dial(), `endpoint ${endpoint.name}`), close: done };
    }
    case 'ssh': {
      const tunnel = openSshTunnel({
        ...address,
        key: pathOf(endpoint.key ?? ''),
        knownHosts: pathOf(endpoint.knownHosts ?? ''),
      });
      return { engine: openEngineBy(tunnel.dial, `endpoint ${endpoint.name}`), close: () => tunnel.close() };
    }
  }
}

const KEEP_ALIVE_MS = 15_000;
const done = (): Promise<void> => Promise.resolve();

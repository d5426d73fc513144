/**
 * A client of the Docker Engine's HTTP API over its Unix socket. Every request has a deadline, every answer a bound. Fails
 * closed: an engine that is absent, slow or says something else than expected is a fault with a code, never a default.
 */
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** `code` is a system error's (ENOENT, EACCES, ECONNREFUSED), `status` the engine's answer. Holds no text of the engine's. */
export class EngineFault extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number) {
    super(`docker engine: ${status === 0 ? code : `answered ${status}`}`);
    this.code = code;
    this.status = status;
  }
}

export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Sent as it is in place of `body`. */
  readonly archive?: Buffer;
  readonly timeoutMs?: number;
}

export interface Engine {
  readonly socket: string;
  /** The parsed answer of a request the engine took; throws EngineFault for everything else. */
  ask(request: EngineRequest): Promise<unknown>;
  /** Both directions of a container's standard streams. To be opened before it starts. */
  attach(container: string): Promise<Duplex>;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** CgroupnsMode and the rest of what is sent exist from here on; later engines still speak it or say what they speak. */
const NEEDED_API = 41;

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'fault';

/** Why the engine cannot be used, and the cure. */
export function explainEngineFault(fault: unknown, socket: string): string {
  const { code } = fault instanceof EngineFault ? fault : { code: codeOf(fault) };
  switch (code) {
    case 'ENOENT':
      return `there is no Docker Engine at ${socket}: apt-get install docker.io, or set sandbox.docker.socket`;
    case 'EACCES':
    case 'EPERM':
      return `the Docker Engine at ${socket} is closed to this user: usermod -aG docker its user (this is as good as root), or run rootless`;
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'EPIPE':
      return `the Docker Engine at ${socket} does not answer: systemctl start docker`;
    case 'ETIMEDOUT':
      return `the Docker Engine at ${socket} does not answer in time: systemctl restart docker`;
    default:
      return `the Docker Engine at ${socket} refused what the sandbox needs (${fault instanceof EngineFault && fault.status !== 0 ? fault.status : code}): update Docker to 20.10 or newer`;
  }
}

function collect(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) response.destroy(new EngineFault('EMSGSIZE', 0));
      else chunks.push(chunk);
    });
    response.once('error', (error) => reject(error instanceof EngineFault ? error : new EngineFault(codeOf(error), 0)));
    response.once('end', () => resolve(Buffer.concat(chunks)));
  });
}

function parse(text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // The import endpoint answers with one object per line.
    return text;
  }
}

export function openEngine(socket: string): Engine {
  let prefix: Promise<string> | undefined;

  const send = ({ method, path, body, archive, timeoutMs = TIMEOUT_MS }: EngineRequest): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const payload = archive ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
      const fail = (error: unknown): void =>
        reject(error instanceof EngineFault ? error : new EngineFault(codeOf(error), 0));
      const outgoing = httpRequest(
        {
          socketPath: socket,
          method,
          path,
          agent: false,
          headers: {
            host: 'docker',
            connection: 'close',
            ...(payload === undefined
              ? {}
              : {
                  'content-type': archive === undefined ? 'application/json' : 'application/x-tar',
                  'content-length': payload.length,
                }),
          },
        },
        (response) => {
          collect(response)
            .then((bytes) => {
              const status = response.statusCode ?? 0;
              if (status < 200 || status > 299) throw new EngineFault('refused', status);
              resolve(parse(bytes.toString('utf8')));
            })
            .catch(fail)
            .finally(() => clearTimeout(timer));
        },
      );
      const timer = setTimeout(() => outgoing.destroy(new EngineFault('ETIMEDOUT', 0)), timeoutMs);
      outgoing.once('error', (error) => {
        clearTimeout(timer);
        fail(error);
      });
      outgoing.end(payload);
    });

  /** One version for every request, so that a newer engine does not change what a field means. */
  const negotiate = async (): Promise<string> => {
    const { ApiVersion: newest, MinAPIVersion: oldest } = (await send({ method: 'GET', path: '/version' })) as {
      readonly ApiVersion?: unknown;
      readonly MinAPIVersion?: unknown;
    };
    const minor = (text: unknown): number => Number(/^1\.(\d{1,4})$/.exec(String(text))?.[1] ?? Number.NaN);
    if (!(minor(newest) >= NEEDED_API)) throw new EngineFault('too old', 0);
    return `/v1.${Math.max(NEEDED_API, minor(oldest) || 0)}`;
  };
  const versioned = async (path: string): Promise<string> => {
    prefix ??= negotiate();
    try {
      return (await prefix) + path;
    } catch (error) {
      prefix = undefined;
      throw error;
    }
  };

  return {
    socket,
    async ask(wanted) {
      return send({ ...wanted, path: await versioned(wanted.path) });
    },
    async attach(container) {
      const path = await versioned(`/containers/${container}/attach?stream=1&stdin=1&stdout=1&stderr=1`);
      return new Promise((resolve, reject) => {
        const outgoing = httpRequest({
          socketPath: socket,
          method: 'POST',
          path,
          agent: false,
          headers: { host: 'docker', connection: 'Upgrade', upgrade: 'tcp', 'content-length': 0 },
        });
        const timer = setTimeout(() => outgoing.destroy(new EngineFault('ETIMEDOUT', 0)), TIMEOUT_MS);
        outgoing.once('upgrade', (_response, stream, head) => {
          clearTimeout(timer);
          if (head.length > 0) stream.unshift(head);
          resolve(stream);
        });
        outgoing.once('response', (response) => {
          clearTimeout(timer);
          response.resume();
          reject(new EngineFault('refused', response.statusCode ?? 0));
        });
        outgoing.once('error', (error) => {
          clearTimeout(timer);
          reject(error instanceof EngineFault ? error : new EngineFault(codeOf(error), 0));
        });
        outgoing.end();
      });
    },
  };
}

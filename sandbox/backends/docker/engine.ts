/**
 * A client of the Docker Engine's HTTP API over whatever connection it is given. Every request has a deadline, every answer a
 * bound. Fails closed: an engine that is absent, slow or says something else than expected is a fault with a code, never a
 * default.
 */
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';

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
  /** Sent as it is in place of `body`; pieces are made as the engine takes them. */
  readonly archive?: Buffer | (() => AsyncIterable<Buffer>);
  readonly timeoutMs?: number;
}

export interface Engine {
  /** Where it is, for people: a socket's path or the address of an endpoint. */
  readonly place: string;
  /** The parsed answer of a request the engine took; throws EngineFault for everything else. */
  ask(request: EngineRequest): Promise<unknown>;
  /** Both directions of a container's standard streams. To be opened before it starts. */
  attach(container: string): Promise<Duplex>;
  /** Both directions of a program that is started in a running container; ends with it. */
  execute(execution: string): Promise<Duplex>;
}

/** Opens one connection to an engine. Rejects with a system error's or a TLS error's code, within a time of its own. */
export type Dial = () => Promise<Duplex>;

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** CgroupnsMode and the rest of what is sent exist from here on; later engines still speak it or say what they speak. */
const NEEDED_API = 41;

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'fault';

/** Why the engine cannot be used, and the cure. */
export function explainEngineFault(fault: unknown, socket: string): string {
  const { code } = fault instanceof EngineFault ? fault : { code: codeOf(fault) };
  if (!socket.startsWith('/')) return explainFarFault(code, fault, socket);
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

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/;

/** The same of an endpoint, whose engine is started and reached by other means. */
function explainFarFault(code: string, fault: unknown, place: string): string {
  const status = fault instanceof EngineFault ? fault.status : 0;
  if (code === 'HOST_KEY')
    return `${place} shows another host key than knownHosts holds: find out why before you change that file`;
  if (code === 'SSH_AUTH') return `${place} does not take the key: put its public half in authorized_keys there`;
  if (code === 'SSH') return `no ssh connection to ${place}: look at sshd there, AllowStreamLocalForwarding included`;
  if (code === 'NO_FILE')
    return `ca, cert, key or knownHosts of ${place} cannot be read: name files this user can read`;
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO')
    return `${place} speaks no TLS that is trusted here (${code}): is its client certificate known there, and is it --tlsverify?`;
  if (CERTIFICATE.test(code)) return `the certificate of ${place} is not good (${code}): renew it, or check ca`;
  if (status !== 0 || code === 'too old')
    return `the Docker Engine at ${place} refused what the sandbox needs (${status === 0 ? code : status}): update Docker to 20.10 or newer`;
  return `the Docker Engine at ${place} does not answer (${code}): start it, or take its endpoint out`;
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

/** Longer than a local socket takes and short beside a call: a peer that takes no connection is not there. */
const DIAL_MS = 4_000;

/** Waits for a connection that was begun; `event` is what says that it stands. */
export function whenConnected<Stream extends Duplex>(stream: Stream, event: string): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => stream.destroy(new EngineFault('ETIMEDOUT', 0)), DIAL_MS);
    const fail = (error?: unknown): void => {
      clearTimeout(timer);
      reject(
        error instanceof EngineFault ? error : new EngineFault(error === undefined ? 'ECONNRESET' : codeOf(error), 0),
      );
    };
    stream.once('error', fail);
    stream.once('close', fail);
    stream.once(event, () => {
      clearTimeout(timer);
      stream.off('error', fail);
      stream.off('close', fail);
      resolve(stream);
    });
  });
}

/** An engine on this machine. */
export function openEngine(socket: string): Engine {
  return openEngineBy(() => whenConnected(connect({ path: socket }), 'connect'), socket);
}

export function openEngineBy(dial: Dial, place: string): Engine {
  let prefix: Promise<string> | undefined;

  const send = async ({ method, path, body, archive, timeoutMs = TIMEOUT_MS }: EngineRequest): Promise<unknown> => {
    const payload =
      archive instanceof Buffer ? archive : body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const connection = await dial();
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        connection.destroy();
        reject(error instanceof EngineFault ? error : new EngineFault(codeOf(error), 0));
      };
      const outgoing = httpRequest(
        {
          createConnection: () => connection,
          method,
          path,
          headers: {
            host: 'docker',
            connection: 'close',
            ...(archive === undefined ? {} : { 'content-type': 'application/x-tar' }),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(payload === undefined ? {} : { 'content-length': payload.length }),
          },
        },
        (response) => {
          collect(response)
            .then((bytes) => {
              const status = response.statusCode ?? 0;
              if (status < 200 || status > 299) throw new EngineFault('refused', status);
              clearTimeout(timer);
              resolve(parse(bytes.toString('utf8')));
            })
            .catch(fail);
        },
      );
      const timer = setTimeout(() => outgoing.destroy(new EngineFault('ETIMEDOUT', 0)), timeoutMs);
      outgoing.once('error', fail);
      if (typeof archive === 'function') pipeline(Readable.from(archive()), outgoing).catch(fail);
      else outgoing.end(payload);
    });
  };

  /** One version for every request, so that a newer engine does not change what a field means. */
  const negotiate = async (): Promise<string> => {
    const { ApiVersion: newest, MinAPIVersion: oldest } = ((await send({ method: 'GET', path: '/version' })) ?? {}) as {
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

  /** A request whose connection becomes a stream of bytes. */
  const upgrade = async (path: string, body?: object): Promise<Duplex> => {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const full = await versioned(path);
    const connection = await dial();
    return new Promise((resolve, reject) => {
      const outgoing: ClientRequest = httpRequest({
        createConnection: () => connection,
        method: 'POST',
        path: full,
        headers: {
          host: 'docker',
          connection: 'Upgrade',
          upgrade: 'tcp',
          'content-length': payload?.length ?? 0,
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        },
      });
      const timer = setTimeout(() => outgoing.destroy(new EngineFault('ETIMEDOUT', 0)), TIMEOUT_MS);
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        connection.destroy();
        reject(error instanceof EngineFault ? error : new EngineFault(codeOf(error), 0));
      };
      outgoing.once('upgrade', (_response, stream, head) => {
        clearTimeout(timer);
        if (head.length > 0) stream.unshift(head);
        resolve(stream);
      });
      outgoing.once('response', (response) => fail(new EngineFault('refused', response.statusCode ?? 0)));
      outgoing.once('error', fail);
      outgoing.end(payload);
    });
  };

  return {
    place,
    async ask(wanted) {
      return send({ ...wanted, path: await versioned(wanted.path) });
    },
    attach: (container) => upgrade(`/containers/${container}/attach?stream=1&stdin=1&stdout=1&stderr=1`),
    execute: (execution) => upgrade(`/exec/${execution}/start`, { Detach: false, Tty: false }),
  };
}

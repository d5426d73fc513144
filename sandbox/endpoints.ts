/**
 * Which machines may run a call. Pure: the policy engine decides it, with everything else of a plan. Fails closed: a machine
 * that is not this one sees the lowest label unless its endpoint says more, and what conversations of any label may have
 * filled counts as the highest.
 */
import type { SandboxEndpoint } from '../config/sandbox-endpoint-schema.ts';
import type { SandboxConfig } from '../config/sandbox-schema.ts';
import { isAtMost } from './ladder.ts';

export type EndpointAddress =
  | { readonly kind: 'local'; readonly socket: string }
  | { readonly kind: 'tls'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'ssh';
      readonly user: string;
      readonly host: string;
      readonly port: number;
      readonly socket: string;
    };

const SSH_PORT = 22;
const SOCKET_THERE = '/var/run/docker.sock';
/** Names and addresses only: what begins with a dash would be an option of ssh's. */
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:]{2,45}\])$/;

/** Undefined for everything else, plain TCP and URLs with a password, query or fragment among it. */
export function parseEndpoint(url: string): EndpointAddress | undefined {
  const local = /^unix:\/\/(\/[^\0\s?#]{1,106})$/.exec(url);
  if (local?.[1] !== undefined) return { kind: 'local', socket: local[1] };
  const match =
    /^(tcp|ssh):\/\/(?:([A-Za-z_][A-Za-z0-9_.-]{0,63})@)?(\[[^\]]+\]|[^:/@]+)(?::(\d{1,5}))?(\/[\w./-]{1,106})?$/.exec(
      url,
    );
  const [, scheme, user, host = '', digits, path] = match ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (!HOST.test(host) || port === 0 || (port ?? 0) > 65_535) return undefined;
  if (scheme === 'tcp')
    return user === undefined && path === undefined && port !== undefined
      ? { kind: 'tls', host: bare(host), port }
      : undefined;
  if (user === undefined) return undefined;
  return { kind: 'ssh', user, host: bare(host), port: port ?? SSH_PORT, socket: path ?? SOCKET_THERE };
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

/** What decides where a call may run, beside its mode. */
export interface Journey {
  /** The highest label of what the call can see. */
  readonly label: string;
  readonly network: boolean;
  /** A program that outlives its call and may change files that are kept. */
  readonly longLived: boolean;
}

export type Obstacle = 'label' | 'network' | 'session';

export const isFar = (endpoint: SandboxEndpoint): boolean => parseEndpoint(endpoint.url)?.kind !== 'local';

/** The highest label a machine may be given; undefined means any, and is only ever said of this one. */
export function limitOf(endpoint: SandboxEndpoint, labels: readonly string[]): string | undefined {
  return endpoint.upToLabel ?? (isFar(endpoint) ? labels[0] : undefined);
}

export function obstacleAt(
  endpoint: SandboxEndpoint,
  journey: Journey,
  labels: readonly string[],
): Obstacle | undefined {
  const limit = limitOf(endpoint, labels);
  if (limit !== undefined && !isAtMost(labels, journey.label, limit)) return 'label';
  if (!isFar(endpoint)) return undefined;
  if (journey.network) return 'network';
  return journey.longLived ? 'session' : undefined;
}

/** Names of the endpoints a call may go to; undefined where none are configured and the one engine of this machine is used. */
export function endpointsFor(
  { docker }: Pick<SandboxConfig, 'docker'>,
  journey: Journey,
  labels: readonly string[],
): readonly string[] | undefined {
  if (docker.endpoints.length === 0) return undefined;
  return docker.endpoints.filter((each) => obstacleAt(each, journey, labels) === undefined).map(({ name }) => name);
}

/** A workspace that is named, and state that agents or everybody share, may hold what any conversation put there. */
export function labelSeen(
  label: string,
  call: {
    readonly scope: SandboxConfig['scope'];
    readonly workspace: SandboxConfig['workspace'];
    readonly workspaceRoot: string;
  },
  labels: readonly string[],
): string {
  const isMixed =
    call.scope === 'agent' || call.scope === 'shared' || (call.workspace !== 'none' && call.workspaceRoot !== '');
  return isMixed ? (labels.at(-1) ?? label) : label;
}

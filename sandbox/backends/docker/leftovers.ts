/**
 * Containers are not children of ours and outlive a service that is killed. Each carries a label with who made it and until
 * when it may live; whatever nobody can be waiting for any more is removed. Fails safe: one that cannot be told is left alone.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { earliestNow } from '../../../config/clock.ts';
import type { Engine } from './engine.ts';
import { EngineFault } from './engine.ts';

export const OWNER_LABEL = 'io.sluice.sandbox.owner';
const DEADLINE_LABEL = 'io.sluice.sandbox.deadline';
/** Start, attestation and removal of a slow engine, beyond the plan's own time. */
const GRACE_MS = 120_000;

/**
 * Processes have numbers per PID namespace and start of a machine, and services in several may use one engine. Fifteen
 * digits that name both; the first namespace of every machine has the same number.
 */
const numbering = (): string => {
  try {
    const place = readlinkSync('/proc/self/ns/pid') + readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
    return String(Number.parseInt(createHash('sha256').update(place).digest('hex').slice(0, 12), 16)).padStart(15, '0');
  } catch {
    return '0';
  }
};

export function newOwner(): string {
  return `${numbering()}-${process.pid}-${randomBytes(8).toString('hex')}`;
}

/** The owners that live in this process: another one with our number is of a predecessor. */
const living = new Set<string>();
export const enlist = (owner: string): void => void living.add(owner);
export const discharge = (owner: string): void => void living.delete(owner);

export function labelsOf(owner: string, wallMs: number): Readonly<Record<string, string>> {
  return { [OWNER_LABEL]: owner, [DEADLINE_LABEL]: String(Date.now() + wallMs + GRACE_MS) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

export function isLeftOver(labels: Readonly<Record<string, string>>, now: number): boolean {
  const owner = labels[OWNER_LABEL] ?? '';
  const match = /^(\d{1,20})-(\d{1,10})-[0-9a-f]{16}$/.exec(owner);
  if (match === null || living.has(owner)) return false;
  const deadline = Number(labels[DEADLINE_LABEL] ?? Number.NaN);
  if (deadline < now) return true;
  const [, space, pid] = match;
  return space === numbering() && (Number(pid) === process.pid || !isAlive(Number(pid)));
}

interface Listed {
  readonly Id: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

async function list(engine: Engine, label: string): Promise<readonly Listed[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const answer = await engine.ask({ method: 'GET', path: `/containers/json?all=1&filters=${filters}` });
  return Array.isArray(answer) ? (answer as readonly Listed[]) : [];
}

const REMOVE_TIMEOUT_MS = 30_000;

/** Kills and removes; one that is not there is removed. */
export async function removeContainer(engine: Engine, container: string): Promise<void> {
  try {
    await engine.ask({
      method: 'DELETE',
      path: `/containers/${container}?force=1&v=1`,
      timeoutMs: REMOVE_TIMEOUT_MS,
    });
  } catch (error) {
    if (!(error instanceof EngineFault && error.status === 404)) throw error;
  }
}

/** Removes containers, and those that the engine would not remove when asked before. Never rejects. */
export function createRemover(engine: Engine): (name: string) => Promise<void> {
  const stranded = new Set<string>();
  return async (name) => {
    stranded.add(name);
    await Promise.all(
      Array.from(stranded, (one) =>
        removeContainer(engine, one).then(
          () => void stranded.delete(one),
          () => undefined,
        ),
      ),
    );
  };
}

export async function removeLeftovers(engine: Engine): Promise<number> {
  const now = earliestNow();
  const gone = (await list(engine, OWNER_LABEL)).filter(({ Labels }) => isLeftOver(Labels ?? {}, now));
  await Promise.allSettled(gone.map(({ Id }) => removeContainer(engine, Id)));
  return gone.length;
}

export async function removeAllOf(engine: Engine, owner: string): Promise<void> {
  const mine = await list(engine, `${OWNER_LABEL}=${owner}`);
  await Promise.all(mine.map(({ Id }) => removeContainer(engine, Id)));
}

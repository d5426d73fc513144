/**
 * Our eyes on another machine: a container there with one program of ours, which reads what that kernel says of a sandbox's
 * first process before anything is handed over, and ends what runs when its time is up or this service is gone. It sees all
 * processes of that machine and is given nothing of any call. Fails closed: a witness that is absent, late or talks nonsense
 * has seen nothing. An engine that lies can invent what it says: see docs/sandbox-endpoints.md.
 */
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { NODE_INSIDE } from '../../tools/programs.ts';
import { toObservation } from '../attestation.ts';
import { EngineFault } from './engine.ts';
import type { Engine } from './engine.ts';
import type { Eyes, Sight } from './eyes.ts';
import { removeContainer } from './leftovers.ts';
import { createFrameReader } from './stream-frames.ts';

export interface Witness extends Eyes {
  /** False once its stream ended: then it has also ended all it had on a leash. */
  isAlive(): boolean;
  close(): Promise<void>;
}

const LOOK_MS = 10_000;
/** mountinfo and limits of one process, several times over. */
const MAX_LINE = 256 * 1024;
const MIB = 1024 * 1024;
/** Beyond a call's own time: its start, and what it brings back. */
const LEASH_GRACE_MS = 60_000;

const namespaces = z.record(z.string(), z.string());
const answer = z.union([
  /** A system error's code, and which file of the process. */
  z.strictObject({ id: z.int(), fault: z.string().regex(/^[A-Za-z]{2,20} [a-z/]{1,20}$/) }),
  z.strictObject({
    id: z.int(),
    sight: z.strictObject({
      process: z.strictObject({
        status: z.string(),
        limits: z.string(),
        environment: z.string(),
        namespaces,
        descriptors: z.array(z.int()),
      }),
      cgroup: z.string(),
      commandLine: z.string(),
      mountinfo: z.string(),
      own: z.strictObject({ namespaces, cgroup: z.string() }),
    }),
  }),
  z.strictObject({ id: z.literal(0) }),
]);

const PROGRAM = readFileSync(new URL('./inside/witness.cjs', import.meta.url), 'utf8');

/** All that it may: read /proc of its machine (sys_ptrace, dac_read_search) and end processes (kill). No mounts, no network. */
export function witnessOptions(image: string, seccomp: object, labels: Readonly<Record<string, string>>) {
  return {
    Image: image,
    User: '0:0',
    Entrypoint: [NODE_INSIDE, '-e', PROGRAM],
    Cmd: [] as readonly string[],
    Env: [] as readonly string[],
    WorkingDir: '/',
    Labels: labels,
    NetworkDisabled: true,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    HostConfig: {
      Runtime: 'runc',
      PidMode: 'host',
      CgroupnsMode: 'host',
      NetworkMode: 'none',
      IpcMode: 'private',
      CapDrop: ['ALL'],
      CapAdd: ['SYS_PTRACE', 'DAC_READ_SEARCH', 'KILL'],
      // A profile of the engine's default would keep it from looking at processes that have none.
      SecurityOpt: ['no-new-privileges', `seccomp=${JSON.stringify(seccomp)}`, 'apparmor=unconfined'],
      ReadonlyRootfs: true,
      Memory: 256 * MIB,
      MemorySwap: 256 * MIB,
      PidsLimit: 32,
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      AutoRemove: true,
    },
  };
}

export async function startWitness(
  engine: Engine,
  name: string,
  options: ReturnType<typeof witnessOptions>,
): Promise<Witness> {
  await engine.ask({ method: 'POST', path: `/containers/create?name=${name}`, body: options });
  let stream: Duplex;
  try {
    stream = await engine.attach(name);
  } catch (error) {
    await removeContainer(engine, name).catch(() => undefined);
    throw error;
  }
  const waiting = new Map<number, (seen: Sight | EngineFault) => void>();
  const greeting = Promise.withResolvers<void>();
  greeting.promise.catch(() => undefined);
  let alive = true;
  let next = 1;
  const die = (): void => {
    alive = false;
    stream.destroy();
    greeting.reject(new EngineFault('no witness', 0));
    for (const settle of waiting.values()) settle(new EngineFault('no witness', 0));
    waiting.clear();
  };
  const say = (line: string): void => {
    const parsed = answer.safeParse(parseJson(line));
    if (!parsed.success) return die();
    const { data } = parsed;
    if (data.id === 0) return greeting.resolve();
    const settle = waiting.get(data.id);
    waiting.delete(data.id);
    if ('fault' in data) settle?.(new EngineFault(`unseen: ${data.fault}`, 0));
    else if ('sight' in data) {
      const { process, ...rest } = data.sight;
      settle?.({ by: 'witness', process: toObservation(process, {}), ...rest });
    }
  };
  let line = '';
  const reader = createFrameReader((which, chunk) => {
    if (which === 'stderr') return;
    line += chunk.toString('latin1');
    const lines = line.split('\n');
    line = lines.pop() ?? '';
    for (const each of lines) say(each);
    if (line.length > MAX_LINE) die();
  }, die);
  stream.on('error', die);
  stream.on('close', die);
  stream.on('end', die);
  stream.on('data', reader);

  const witness: Witness = {
    isAlive: () => alive,
    look(pid) {
      const id = next++;
      return new Promise((resolve, reject) => {
        if (!alive) return reject(new EngineFault('no witness', 0));
        const timer = setTimeout(() => {
          waiting.delete(id);
          reject(new EngineFault('ETIMEDOUT', 0));
        }, LOOK_MS);
        waiting.set(id, (seen) => {
          clearTimeout(timer);
          if (seen instanceof EngineFault) reject(seen);
          else resolve(seen);
        });
        stream.write(`${JSON.stringify({ id, kind: 'look', pid })}\n`);
      });
    },
    leash({ pid, pidNamespace }, wallMs) {
      if (alive)
        stream.write(
          `${JSON.stringify({ kind: 'leash', pid, namespace: pidNamespace, ms: wallMs + LEASH_GRACE_MS })}\n`,
        );
    },
    // From here nothing is certain: the engine is asked, and what it does not answer is not known.
    end: () => false,
    async close() {
      die();
      await removeContainer(engine, name).catch(() => undefined);
    },
  };
  const late = setTimeout(die, LOOK_MS);
  try {
    await engine.ask({ method: 'POST', path: `/containers/${name}/start` });
    await greeting.promise;
    return witness;
  } catch (error) {
    await witness.close();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

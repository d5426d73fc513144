/** An engine of another machine that says whatever it likes: honest until a lie is named. It runs nothing. */
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { EngineFault } from '../../sandbox/backends/docker/engine.ts';
import type { Engine } from '../../sandbox/backends/docker/engine.ts';
import { packTar, tarHeader } from '../../sandbox/backends/docker/tar.ts';

export type Lie =
  | 'none'
  | 'another image'
  | 'privileged'
  | 'witness talks nonsense'
  | 'witness is silent'
  | 'no filter'
  | 'a mount of its machine'
  | 'a file outside'
  | 'a link, and a file through it'
  | 'a file without end'
  | 'entries without end'
  | 'cut short'
  | 'an exit code that is none'
  | 'never begun'
  | 'output without end';

export interface LyingEngine {
  readonly engine: Engine;
  /** Everything that was handed to a sandbox. */
  handed(): string;
}

const HASH = 'a'.repeat(64);

export function createLyingEngine(lie: Lie, layer: string): LyingEngine {
  let given = '';
  const made = new Map<string, Record<string, unknown>>();
  const streams = new Map<string, Duplex>();
  const nameIn = (path: string): string => /^\/containers\/([^/?]+)/.exec(path)?.[1] ?? '';
  const frame = (bytes: Buffer): Buffer => {
    const header = Buffer.alloc(8);
    header[0] = 1;
    header.writeUInt32BE(bytes.length, 4);
    return Buffer.concat([header, bytes]);
  };
  const say = (stream: Duplex, bytes: Buffer | string): boolean => stream.write(frame(Buffer.from(bytes)));

  const witness = (stream: Duplex): void => {
    stream.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().trim().split('\n')) {
        const { id, kind } = JSON.parse(line) as { readonly id: number; readonly kind: string };
        if (kind !== 'look' || lie === 'witness is silent') continue;
        say(
          stream,
          lie === 'witness talks nonsense'
            ? '{"id":1,"sight":"yes"}\n'
            : `${JSON.stringify({ id, sight: sightOf(lie) })}\n`,
        );
      }
    });
  };
  const sandbox = (stream: Duplex): void => {
    let text = '';
    let isAnswered = false;
    stream.on('data', (chunk: Buffer) => {
      given += chunk.toString('latin1');
      text += chunk.toString('latin1');
      const header = /^(\d+) ([0-9a-f]{48}) workspace\n/.exec(text);
      if (header === null || isAnswered) return;
      isAnswered = true;
      void answer(stream, header[2] ?? '');
    });
  };
  const answer = async (stream: Duplex, mark: string): Promise<void> => {
    if (lie === 'output without end') {
      while (!stream.destroyed) {
        say(stream, Buffer.alloc(64 * 1024, 'x'));
        await new Promise((resolve) => setImmediate(resolve));
      }
      return;
    }
    if (lie === 'never begun') say(stream, `${mark}!`);
    else {
      say(stream, `ran\n${mark}${lie === 'an exit code that is none' ? ' 0x0\n' : ' 0\n'}`);
      for await (const piece of archiveOf(lie)) {
        if (stream.destroyed) return;
        say(stream, piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    stream.end();
  };

  const engine: Engine = {
    place: 'endpoint liar',
    async ask({ method, path, body }) {
      const name = nameIn(path);
      if (path === '/info')
        return {
          OSType: 'linux',
          Architecture: process.arch === 'arm64' ? 'aarch64' : 'x86_64',
          NCPU: 4,
          Runtimes: { runc: {} },
        };
      if (path.startsWith('/images/'))
        return { Id: `sha256:${HASH}`, RootFS: { Layers: [`sha256:${lie === 'another image' ? HASH : layer}`] } };
      if (path.startsWith('/containers/create')) {
        made.set(/name=([^&]+)/.exec(path)?.[1] ?? '', body as Record<string, unknown>);
        return { Id: HASH };
      }
      if (path.startsWith('/containers/json')) return [];
      if (path.endsWith('/start')) {
        const stream = streams.get(name);
        if (stream !== undefined) say(stream, name.includes('witness') ? '{"id":0}\n' : 'sluice-ready\n');
        return undefined;
      }
      if (path.endsWith('/wait')) return { StatusCode: 0 };
      if (method === 'DELETE' || path.includes('/kill')) {
        streams.get(name)?.end();
        return undefined;
      }
      if (path.endsWith('/json')) {
        const options = made.get(name);
        const host = { ...(options?.HostConfig as object), ...(lie === 'privileged' ? { Privileged: true } : {}) };
        return {
          State: { Running: true, Pid: 4242 },
          Image: options?.Image,
          Config: options,
          HostConfig: host,
          Mounts: [],
        };
      }
      throw new EngineFault('refused', 404);
    },
    async attach(name) {
      const [near, far] = duplexPair();
      far.on('error', () => undefined);
      near.on('close', () => far.destroy());
      streams.set(name, far);
      if (name.includes('witness')) witness(far);
      else sandbox(far);
      return near;
    },
    execute: () => Promise.reject(new EngineFault('refused', 404)),
  };
  return { engine, handed: () => given };
}

function sightOf(lie: Lie): unknown {
  const ids = '65534\t65534\t65534\t65534';
  const capabilities = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => `${name}:\t0000000000000000`);
  const limit = (name: string, value: number): string => `${name.padEnd(26)}${String(value).padEnd(21)}${value}`;
  const namespaces = (number: number) =>
    Object.fromEntries(
      ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup'].map((name) => [
        name,
        `${name}:[${name === 'user' ? 1 : number}]`,
      ]),
    );
  return {
    process: {
      status: [
        `Uid:\t${ids}`,
        `Gid:\t${ids}`,
        'Groups:\t ',
        `Seccomp:\t${lie === 'no filter' ? 0 : 2}`,
        'Seccomp_filters:\t1',
        'NoNewPrivs:\t1',
        ...capabilities,
      ].join('\n'),
      limits: [
        limit('Max open files', 1024),
        limit('Max file size', 1),
        limit('Max core file size', 0),
        limit('Max data size', 1),
      ].join('\n'),
      environment: '',
      namespaces: namespaces(2),
      descriptors: [0, 1, 2],
    },
    cgroup: '7:memory:/docker/x\n6:pids:/docker/x\n5:cpu,cpuacct:/docker/x\n',
    commandLine: 'sh',
    mountinfo: `1 0 0:1 / / ro - overlay o rw\n2 1 0:2 / ${lie === 'a mount of its machine' ? '/mnt/host' : '/workspace'} rw - tmpfs t rw\n`,
    own: { namespaces: namespaces(1), cgroup: '7:memory:/\n6:pids:/\n5:cpu,cpuacct:/\n' },
  };
}

async function* archiveOf(lie: Lie): AsyncIterable<Buffer> {
  const root = tarHeader({ kind: 'directory', path: 'workspace', mode: 0o755 });
  const file = (path: string) => ({ kind: 'file', path, mode: 0o644, bytes: Buffer.from('from the liar') }) as const;
  switch (lie) {
    case 'a file outside':
      yield Buffer.concat([root, packTar([file('workspace/../../../escaped')])]);
      return;
    case 'a link, and a file through it':
      yield Buffer.concat([
        root,
        packTar([{ kind: 'link', path: 'workspace/l', target: '../../..' }, file('workspace/l/escaped')]),
      ]);
      return;
    case 'a file without end':
      yield Buffer.concat([root, tarHeader({ kind: 'file', path: 'workspace/big', mode: 0o644, size: 8_000_000_000 })]);
      for (;;) yield Buffer.alloc(256 * 1024, 'x');
    case 'entries without end':
      yield root;
      for (let entry = 0; ; entry++)
        yield packTar(Array.from({ length: 200 }, (_, each) => file(`workspace/${entry}-${each}`))).subarray(0, -1024);
    case 'cut short':
      yield Buffer.concat([root, packTar([file('workspace/new')]).subarray(0, 600)]);
      return;
    default:
      yield Buffer.concat([root, packTar([file('workspace/new')])]);
  }
}

/** What is measured: each in its own process, pinned to the first core; load generator and upstream share the second. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { builtInRecognizers, builtInTaggers } from '../../../classifiers/registry.ts';
import { family } from './processes.ts';

export const PROXY_CORE = 0;
export const LOAD_CORE = 1;

export interface Contender {
  readonly name: string;
  readonly port: number;
  /** Header lines every request to it needs. */
  readonly headers: Readonly<Record<string, string>>;
  readonly pids: readonly number[];
  /** How late its event loop was since the last question, in milliseconds; undefined for those that cannot be asked. */
  loopDelay(): Promise<{ readonly p99: number; readonly max: number } | undefined>;
  stop(): void;
}

const here = (file: string): string => join(import.meta.dirname, file);
const hasTaskset = existsSync('/usr/bin/taskset') && availableParallelism() > 1;

export interface Started {
  readonly child: ChildProcess;
  /** First port number it printed; 0 when none was asked for. */
  readonly port: number;
}

/** start runs a program pinned to one core, with nothing of this process's environment but the path. */
export async function start(
  command: readonly string[],
  options: { readonly core: number; readonly ipc?: boolean; readonly port: RegExp | undefined; readonly cwd?: string },
): Promise<Started> {
  const [program = '', ...args] = hasTaskset ? ['taskset', '-c', String(options.core), ...command] : command;
  const child = spawn(program, args, {
    stdio: options.ipc === true ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', NO_COLOR: '1' },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let tail = '';
  // A log nobody takes away would stop who writes it; like a real collector, take it and drop it.
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = `${tail}${chunk.toString()}`.slice(-2_000);
  });
  const pattern = options.port;
  if (pattern === undefined) return { child, port: 0 };
  const port = await new Promise<number>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      if (text.length > 10_000) return;
      text += chunk.toString();
      const found = pattern.exec(text)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    child.once('exit', (code) => reject(new Error(`${command.join(' ')} exited ${code}: ${tail}`)));
  });
  return { child, port };
}

function contender(name: string, { child }: Started, port: number, headers: Record<string, string> = {}): Contender {
  const pid = child.pid ?? 0;
  return {
    name,
    port,
    headers,
    get pids() {
      return family(pid);
    },
    loopDelay: () =>
      new Promise((resolve) => {
        if (!child.connected) {
          resolve(undefined);
          return;
        }
        child.once('message', (answer) => resolve(answer as { p99: number; max: number }));
        child.send('loop-delay');
      }),
    stop: () => child.kill('SIGKILL'),
  };
}

export async function startBare(upstreamPort: number): Promise<Contender> {
  const started = await start(
    [process.execPath, '--import', here('loop-delay.ts'), here('bare.ts'), `http://127.0.0.1:${upstreamPort}`],
    { core: PROXY_CORE, ipc: true, port: /^(\d+)\n/ },
  );
  return contender('bare', started, started.port);
}

export type Mode = 'all on' | 'tool loop' | 'nothing read';

/** startSluice starts the real program. `tool loop`: declared tools are ours to run, so replies are read as events; `nothing read`: no recognizer is on, which leaves the router's own cost. */
export async function startSluice(mode: Mode, upstreamPort: number, more = ''): Promise<Contender> {
  const state = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const names = [...builtInRecognizers(), ...builtInTaggers()].map((each) => each.name);
  writeFileSync(
    join(state, 'sluice.yaml'),
    [
      `stateDir: "${state}"`,
      'log: { level: info }',
      `classify: { deadlineMs: 30000${mode === 'nothing read' ? `, disable: ${JSON.stringify(names)}` : ''} }`,
      'sandbox: { mode: deny }',
      ...(mode === 'tool loop' ? ['tools: { rules: [{ match: "tool_*", action: sandbox, as: exec }] }'] : []),
      'upstreams:',
      `  - { kind: ollama, name: home, url: "http://127.0.0.1:${upstreamPort}", sees: restricted }`,
      `  - { kind: openai, name: sky, url: "http://127.0.0.1:${upstreamPort}/v1", model: bench, sees: public }`,
      'policy: { clean: { simple: cloud } }',
      more,
    ].join('\n'),
  );
  const started = await start(
    [
      process.execPath,
      '--import',
      here('loop-delay.ts'),
      here('../../../router/main.ts'),
      'serve',
      '--port',
      '0',
      '--config',
      join(state, 'sluice.yaml'),
    ],
    { core: PROXY_CORE, ipc: true, port: /listens on http:\/\/127\.0\.0\.1:(\d+)/ },
  );
  return contender(mode === 'all on' ? 'Sluice' : `Sluice, ${mode}`, started, started.port);
}

/** 1.15.2 answers streams with 500 on the @hono/node-server that npm resolves for it today; the one it was written against works. */
const PORTKEY = { gateway: '1.15.2', nodeServer: '1.11.4' };

/** startPortkey installs the gateway into a folder of temporary files, once. Undefined, with the reason on stderr, where it cannot be had. */
export async function startPortkey(upstreamPort: number): Promise<Contender | undefined> {
  const folder = join(tmpdir(), `sluice-bench-portkey-${PORTKEY.gateway}-${PORTKEY.nodeServer}`);
  try {
    if (!existsSync(folder)) {
      const unfinished = mkdtempSync(`${folder}-`);
      writeFileSync(
        join(unfinished, 'package.json'),
        JSON.stringify({
          private: true,
          dependencies: { '@portkey-ai/gateway': PORTKEY.gateway },
          overrides: { '@hono/node-server': PORTKEY.nodeServer },
        }),
      );
      await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: unfinished });
      renameSync(unfinished, folder);
    }
    const port = await freePort();
    const started = await start(
      [process.execPath, 'node_modules/@portkey-ai/gateway/build/start-server.js', `--port=${port}`, '--headless'],
      { core: PROXY_CORE, port: /localhost:(\d+)/, cwd: folder },
    );
    return contender('Portkey', started, port, {
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
      authorization: 'Bearer none',
    });
  } catch (error) {
    process.stderr.write(`Portkey left out: ${String(error).slice(0, 300)}\n`);
    return undefined;
  }
}

/** startNginx runs the nginx that the system has. */
export async function startNginx(upstreamPort: number): Promise<Contender | undefined> {
  const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path));
  if (nginx === undefined) {
    process.stderr.write('nginx left out: not installed\n');
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-nginx-'));
  mkdirSync(join(folder, 'temp'));
  const port = await freePort();
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log crit;
events { worker_connections 4096; }
http {
  access_log off; client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 1000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/temp;`).join(' ')}
  upstream model { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } }
}`,
  );
  const started = await start(
    [nginx, '-c', join(folder, 'nginx.conf'), '-p', folder, '-e', join(folder, 'error.log')],
    {
      core: PROXY_CORE,
      port: undefined,
    },
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  const nginxed = contender('nginx', started, port);
  return { ...nginxed, pids: nginxed.pids, stop: () => void started.child.kill('SIGTERM') };
}

/** direct is the upstream asked without anything between. */
export function direct(upstream: Started): Contender {
  return contender('direct', upstream, upstream.port);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

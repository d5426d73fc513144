/** Programs that outlive their call, the whole way: client, both processes, bubblewrap, a real terminal. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Config } from '../../config/schema.ts';
import { createToolExecutor } from '../../sandbox/client.ts';
import type { SandboxClient } from '../../sandbox/client.ts';
import type { ToolOutcome, ToolRequest } from '../../sandbox/executor.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 180_000 });

let stateDir = '';
let client: SandboxClient;
const LABELS = ['public', 'internal', 'confidential'];
const POLICY = {
  pool: 0,
  network: 'egress',
  egress: { allow: [{ host: 'allowed.invalid', ports: [80] }] },
  terminals: { perSession: 2, idleMs: 4_000, unreadBytes: 2_000, outputBytes: 400_000 },
  agents: { reader: { allow: ['read'] }, free: { tools: { session: { timeoutMs: 1_000 } } } },
};

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'sluice-terminal-'));
  client = await createToolExecutor({ config: Config.parse({ sandbox: POLICY }).sandbox, labels: LABELS, stateDir });
  if (client.status().probedAt === 0) await client.verify();
});
afterAll(async () => {
  await client.close();
  rmSync(stateDir, { recursive: true, force: true });
});
beforeEach((context) => {
  if (!client.status().usable) context.skip(client.status().reason);
});

const call = (args: unknown, request: Partial<ToolRequest> = {}): Promise<ToolOutcome> =>
  client.run(
    {
      id: 'c',
      tool: 'session',
      arguments: JSON.stringify(args),
      principal: 'alice',
      // One of its own for each test.
      session: expect.getState().currentTestName ?? '',
      agent: 'main',
      label: 'public',
      ...request,
    },
    { signal: new AbortController().signal },
  );
const textOf = (outcome: ToolOutcome): string =>
  outcome.kind === 'refused' ? `${outcome.code}: ${outcome.message}` : outcome.stdout.head + outcome.stdout.tail;
const idOf = (outcome: ToolOutcome): string => /\[session ([a-p]{8}): /.exec(textOf(outcome))?.[1] ?? textOf(outcome);
const start = async (command: string, request: Partial<ToolRequest> = {}): Promise<string> =>
  idOf(await call({ action: 'start', command, waitMs: 200 }, request));
const write = (id: string, input: string, request: Partial<ToolRequest> = {}) =>
  call({ action: 'write', id, input, waitMs: 5_000 }, request);
/** All that is polled until something of the pattern comes, after what was `said` already. */
const heard = async (id: string, pattern: RegExp, request: Partial<ToolRequest> = {}, said = ''): Promise<string> => {
  let text = said;
  for (let polls = 0; polls < 20 && !pattern.test(text); polls += 1)
    text += textOf(await call({ action: 'poll', id, waitMs: 500 }, request));
  return text;
};
const kill = (id: string, request: Partial<ToolRequest> = {}) => call({ action: 'kill', id }, request);
const processesWith = (marker: string): readonly string[] =>
  readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(marker);
    } catch {
      return false;
    }
  });

describe('a session', () => {
  it('is a program on a terminal that is talked to over several calls', async () => {
    const begun = await call({
      action: 'start',
      command: 'tty; read -r name; echo "hello $name"; exit 3',
      waitMs: 5_000,
    });
    expect(textOf(begun)).toMatch(/^\/dev\/pts\/\d+\r\n\n\[session [a-p]{8}: running\]\n$/);
    expect(begun).toMatchObject({ kind: 'exited', code: 0, receipt: { attested: { seccomp: 2, capabilities: 0 } } });
    expect(begun.receipt.probeAgeMs).toBeGreaterThan(0);
    const ended = await write(idOf(begun), 'you\n');
    expect(textOf(ended)).toMatch(/hello you\r\n\n\[session [a-p]{8}: ended with exit code 3\]\n$/);
    expect(ended).toMatchObject({ kind: 'exited', code: 3 });
    expect(textOf(await call({ action: 'poll', id: idOf(begun) }))).toMatch(
      /^malformed-arguments: There is no session/,
    );
  });

  it('keeps its state, takes Ctrl-C, and outlives the time limit of one call', async () => {
    const free = { agent: 'free' };
    const id = await start('sh', free);
    await write(id, 'x=41; sleep 30\n', free);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await write(id, '\u0003', free);
    expect(textOf(await write(id, 'echo $((x + 1))\n', free))).toContain('\r\n42\r\n');
    expect(await kill(id, free)).toMatchObject({ kind: 'killed' });
  });

  it('is nobody else’s: another session, principal or agent scope finds no such id', async () => {
    const id = await start('cat');
    for (const request of [{ session: 'other' }, { principal: 'bob' }]) {
      expect(textOf(await write(id, 'x\n', request))).toMatch(/^malformed-arguments/);
      expect(textOf(await kill(id, request))).toMatch(/^malformed-arguments/);
    }
    expect(textOf(await call({ action: 'poll', id }, { agent: 'reader' }))).toMatch(/^denied-by-policy/);
    expect(textOf(await write(id, 'still here\n'))).toContain('still here');
    await kill(id);
  });

  it('runs in a sandbox like any other call', async () => {
    const id = await start('sh');
    const seen = textOf(
      await write(id, 'id -u; ls /root /proc/1/root/etc/shadow; mount -t tmpfs none /tmp; cat /proc/self/status\n'),
    );
    expect(seen).toContain('1000');
    expect(seen).toMatch(/NoNewPrivs:\t1/);
    expect(seen).toMatch(/CapEff:\t0+\r/);
    const answer = await write(
      id,
      'printf "\\033]0;x\\007"; python3 -c "import fcntl,termios; fcntl.ioctl(0, termios.TIOCSTI, b\'x\')"\n',
    );
    expect(textOf(answer)).toMatch(/PermissionError|not found/);
    await kill(id);
  });

  it('ends when it is killed, and nothing of it stays', async () => {
    const marker = `7${Date.now() % 100_000}.${process.pid}`;
    const id = await start(`sleep ${marker} & sleep ${marker}`);
    await expect.poll(() => processesWith(`sleep\0${marker}`).length, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(textOf(await kill(id))).toMatch(/: killed\]/);
    await expect.poll(() => processesWith(`sleep\0${marker}`)).toEqual([]);
  });
});

describe('limits of sessions', () => {
  it('number: the next one is busy until one ends', async () => {
    const ids = [await start('cat'), await start('cat')];
    expect(textOf(await call({ action: 'start', command: 'cat' }))).toMatch(/^busy: .*sandbox\.terminals/);
    expect(await start('true', { session: 'other' })).toMatch(/^[a-p]{8}$/);
    await kill(ids[0] ?? '');
    const another = await start('cat');
    expect(another).toMatch(/^[a-p]{8}$/);
    await kill(another);
    await kill(ids[1] ?? '');
  });

  it('unread output: head and tail are kept, and what fell out is counted', async () => {
    const id = await start('seq 1 20000; cat');
    const polled = await call({ action: 'poll', id, waitMs: 3_000 });
    const whole = polled.kind === 'exited' ? polled.stdout : undefined;
    expect((whole?.head.length ?? 0) + (whole?.tail.length ?? 0)).toBeLessThan(2_200);
    expect(textOf(await call({ action: 'poll', id, waitMs: 0 }))).toMatch(/^\n\[session/);
    await kill(id);
  });

  it('all output: a flood is killed', async () => {
    const id = await start('yes');
    await expect
      .poll(async () => textOf(await call({ action: 'poll', id, waitMs: 100 })), { timeout: 20_000 })
      .toMatch(/killed, too much output\]|There is no session/);
  });

  it('idleness: one that nobody asks for is killed, and says so to who asks late', async () => {
    const marker = `8${Date.now() % 100_000}.${process.pid}`;
    const id = await start(`sleep ${marker}`);
    await expect.poll(() => processesWith(`sleep\0${marker}`).length, { timeout: 3_000 }).toBeGreaterThan(0);
    await expect.poll(() => processesWith(`sleep\0${marker}`), { timeout: 15_000 }).toEqual([]);
    expect(textOf(await call({ action: 'poll', id }))).toContain('killed, idle for too long]');
  });

  it('the label: a rising one closes the network of what runs', async () => {
    const ask = `node -e "require('net').connect(3128,'127.0.0.1',function(){this.write('GET http://evil.invalid/ HTTP/1.1\\r\\n\\r\\n');this.on('data',d=>{console.log('GOT'+String(d).slice(8,12));this.destroy()});this.on('close',()=>console.log('OVER'))}).on('error',e=>console.log(e.code))"\n`;
    const id = await start('PATH=$PATH:/opt/node/bin sh');
    // A write brings what came meanwhile: the answer may be in it already.
    const first = textOf(await write(id, ask));
    expect(await heard(id, /OVER\r/, {}, first)).toContain('GOT 403');
    const second = textOf(await write(id, ask, { label: 'confidential' }));
    expect(await heard(id, /OVER\r|EC\w+\r/, { label: 'confidential' }, second)).not.toMatch(/GOT ?\d/);
    await kill(id);
  });
});

describe('arguments that make no sense', () => {
  it.each([
    [{ action: 'start' }],
    [{ action: 'start', command: 'a\0b' }],
    [{ action: 'start', command: 'a', id: 'abcdefgh' }],
    [{ action: 'write', id: 'abcdefgh' }],
    [{ action: 'write', id: '../../etc', input: 'x' }],
    [{ action: 'poll', id: 'abcdefgh', input: 'x' }],
    [{ action: 'poll' }],
    [{ action: 'stop', id: 'abcdefgh' }],
  ])('%j', async (args) => {
    expect(textOf(await call(args))).toMatch(/^malformed-arguments/);
  });

  it('a directory outside is refused before anything starts', async () => {
    expect(textOf(await call({ action: 'start', command: 'pwd', cwd: '/proc/self/root' }))).toMatch(/^path-refused/);
  });
});

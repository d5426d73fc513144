/**
 * A process that runs out: of descriptors (`prlimit`), of memory (a small heap), of disk (a small file system of its own). Whatever it cannot do it does not do half; nothing that was to stay leaves, and once there
 * is room again it serves, knowing what it knew.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliProcess, runCli, startServe } from '../helpers/cli.ts';
import { type FakeOllama, startFakeOllama } from '../helpers/fake-ollama.ts';
import { type FakeOpenAI, startFakeOpenAI } from '../helpers/fake-openai.ts';
import { CARD, COMPLEX, say } from '../helpers/sluice.ts';

const PRLIMIT = '/usr/bin/prlimit';
let directory: string;
let cloud: FakeOpenAI;
let local: FakeOllama;
const running: CliProcess[] = [];
const undo: (() => void)[] = [];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'exhausted-'));
  cloud = await startFakeOpenAI({ reply: () => ({ text: 'from the cloud' }) });
  local = await startFakeOllama({ reply: () => ({ text: 'at home' }) });
});
afterEach(async () => {
  for (const each of running) each.child.kill('SIGKILL');
  await Promise.all(running.splice(0).map((each) => each.exited));
  await Promise.all([cloud.close(), local.close()]);
  for (const each of undo.splice(0)) each();
  rmSync(directory, { recursive: true, force: true });
});

async function serve(
  options: { readonly more?: string; readonly env?: Record<string, string>; readonly through?: readonly string[] } = {},
) {
  const file = join(directory, 'sluice.yaml');
  writeFileSync(
    file,
    `stateDir: "${join(directory, 'state')}"
sandbox: { mode: deny }
upstreams:
  - { kind: ollama, name: home, url: "${local.url}", sees: restricted }
  - { kind: openai, name: sky, url: "${cloud.url}", model: gpt-fake, sees: public }
${options.more ?? ''}`,
  );
  const started = await startServe(['-c', file], options.env, options.through);
  running.push(started);
  return started;
}
const ask = (url: string, body: object, session: string, agent?: Agent): Promise<string> =>
  new Promise((resolve) => {
    const request = httpRequest(
      `${url}/v1/chat/completions`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-session-id': session },
        ...(agent === undefined ? {} : { agent }),
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', () => resolve('broken'));
        response.on('end', () => {
          const code = /"code":"([a-z_]+)"/.exec(text)?.[1] ?? '';
          resolve(
            response.statusCode === 200 ? String(response.headers['x-sluice-route']) : `${response.statusCode} ${code}`,
          );
        });
      },
    );
    request.on('error', () => resolve('broken'));
    request.end(JSON.stringify(body));
  });
const auditWhole = async (): Promise<boolean> =>
  (await runCli(['audit', 'verify', '--config', join(directory, 'sluice.yaml')])).code === 0;
const stop = async (each: CliProcess): Promise<number | null> => {
  each.child.kill('SIGTERM');
  return (await each.exited).code;
};

describe.skipIf(!existsSync(PRLIMIT))('descriptors', () => {
  it('none left: nothing goes out that was to stay, the process lives, and gives all of them back', async () => {
    const sluice = await serve({ through: [PRLIMIT, '--nofile=64:64'] });
    const descriptors = (): number => readdirSync(`/proc/${sluice.child.pid}/fd`).length;
    // This connection is open before the others come, as an agent's is.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await ask(sluice.url, say(`block ${CARD}`), 'before', agent)).toBe('local');
    await expect.poll(descriptors, { timeout: 10_000 }).toBeLessThan(50);
    const calm = descriptors();
    const { port } = new URL(sluice.url);
    const sockets: Socket[] = Array.from({ length: 120 }, () => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      return socket;
    });
    await expect.poll(descriptors, { timeout: 10_000 }).toBeGreaterThan(60);
    // The pool's idle connections are gone after a while; then a new one cannot be opened.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    for (const socket of sockets) if (socket.destroyed) socket.connect(Number(port), '127.0.0.1');
    const during = [
      await ask(sluice.url, say(`block ${CARD} now`), 'during', agent),
      await ask(sluice.url, say(`${COMPLEX} for jane.roe@corp-mail.example`), 'masked', agent),
      await ask(sluice.url, say(COMPLEX), 'before', agent),
    ];
    expect(
      // A server at home that cannot be asked may look like one without the model.
      during.every((each) => each === 'local' || each === 'broken' || /^(?:40[04]|50\d) /.test(each)),
      during.join(),
    ).toBe(true);
    expect(during.join()).toMatch(/(?:40[04]|50\d) |broken/);
    expect(cloud.wire().toString()).not.toMatch(/4539|jane\.roe/);

    for (const socket of sockets) socket.destroy();
    await expect.poll(() => ask(sluice.url, say(`${COMPLEX} once more`), 'after'), { timeout: 15_000 }).toBe('cloud');
    expect(await ask(sluice.url, say(COMPLEX), 'before', agent)).toBe('local');
    expect(await ask(sluice.url, say(`${COMPLEX} after all`), 'during', agent)).toBe('local');
    agent.destroy();
    await expect.poll(descriptors, { timeout: 15_000 }).toBeLessThanOrEqual(calm + 2);
    expect(await stop(sluice)).toBe(0);
    expect(await auditWhole()).toBe(true);
  }, 90_000);
});

describe('memory', () => {
  it('a heap too small for what is asked: it dies shut, and the next start knows the conversation', async () => {
    const sluice = await serve({ env: { NODE_OPTIONS: '--max-old-space-size=72' } });
    expect(await ask(sluice.url, say(`block ${CARD}`), 'before')).toBe('local');
    // Many bodies of many small values at once: within every limit of the file, past the heap.
    const heavy = {
      model: 'auto',
      messages: Array.from({ length: 9_000 }, (_, n) => ({ role: 'user', content: `line ${n} of ${CARD}` })),
    };
    const outcomes = await Promise.all(Array.from({ length: 24 }, (_, n) => ask(sluice.url, heavy, `heavy ${n}`)));
    const died = await Promise.race([
      sluice.exited.then(({ code }) => code !== 0),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 3_000)),
    ]);
    expect(died, outcomes.join()).toBe(true);
    expect(
      outcomes.every((each) => each === 'broken' || each === 'local' || /^[45]\d\d /.test(each)),
      outcomes.join(),
    ).toBe(true);
    expect(cloud.wire().toString()).not.toContain('4539');
    expect((await sluice.exited).stderr).not.toContain('4539');

    const again = await serve();
    expect(await ask(again.url, say(COMPLEX), 'before')).toBe('local');
    expect(await ask(again.url, say(`${COMPLEX} elsewhere`), 'another')).toBe('cloud');
    expect(await stop(again)).toBe(0);
    expect(await auditWhole()).toBe(true);
  }, 120_000);
});

describe.skipIf(process.getuid?.() !== 0 || !canMount())('disk', () => {
  it.each([
    ['audit not required', '', ['400 store_unavailable', '400 store_unavailable', 'cloud']],
    [
      'audit required',
      'audit: { required: true }',
      ['400 audit_unavailable', '400 audit_unavailable', '400 audit_unavailable'],
    ],
  ])(
    'a file system that is full (%s): what must be kept is refused, and there is room again later',
    async (_, more, expected) => {
      const state = join(directory, 'state');
      mkdirSync(state);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', state]);
      undo.push(() => void execFileSync('umount', ['-l', state]));
      const sluice = await serve({ more });
      expect(await ask(sluice.url, say(`block ${CARD}`), 'before')).toBe('local');
      expect(await ask(sluice.url, say(COMPLEX), 'clean')).toBe('cloud');
      const ballast = join(state, 'ballast');
      for (let size = 4_096; size > 0; size -= 4)
        try {
          writeFileSync(ballast, Buffer.alloc(size * 1024));
          break;
        } catch {
          // As much as goes in.
        }
      expect(await ask(sluice.url, say(COMPLEX), 'before'), 'what it knew it knows').toMatch(/^local$|^400 /);
      const during: string[] = [];
      // What is free inside the files is used up first.
      for (let time = 0; time < 400 && !during.some((each) => each.startsWith('400')); time += 1)
        during.push(await ask(sluice.url, say(`block ${CARD}, time ${time} ${'x'.repeat(2_000)}`), `during ${time}`));
      expect(during.at(-1)).toBe(expected[0]);
      expect(await ask(sluice.url, say(COMPLEX), 'before')).toBe(expected[1]);
      expect(await ask(sluice.url, say(`${COMPLEX} new`), 'new')).toBe(expected[2]);
      expect(cloud.wire().toString()).not.toContain('4539');

      rmSync(ballast);
      expect(await ask(sluice.url, say(`block ${CARD} again`), 'later')).toBe('local');
      expect(await ask(sluice.url, say(`${COMPLEX} later`), 'later')).toBe('local');
      expect(await ask(sluice.url, say(`${COMPLEX} at last`), 'fresh')).toBe('cloud');
      expect(await stop(sluice)).toBe(0);
      expect(await auditWhole()).toBe(true);
    },
    90_000,
  );
});

/** Whether this root may mount: in many containers it may not. */
function canMount(): boolean {
  const probe = mkdtempSync(join(tmpdir(), 'mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe]);
    return true;
  } catch {
    process.stderr.write('skipped: a full disk (this user may not mount)\n');
    return false;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

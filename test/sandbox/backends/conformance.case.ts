/** What every backend promises, as one table. A backend's own test file says which parts it claims and runs it. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Backend, Outcome } from '../../../sandbox/backend.ts';
import type { ExecutionPlan } from '../../../sandbox/plan.ts';
import { LIMITS, never, plan, shell } from './fixture.ts';

export interface Candidate {
  readonly backend: () => Backend;
  /** Why it cannot be run here; empty when it can. */
  readonly missing: () => string;
  /** Whether it isolates: `host` does not, and the table asks it only for what it promises. */
  readonly confines: boolean;
  /** A directory the sandbox's user can reach. */
  readonly directory: () => string;
}

export function describeBackend(name: string, candidate: Candidate): void {
  const { confines } = candidate;
  const run = (one: ExecutionPlan, signal = never()): Promise<Outcome> =>
    candidate.backend().run({ ...one, mode: candidate.backend().mode }, { signal });
  const said = (outcome: Outcome): string => {
    if ('detail' in outcome) throw new Error(`${outcome.kind}: ${outcome.detail}`);
    return outcome.stdout.head + outcome.stdout.tail;
  };
  const limited = (changes: Partial<ExecutionPlan['limits']>) => ({ limits: { ...LIMITS, ...changes } });
  const project = (place: string): string => {
    const path = join(candidate.directory(), place);
    mkdirSync(path);
    chmodSync(path, 0o777);
    writeFileSync(join(path, 'file'), 'before\n', { mode: 0o666 });
    chmodSync(join(path, 'file'), 0o666);
    return path;
  };

  describe(`${name} keeps the contract`, () => {
    beforeEach((context) => {
      const reason = candidate.missing();
      if (reason !== '') context.skip(reason);
    });

    it('exit code, both streams, standard input and arguments byte for byte', async () => {
      const awkward = [`it's`, '$(id) `id` $HOME "x" \\', '* ? [a]', '-n', 'two\nlines', '€ \u202e', '', '\n'];
      const outcome = await run(
        plan(['/bin/sh', '-c', 'cat >&2; printf "<%s>" "$@"; exit 7', 'name', ...awkward], {
          stdin: Buffer.from([0, 1, 0xff, 10]).toString('base64'),
        }),
      );
      expect(outcome).toMatchObject({ kind: 'exited', code: 7, stderr: { head: '\0\u0001\ufffd\n' } });
      expect(said(outcome)).toBe(awkward.map((word) => `<${word}>`).join(''));
    });

    it('a large input arrives whole, and one nobody reads does no harm', async () => {
      const stdin = Buffer.alloc(700_001, 'x').toString('base64');
      expect(said(await run(shell('wc -c', { stdin })))).toBe('700001\n');
      expect(await run(shell('exit 4', { stdin }))).toMatchObject({ kind: 'exited', code: 4 });
    });

    it('the end of the input is seen when there is none', async () => {
      expect(said(await run(shell('cat; echo done')))).toBe('done\n');
    });

    it('a program that is not there is an exit status, not a success', async () => {
      const outcome = await run(plan(['/usr/bin/no-such-program']));
      expect(outcome.kind === 'exited' ? outcome.code : outcome.kind).toSatisfy((end) =>
        [127, 126, 'not-started'].includes(end as number),
      );
    });

    it('every result says what was attested', async () => {
      const outcome = await run(shell('true'));
      expect(outcome.kind === 'exited' && Object.keys(outcome.attested).length).toBeGreaterThan(0);
    });

    it('output is cut at its bound, and a flood is ended', async () => {
      const outcome = await run(shell('yes 0123456789'));
      expect(outcome).toMatchObject({ kind: 'killed', by: 'output-limit' });
      if (outcome.kind !== 'killed') return;
      expect(outcome.stdout.head.length + outcome.stdout.tail.length).toBeLessThanOrEqual(LIMITS.outputBytes);
      expect(outcome.stdout.omittedBytes).toBeGreaterThan(500_000);
    });

    it('time ends a program that ignores signals', async () => {
      const outcome = await run(
        shell('echo begun; trap "" TERM INT HUP; while :; do :; done', limited({ wallMs: 700 })),
      );
      expect(outcome).toMatchObject({ kind: 'killed', by: 'timeout', stdout: { head: 'begun\n' } });
    });

    it('an aborted call is killed, and one aborted before never begins', async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 1200);
      const outcome = await run(shell('sleep 30'), controller.signal);
      expect(outcome.kind === 'killed' ? outcome.by : outcome.kind === 'not-started' && outcome.cause).toMatch(/abort/);
      expect(await run(shell('true'), AbortSignal.abort())).toMatchObject({ kind: 'not-started', cause: 'aborted' });
    });

    it('a plan for another backend is not run', async () => {
      const other = candidate.backend().mode === 'host' ? 'bubblewrap' : 'host';
      const outcome = await candidate.backend().run(shell('true', { mode: other }), { signal: never() });
      expect(outcome).toMatchObject({ kind: 'not-started', cause: 'plan-unsupported' });
    });

    if (!confines) return;

    it.each([
      ['a relative program', plan(['sh', '-c', 'true'])],
      ['a NUL in an argument', plan(['/bin/echo', 'a\0b'])],
      ['a name that is none', shell('true', { env: { 'A=B': 'c' } })],
      ['a workspace that is not there', shell('true', { workspace: { access: 'ro', source: '/nonexistent/place' } })],
    ])('what cannot be expressed is refused: %s', async (_what, one) => {
      expect(await run(one)).toMatchObject({ kind: 'not-started', cause: 'plan-unsupported' });
    });

    it("the environment is the plan's and nothing else, for the program and for pid 1", async () => {
      const outcome = await run(
        shell('/usr/bin/env; for one in self 1; do tr "\\0" "\\n" < /proc/$one/environ; done', {
          env: { A: `x'y`, UID: '7', PATH: '/usr/bin:/bin' },
        }),
      );
      const lines = new Set(said(outcome).trim().split('\n'));
      expect([...lines].filter((line) => !/^(|A=x'y|UID=7|PATH=\/usr\/bin:\/bin|PWD=.*)$/.test(line))).toEqual([]);
      expect([...lines]).toEqual(expect.arrayContaining([`A=x'y`, 'UID=7']));
    });

    it('a workspace is writable, read-only or a copy, as the plan says', async () => {
      const source = project('project');
      const at = (access: 'ro' | 'rw' | 'cow') =>
        run(shell('cat file; echo after > file', { workspace: { access, source }, cwd: '/workspace' }));
      expect(said(await at('ro'))).toBe('before\n');
      expect(readFileSync(join(source, 'file'), 'utf8')).toBe('before\n');
      const copied = await at('cow');
      expect(copied).toMatchObject({ kind: 'exited', code: 0, attested: { filesModified: 1 } });
      expect(readFileSync(join(source, 'file'), 'utf8')).toBe('before\n');
      expect(await at('rw')).toMatchObject({ kind: 'exited', code: 0 });
      expect(readFileSync(join(source, 'file'), 'utf8')).toBe('after\n');
    });

    it('what a call leaves for the host to run is taken back', async () => {
      const source = project('guarded');
      const outcome = await run(
        shell('mkdir -p .git/hooks && echo evil > .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit', {
          workspace: { access: 'rw', source },
          cwd: '/workspace',
        }),
      );
      expect(outcome.kind === 'exited' && Number(outcome.attested.guardFindings)).toBeGreaterThan(0);
      expect(existsSync(join(source, '.git/hooks/pre-commit'))).toBe(false);
    });

    it('a kept home is the same in the next call, a fresh one is not', async () => {
      const home = project('home');
      await run(shell('echo kept > /home/agent/note', { home }));
      expect(readdirSync(home)).toContain('note');
      expect(said(await run(shell('cat /home/agent/note', { home })))).toBe('kept\n');
      expect(said(await run(shell('ls -A /home/agent')))).toBe('');
    });

    it('a tripwire, a lack of memory and a bomb of processes each end as what they are', async (context) => {
      expect(await run(shell('exec mount -t tmpfs none /tmp'))).toMatchObject({ kind: 'killed', by: 'seccomp' });
      const bomb = await run(
        shell(
          'i=0; while [ $i -lt 200 ]; do sleep 2 & i=$((i+1)); echo $i; done 2>/dev/null',
          limited({ wallMs: 3000 }),
        ),
      );
      expect(said(bomb).trim().split('\n').length).toBeLessThanOrEqual(LIMITS.processes + 1);
      const small = await run(shell('true'));
      if (small.kind !== 'exited' || !String(small.attested.cgroup).includes('memory'))
        context.skip('no writable memory control group here');
      const code = 'const kept = []; for (;;) kept.push(Buffer.alloc(16 << 20, 1));';
      expect(await run(plan(['/opt/node/bin/node', '-e', code]))).toMatchObject({ kind: 'killed', by: 'memory' });
    });
  });
}

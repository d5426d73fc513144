/** The launcher's machine code, run by processors of our own that answer each system call: on both machines, whatever this one is. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { executable } from '../../../sandbox/landlock/elf.ts';
import { abiQuestion, landlockLauncher, REFUSALS } from '../../../sandbox/landlock/launcher.ts';
import { landlockRuleset } from '../../../sandbox/landlock/rights.ts';
import type { RulesetOptions } from '../../../sandbox/landlock/rights.ts';
import { closingBytes, MACHINES } from '../../../sandbox/seccomp/filter.ts';
import { loadExecutable } from './memory.ts';
import { runArm64 } from './run-arm64.ts';
import { runX64 } from './run-x64.ts';

const ARCHITECTURES = ['x64', 'arm64'] as const;
type Architecture = (typeof ARCHITECTURES)[number];
const OPTIONS: RulesetOptions = {
  abi: 7,
  workspace: 'rw',
  egress: false,
  honey: true,
  directories: ['lib64'],
  withoutTcp: true,
};
const ENOSYS = -38n;

interface Trace {
  readonly calls: readonly string[];
  readonly end: string;
}

/** What the program asks of the kernel, in words. `refused` is the number of the call that is answered with ENOSYS, from 1. */
function trace(file: Buffer, architecture: Architecture, refused = 0): Trace {
  const memory = loadExecutable(file, ['/opt/launch', '/bin/sh', '-x'], ['PWD=/', 'A=b']);
  const { numbers } = MACHINES[architecture];
  const nameOf = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
  const calls: string[] = [];
  let descriptor = 3n;
  let end: string | undefined;
  const words = (address: bigint): readonly string[] => {
    const found: string[] = [];
    for (let at = address; ; at += 8n) {
      const pointer = memory.read(at, 8).readBigUInt64LE();
      if (pointer === 0n) return found;
      found.push(memory.text(pointer));
    }
  };
  const say = (name: string, values: readonly bigint[]): string => {
    const [a = 0n, b = 0n, c = 0n] = values;
    switch (name) {
      case 'openat':
        return `openat ${BigInt.asIntN(32, a)} ${memory.text(b)} ${c.toString(8)}`;
      case 'landlock_create_ruleset':
        return `landlock_create_ruleset ${a === 0n ? 'version' : memory.read(a, Number(b)).toString('hex')}`;
      case 'landlock_add_rule': {
        const rule = memory.read(c, 12);
        return `landlock_add_rule ${a} ${b} ${rule.readBigUInt64LE().toString(16)} ${rule.readInt32LE(8)}`;
      }
      case 'prctl': {
        if (a !== 22n) return `prctl ${a} ${b}`;
        const program = memory.read(c, 16);
        return `filter ${memory.read(program.readBigUInt64LE(8), program.readUInt16LE() * 8).toString('hex')}`;
      }
      case 'execve':
        return `execve ${memory.text(a)} ${words(b).join(',')} ${words(c).join(',')}`;
      default:
        return `${name} ${a}`;
    }
  };
  try {
    (architecture === 'x64' ? runX64 : runArm64)(memory, (number, values) => {
      const name = nameOf.get(number) ?? String(number);
      if (name === 'exit_group') {
        end = `exit ${values[0]}`;
        throw new Error(end);
      }
      calls.push(say(name, values));
      if (calls.length === refused) return ENOSYS;
      if (name !== 'execve') return name === 'openat' || name === 'landlock_create_ruleset' ? descriptor++ : 0n;
      end = 'became the program';
      throw new Error(end);
    });
  } catch (error) {
    if (end === undefined) throw error;
  }
  return { calls, end: end ?? '' };
}

describe.each(ARCHITECTURES)('the launcher on %s', (architecture) => {
  const ruleset = landlockRuleset(OPTIONS);
  const file = landlockLauncher(ruleset, architecture);

  it('makes these calls in this order, and becomes the program', () => {
    const { calls, end } = trace(file, architecture);
    const rules = ruleset.places.flatMap(({ path, allowed }, index) => [
      `openat -100 ${path} 12000000`,
      `landlock_add_rule 3 1 ${allowed.toString(16)} ${4 + index}`,
      `close ${4 + index}`,
    ]);
    expect(calls).toEqual([
      'prctl 38 1',
      `landlock_create_ruleset ${ruleset.attributes.toString('hex')}`,
      ...rules,
      'landlock_restrict_self 3',
      'close 3',
      `filter ${closingBytes(architecture).toString('hex')}`,
      'execve /bin/sh /bin/sh,-x PWD=/,A=b',
    ]);
    expect(end).toBe('became the program');
  });

  it('ends at whichever call is refused, with a status that has a reason, and starts nothing', () => {
    const { calls } = trace(file, architecture);
    for (let refused = 1; refused <= calls.length; refused++) {
      const seen = trace(file, architecture, refused);
      // A descriptor that cannot be closed is closed by the start of the program.
      if (calls[refused - 1]?.startsWith('close ')) {
        expect(seen.end).toBe('became the program');
        continue;
      }
      expect(seen.calls).toHaveLength(refused);
      expect(REFUSALS[Number(seen.end.replace('exit ', ''))]).toBeTypeOf('string');
    }
  });

  it('asks for the version and ends with it', () => {
    expect(trace(abiQuestion(architecture), architecture)).toEqual({
      calls: ['landlock_create_ruleset version'],
      end: 'exit 3',
    });
  });

  it('throws for a call the machine has not', () => {
    expect(() =>
      executable({ steps: [{ kind: 'call', name: 'no_such_call', values: [] }], data: [] }, architecture),
    ).toThrow('no_such_call');
  });

  it('is code to a disassembler from end to end', (context) => {
    if (!existsSync('/usr/bin/llvm-mc')) context.skip('llvm-mc is not installed: apt-get install llvm');
    const expected =
      architecture === 'x64'
        ? ['jns', 'leaq', 'movl', 'movq', 'subq', 'syscall', 'testq']
        : ['add', 'adr', 'ldr', 'mov', 'movk', 'str', 'sub', 'svc', 'tbz'];
    expect([...disassemble(file, architecture)].toSorted()).toEqual(expected);
  });
});

/** The code up to the first blob and the zeros before it, as an independent tool reads it. Throws on what is no instruction. */
function disassemble(file: Buffer, architecture: Architecture): ReadonlySet<string> {
  const start = Number(file.readBigUInt64LE(24)) - 0x400000;
  let end = file.indexOf(landlockRuleset(OPTIONS).attributes);
  while (file[end - 1] === 0) end--;
  if (architecture === 'arm64') end += -(end - start) & 3;
  const input = [...file.subarray(start, end)].map((byte) => `0x${byte.toString(16)}`).join(' ');
  const triple = architecture === 'x64' ? 'x86_64' : 'aarch64';
  const { stdout, stderr } = spawnSync('/usr/bin/llvm-mc', ['--disassemble', `--triple=${triple}`], { input });
  if (stderr.length > 0) throw new Error(stderr.toString().slice(0, 500));
  const rows = stdout.toString().split('\n').slice(1);
  return new Set(rows.flatMap((row) => /^\s+([a-z0-9.]+)/.exec(row)?.[1] ?? []));
}

describe('landlockRuleset()', () => {
  const allowed = (options: Partial<RulesetOptions>): Readonly<Record<string, number>> =>
    Object.fromEntries(landlockRuleset({ ...OPTIONS, ...options }).places.map((place) => [place.path, place.allowed]));
  const EXECUTE = 1;
  const WRITE = 2;
  const READ_FILE = 4;
  const MAKE_SOCKET = 1 << 9;
  const DEVICES = (1 << 6) | (1 << 11);

  it.each([
    [2, 8, '0000003fff'],
    [3, 8, '0000007fff'],
    [4, 16, '0000007fff'],
    [5, 16, '000000ffff'],
    [6, 24, '000000ffff'],
    [9, 24, '000000ffff'],
  ])('asks a kernel of version %i for what it knows and no more', (abi, length, handled) => {
    const { attributes, places } = landlockRuleset({ ...OPTIONS, abi, withoutTcp: false });
    expect(attributes).toHaveLength(length);
    const known = Number.parseInt(handled, 16);
    expect(attributes.readBigUInt64LE()).toBe(BigInt(known));
    // The kernel refuses a rule with a right that the ruleset does not handle, and one that allows nothing.
    expect(places.filter((place) => (place.allowed & ~known) !== 0 || place.allowed === 0)).toEqual([]);
  });

  it('refuses a kernel that is too old', () => {
    expect(() => landlockRuleset({ ...OPTIONS, abi: 1 })).toThrow('too old');
    expect(() => landlockRuleset({ ...OPTIONS, abi: 3, withoutTcp: true })).toThrow('too old');
  });

  it('lets nothing be written but in the places of the plan, and no file be read elsewhere', () => {
    const writable = (options: Partial<RulesetOptions>): readonly string[] =>
      Object.entries(allowed(options)).flatMap(([path, bits]) => ((bits & WRITE) === 0 ? [] : [path]));
    const always = ['/dev', '/dev/shm', '/tmp', '/home/agent'];
    expect(writable({ workspace: 'rw' })).toEqual([...always, '/workspace']);
    expect(writable({ workspace: 'ro' })).toEqual(always);
    expect(writable({ workspace: 'none' })).toEqual(always);
    expect(allowed({})['/']).toBe(8);
    expect(allowed({ workspace: 'none' })).not.toHaveProperty('/workspace');
    expect(allowed({ honey: false })).not.toHaveProperty('/opt/backup');
    expect((allowed({ workspace: 'ro' })['/workspace'] ?? 0) & READ_FILE).toBe(READ_FILE);
  });

  it('starts programs only where programs are, and makes devices nowhere', () => {
    const programs = Object.entries(allowed({})).flatMap(([path, bits]) => ((bits & EXECUTE) === 0 ? [] : [path]));
    expect(programs).toEqual(['/usr', '/lib64', '/opt/node', '/tmp', '/home/agent', '/workspace']);
    expect(Object.values(allowed({})).filter((bits) => (bits & DEVICES) !== 0)).toEqual([]);
  });

  it('lets socket files be made where there is a proxy to talk to, never in the workspace', () => {
    const makers = (egress: boolean): readonly string[] =>
      Object.entries(allowed({ egress })).flatMap(([path, bits]) => ((bits & MAKE_SOCKET) === 0 ? [] : [path]));
    expect(makers(false)).toEqual([]);
    expect(makers(true)).toEqual(['/tmp', '/home/agent']);
  });

  it('closes TCP when told to, and signals and abstract sockets where the kernel can', () => {
    const words = (options: Partial<RulesetOptions>): readonly bigint[] => {
      const { attributes } = landlockRuleset({ ...OPTIONS, ...options });
      return [8, 16].map((offset) => attributes.readBigUInt64LE(offset));
    };
    expect(words({ withoutTcp: true })).toEqual([3n, 3n]);
    expect(words({ withoutTcp: false })).toEqual([0n, 3n]);
  });
});

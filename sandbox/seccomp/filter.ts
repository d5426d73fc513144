/**
 * Builds the seccomp program for this machine from the rule table. Fails closed: foreign instruction sets and the x32 table
 * are killed before any number is looked at, and a number without a rule answers ENOSYS.
 */
import { ARM64_SYSCALLS } from './syscalls-arm64.ts';
import { X64_SYSCALLS } from './syscalls-x64.ts';
import { ACTION, and, argumentLow, branch, dispatch, encode, give, load, OFFSET, OPCODE } from './bpf.ts';
import type { Instruction, Range } from './bpf.ts';
import { ENOSYS, EPERM, LANDLOCK_CALLS, PR_SET_SECCOMP, syscallRules } from './rules.ts';
import type { Check, FilterOptions, Rule } from './rules.ts';

interface Machine {
  /** AUDIT_ARCH_* as seccomp_data.arch shows it. */
  readonly audit: number;
  readonly numbers: Readonly<Record<string, number>>;
}

export const MACHINES: Readonly<Record<'x64' | 'arm64', Machine>> = {
  x64: { audit: 0xc000003e, numbers: X64_SYSCALLS },
  arm64: { audit: 0xc00000b7, numbers: ARM64_SYSCALLS },
};

/** x32 calls share x86-64's audit value and set this bit; a filter that forgets them is bypassed on kernels that have them. */
const X32_BIT = 0x40000000;

const ALLOW: readonly Instruction[] = [give(ACTION.allow)];
const fail = (errno: number): readonly Instruction[] => [give(ACTION.error(errno))];

function anyOf(
  values: readonly number[],
  hit: readonly Instruction[],
  miss: readonly Instruction[],
): readonly Instruction[] {
  const [value, ...rest] = values;
  return value === undefined ? miss : branch(OPCODE.jumpEqual, value, hit, anyOf(rest, hit, miss));
}

function check(one: Check, next: readonly Instruction[]): readonly Instruction[] {
  const argument = load(argumentLow(one.argument));
  switch (one.kind) {
    case 'bits-clear':
      return [argument, ...branch(OPCODE.jumpAnySet, one.bits, fail(one.errno), next)];
    case 'one-of':
      return [argument, and(one.mask), ...anyOf(one.values, next, fail(one.errno))];
    case 'none-of':
      return [argument, ...anyOf(one.values, fail(one.errno), next)];
    case 'when-set':
      return [argument, ...branch(OPCODE.jumpAnySet, one.bits, check(one.check, next), next)];
    case 'when-equal':
      return [argument, ...branch(OPCODE.jumpEqual, one.value, check(one.check, next), next)];
  }
}

function body(rule: Rule): readonly Instruction[] {
  switch (rule.kind) {
    case 'allow':
      return ALLOW;
    case 'error':
      return fail(rule.errno);
    case 'kill':
      return [give(ACTION.killProcess)];
    case 'checked':
      return rule.checks.reduceRight<readonly Instruction[]>((next, one) => check(one, next), ALLOW);
  }
}

/** Neighbouring numbers with the same simple answer become one range, which keeps the search shallow. */
function ranges(numbers: Readonly<Record<string, number>>, rules: ReadonlyMap<string, Rule>): readonly Range[] {
  const unknown: Rule = { kind: 'error', errno: ENOSYS };
  const byNumber = new Map<number, Rule>();
  for (const [name, number] of Object.entries(numbers)) byNumber.set(number, rules.get(name) ?? unknown);
  const last = Math.max(...byNumber.keys());
  const result: Range[] = [];
  let previous = '';
  for (let number = 0; number <= last + 1; number++) {
    const rule = byNumber.get(number) ?? unknown;
    const key = JSON.stringify(rule);
    if (key === previous) continue;
    previous = key;
    result.push({ from: number, body: body(rule) });
  }
  return result;
}

export function seccompProgram(architecture: 'x64' | 'arm64', options: FilterOptions): readonly Instruction[] {
  const machine = MACHINES[architecture];
  const kill = [give(ACTION.killProcess)];
  const search = dispatch(ranges(machine.numbers, syscallRules(options)));
  const native = [
    load(OFFSET.number),
    ...(architecture === 'x64' ? branch(OPCODE.jumpGreaterOrEqual, X32_BIT, kill, search) : search),
  ];
  return [load(OFFSET.architecture), ...guard(machine.audit, kill, native)];
}

/** `native` may be longer than a jump: the short branch is the one that kills. */
function guard(audit: number, kill: readonly Instruction[], native: readonly Instruction[]): readonly Instruction[] {
  return [{ code: OPCODE.jumpEqual, constant: audit, jumpTrue: kill.length, jumpFalse: 0 }, ...kill, ...native];
}

const encoded = new Map<string, Buffer>();

/** The bytes bwrap's --seccomp reads, assembled once for each set of options. Throws where no table is known: without a filter nothing may run. */
export function seccompBytes(architecture: string, options: FilterOptions): Buffer {
  if (architecture !== 'x64' && architecture !== 'arm64')
    throw new Error('seccomp: no system call table for this machine');
  const key = `${architecture} ${options.unixSockets} ${options.launcher === true}`;
  let bytes = encoded.get(key);
  if (bytes === undefined) encoded.set(key, (bytes = encode(seccompProgram(architecture, options))));
  return bytes;
}

/**
 * What a launcher adds on top once it is in its Landlock domain: no further domain and no further filter. Whatever else is
 * asked, the first filter answers; the kernel takes the stricter of the two.
 */
export function closingProgram(architecture: 'x64' | 'arm64'): readonly Instruction[] {
  const { audit, numbers } = MACHINES[architecture];
  const numberOf = (name: string): number => numbers[name] as number;
  const control = check({ kind: 'none-of', argument: 0, values: [PR_SET_SECCOMP], errno: EPERM }, ALLOW);
  const search = anyOf(
    LANDLOCK_CALLS.map(numberOf),
    fail(ENOSYS),
    branch(OPCODE.jumpEqual, numberOf('prctl'), control, ALLOW),
  );
  return [load(OFFSET.architecture), ...guard(audit, [give(ACTION.killProcess)], [load(OFFSET.number), ...search])];
}

export function closingBytes(architecture: 'x64' | 'arm64'): Buffer {
  return encode(closingProgram(architecture));
}

/**
 * The rule table of sandbox/seccomp as a profile for the engine (libseccomp's terms). Fails closed: what no rule allows is
 * refused by the default action, and other instruction sets are not named, which kills them.
 *
 * Only masked comparisons over the low 32 bits are used. Plain ones compare 64 bits where the kernel reads 32, so an ioctl
 * number with a bit set above would pass a rule that forbids it (as TIOCSTI did in flatpak, CVE-2019-10063).
 */
import { MACHINES } from '../../seccomp/filter.ts';
import { ENOSYS, EPERM, syscallRules } from '../../seccomp/rules.ts';
import type { Check, FilterOptions, Rule } from '../../seccomp/rules.ts';

interface Condition {
  readonly index: number;
  /** Mask and, under it, the value. */
  readonly value: number;
  readonly valueTwo: number;
  readonly op: 'SCMP_CMP_MASKED_EQ';
}

interface ProfileRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO' | 'SCMP_ACT_KILL_PROCESS' | 'SCMP_ACT_KILL' | 'SCMP_ACT_TRACE';
  readonly errnoRet?: number;
  readonly args?: readonly Condition[];
}

export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly ProfileRule[];
}

const ARCHITECTURES = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' } as const;

/** Argument to mask and value: all must match. Values and masks are unsigned 32 bits. */
type Conjunction = ReadonlyMap<number, { readonly mask: number; readonly value: number }>;

const u32 = (number: number): number => number >>> 0;

/** Both at once, or undefined when nothing can match both. */
function both(first: Conjunction, second: Conjunction): Conjunction | undefined {
  const result = new Map(first);
  for (const [index, { mask, value }] of second) {
    const known = result.get(index);
    if (known === undefined) {
      result.set(index, { mask, value });
      continue;
    }
    if (u32((known.value ^ value) & known.mask & mask) !== 0) return undefined;
    result.set(index, { mask: u32(known.mask | mask), value: u32(known.value | value) });
  }
  return result;
}

/** All 32-bit numbers but these, as prefixes: split by the highest bit until a half holds none of them. */
function allBut(values: readonly number[]): readonly { readonly mask: number; readonly value: number }[] {
  const walk = (inside: readonly number[], bit: number, mask: number, value: number): ReturnType<typeof allBut> => {
    if (inside.length === 0) return [{ mask, value }];
    if (bit < 0) return [];
    const weight = u32(1 << bit);
    const isSet = (one: number): boolean => u32(one & weight) !== 0;
    return [
      ...walk(
        inside.filter((one) => !isSet(one)),
        bit - 1,
        u32(mask | weight),
        value,
      ),
      ...walk(inside.filter(isSet), bit - 1, u32(mask | weight), u32(value | weight)),
    ];
  };
  return walk(values, 31, 0, 0);
}

/** The ways to pass a check; any one suffices. */
function waysThrough(check: Check): readonly Conjunction[] {
  const one = (mask: number, value: number): Conjunction =>
    new Map([[check.argument, { mask: u32(mask), value: u32(value) }]]);
  switch (check.kind) {
    case 'bits-clear':
      return [one(check.bits, 0)];
    case 'one-of':
      return check.values.map((value) => one(check.mask, value));
    case 'none-of':
      return allBut(check.values).map(({ mask, value }) => one(mask, value));
    case 'when-set':
      return [one(check.bits, 0), ...waysThrough(check.check)];
    case 'when-equal':
      return [...allBut([check.value]).map(({ mask, value }) => one(mask, value)), ...waysThrough(check.check)];
  }
}

function conditionsOf(checks: readonly Check[]): readonly (readonly Condition[])[] {
  const ways = checks.reduce<readonly Conjunction[]>(
    (known, check) =>
      known.flatMap((way) =>
        waysThrough(check)
          .map((other) => both(way, other))
          .filter((joined) => joined !== undefined),
      ),
    [new Map()],
  );
  return ways.map((way) =>
    Array.from(way, ([index, { mask, value }]) => ({
      index,
      value: mask,
      valueTwo: value,
      op: 'SCMP_CMP_MASKED_EQ' as const,
    })),
  );
}

function rulesFor(name: string, rule: Rule): readonly ProfileRule[] {
  switch (rule.kind) {
    case 'allow':
      return [{ names: [name], action: 'SCMP_ACT_ALLOW' }];
    case 'error':
      return rule.errno === EPERM ? [] : [{ names: [name], action: 'SCMP_ACT_ERRNO', errnoRet: rule.errno }];
    case 'kill':
      return [{ names: [name], action: 'SCMP_ACT_KILL_PROCESS' }];
    case 'checked':
      return conditionsOf(rule.checks).map((args) => ({ names: [name], action: 'SCMP_ACT_ALLOW', args }));
  }
}

/**
 * Arguments that fail a check answer EPERM, and so does what the engine's libseccomp does not know; a known call without a
 * rule answers ENOSYS, on which libraries fall back to older calls.
 */
export function seccompProfile(architecture: 'x64' | 'arm64', options: FilterOptions): SeccompProfile {
  const rules = syscallRules(options);
  const names = Object.keys(MACHINES[architecture].numbers);
  const without = names.filter((name) => !rules.has(name));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [ARCHITECTURES[architecture]],
    syscalls: [
      ...names.flatMap((name) => {
        const rule = rules.get(name);
        return rule === undefined ? [] : rulesFor(name, rule);
      }),
      { names: without, action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ],
  };
}

/**
 * The same profile in the words runsc knows. It has no errno but EPERM, and libraries fall back to older calls on ENOSYS only;
 * a call that is to be traced answers ENOSYS where there is no tracer, and there can be none, because ptrace is refused. It
 * kills threads, not processes.
 */
export function forRunsc(profile: SeccompProfile): SeccompProfile {
  return {
    ...profile,
    syscalls: profile.syscalls.map((rule) => {
      if (rule.action === 'SCMP_ACT_KILL_PROCESS') return { ...rule, action: 'SCMP_ACT_KILL' };
      return rule.errnoRet === ENOSYS ? { names: rule.names, action: 'SCMP_ACT_TRACE' } : rule;
    }),
  };
}

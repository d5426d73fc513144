/**
 * The program bwrap starts in place of the shell where the kernel has Landlock, which Node cannot call and bwrap does not. It
 * enters the domain, closes the way to another one with a second filter, and becomes the program named to it. Fails closed:
 * whatever the kernel refuses ends it with a status of its own, and nothing was started.
 */
import { closingBytes } from '../seccomp/filter.ts';
import { executable } from './elf.ts';
import type { Architecture } from './elf.ts';
import type { Blob, Step } from './program.ts';
import type { Ruleset } from './rights.ts';

const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const AT_FDCWD = -100;
const O_PATH_CLOEXEC = 0o12000000;
const RULE_PATH_BENEATH = 1;
const CREATE_RULESET_VERSION = 1;

/** Exit statuses of a launcher that was refused something, and what it was. */
export const REFUSALS: Readonly<Record<number, string>> = {
  101: 'no_new_privs could not be set',
  102: 'the kernel took no Landlock ruleset',
  103: 'a directory of the Landlock rules is not there',
  104: 'the kernel refused a Landlock rule',
  105: 'the kernel refused the Landlock domain',
  106: 'the filter that closes Landlock was refused',
  107: 'the shell could not be started under Landlock',
};

export function landlockLauncher(ruleset: Ruleset, architecture: Architecture): Buffer {
  const data: Blob[] = [];
  const blob = (bytes: Buffer, pointer?: Blob['pointer']): { readonly data: number } => {
    data.push({ bytes, ...(pointer === undefined ? {} : { pointer }) });
    return { data: data.length - 1 };
  };
  const { attributes } = ruleset;
  const filter = closingBytes(architecture);
  // struct sock_fprog: a count of instructions, then their address.
  const count = Buffer.alloc(16);
  count.writeUInt16LE(filter.length / 8);

  const steps: readonly Step[] = [
    { kind: 'call', name: 'prctl', values: [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0], orExit: 101 },
    {
      kind: 'call',
      name: 'landlock_create_ruleset',
      values: [blob(attributes), attributes.length, 0],
      keep: 'first',
      orExit: 102,
    },
    ...ruleset.places.flatMap(({ path, allowed }): readonly Step[] => [
      {
        kind: 'call',
        name: 'openat',
        values: [AT_FDCWD, blob(Buffer.from(`${path}\0`)), O_PATH_CLOEXEC, 0],
        keep: 'second',
        orExit: 103,
      },
      { kind: 'record', rights: allowed, descriptor: 'second' },
      {
        kind: 'call',
        name: 'landlock_add_rule',
        values: [{ kept: 'first' }, RULE_PATH_BENEATH, 'record', 0],
        orExit: 104,
      },
      { kind: 'call', name: 'close', values: [{ kept: 'second' }] },
    ]),
    { kind: 'call', name: 'landlock_restrict_self', values: [{ kept: 'first' }, 0], orExit: 105 },
    { kind: 'call', name: 'close', values: [{ kept: 'first' }] },
    {
      kind: 'call',
      name: 'prctl',
      values: [PR_SET_SECCOMP, SECCOMP_MODE_FILTER, blob(count, { at: 8, to: blob(filter).data }), 0, 0],
      orExit: 106,
    },
    { kind: 'call', name: 'execve', values: ['program', 'arguments', 'environment'], orExit: 107 },
  ];
  return executable({ steps, data }, architecture);
}

/** A program whose exit status is the version of Landlock, or 128 and more where the kernel has none or it is switched off. */
export function abiQuestion(architecture: Architecture): Buffer {
  return executable(
    {
      steps: [
        { kind: 'call', name: 'landlock_create_ruleset', values: [0, 0, CREATE_RULESET_VERSION], keep: 'first' },
        { kind: 'call', name: 'exit_group', values: [{ kept: 'first' }] },
      ],
      data: [],
    },
    architecture,
  );
}

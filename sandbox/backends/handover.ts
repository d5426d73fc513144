/**
 * The text that turns a waiting shell into the planned program: settings, then one `exec`. Everything from the plan stands
 * in single quotes, where a shell expands nothing. Pure; a plan it cannot express is refused, never approximated.
 */
import type { ExecutionPlan, Limits } from '../plan.ts';

/** First line a sandbox's shell writes when its limits are set. Nothing was handed over before it is read. */
export const READY = 'sluice-ready\n';
/** Descriptor of the program's standard input while the shell still reads its own commands from 0. */
export const PROGRAM_INPUT = 3;

export const OPEN_FILES = 1024;
/**
 * V8 reserves its code range writable, twice half a gibibyte while it aligns it, and the kernel counts that as data though it
 * is never touched. So the limit per process stands above the sandbox's memory; the exact one, over all processes, is the
 * control group's.
 */
const RESERVED_BY_V8 = 1536 * 1024 * 1024;
export const dataLimit = (memoryBytes: number): number => memoryBytes + RESERVED_BY_V8;

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Runs before anything is known about the command. The process limit is set here and not by the launcher because the kernel
 * counts per user namespace: set outside, every sandbox of the uid would share one count. dash says -p, bash says -u.
 */
export function prologue(limits: Pick<Limits, 'processes' | 'fileBytes' | 'memoryBytes'>): string {
  const kilobytes = Math.max(1, Math.floor(dataLimit(limits.memoryBytes) / 1024));
  // POSIX counts -f in blocks of 512 bytes.
  const blocks = Math.max(1, Math.floor(limits.fileBytes / 512));
  return [
    'ulimit -c 0 || exit 1',
    `if (ulimit -p ${limits.processes}) 2>/dev/null; then ulimit -p ${limits.processes}; else ulimit -u ${limits.processes} || exit 1; fi`,
    `ulimit -n ${OPEN_FILES} || exit 1`,
    `ulimit -d ${kilobytes} || exit 1`,
    `ulimit -f ${blocks} || exit 1`,
    `printf '${READY.trimEnd()}\\n'`,
    '',
  ].join('\n');
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
/** Names a shell owns: assigning them would fail or change how it runs. They go through env(1), which knows no such names. */
const SHELL_OWNED = new Set([
  'OPTIND',
  'OPTARG',
  'PPID',
  'UID',
  'EUID',
  'GROUPS',
  'BASHOPTS',
  'SHELLOPTS',
  'BASHPID',
  'BASH_ENV',
  'ENV',
  'IFS',
  'LINENO',
  'RANDOM',
  'SECONDS',
  'FUNCNAME',
  'DIRSTACK',
  'PWD',
  'OLDPWD',
  'SHLVL',
  '_',
]);

export function handover(
  plan: Pick<ExecutionPlan, 'argv' | 'cwd' | 'env'>,
): { readonly kind: 'script'; readonly text: string } | { readonly kind: 'unsupported'; readonly detail: string } {
  const [program] = plan.argv;
  const variables = Object.entries(plan.env);
  if (!program.startsWith('/')) return { kind: 'unsupported', detail: 'the program is not an absolute path' };
  if (!plan.cwd.startsWith('/'))
    return { kind: 'unsupported', detail: 'the working directory is not an absolute path' };
  if ([...plan.argv, plan.cwd, ...variables.flat()].some((text) => text.includes('\0'))) {
    return { kind: 'unsupported', detail: 'an argument holds a NUL byte' };
  }
  if (!variables.every(([name]) => NAME.test(name)))
    return { kind: 'unsupported', detail: 'an environment name is not a name' };
  const exported = variables.filter(([name]) => !SHELL_OWNED.has(name));
  const viaEnv = variables.filter(([name]) => SHELL_OWNED.has(name)).map(([name, value]) => quote(`${name}=${value}`));
  const words = [...(viaEnv.length > 0 ? ['/usr/bin/env', ...viaEnv] : []), ...plan.argv.map(quote)];
  return {
    kind: 'script',
    text: [
      `cd -- ${quote(plan.cwd)} || exit 126`,
      'unset OLDPWD SHLVL _',
      ...exported.map(([name, value]) => `export ${name}=${quote(value)}`),
      `exec ${words.join(' ')} <&${PROGRAM_INPUT} ${PROGRAM_INPUT}<&-`,
      '',
    ].join('\n'),
  };
}

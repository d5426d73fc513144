/**
 * The tool for programs that talk: a command on a terminal that outlives the call which started it, in one sandbox of its own.
 * What it may use, how long it lives and who may reach it are the policy's and the broker's business.
 */
import { z } from 'zod';
import { parseInsideDirectory } from './inside-path.ts';
import { HOME_INSIDE, PYTHON_INSIDE, SHELL_INSIDE, TMP_INSIDE, WORKSPACE_INSIDE } from './programs.ts';
import { NO_INPUT, defineTool } from './tool.ts';
import type { ToCommand } from './tool.ts';

const MAX_COMMAND_CHARACTERS = 32 * 1024;
const MAX_INPUT_CHARACTERS = 64 * 1024;
const MAX_WAIT_MS = 10_000;
const DEFAULT_WAIT_MS = 1_000;

/** Puts the command on a terminal of the sandbox's own, with what the machine has for it, and ends with its exit code. */
const ON_TERMINAL = `cd -- "$2" || exit 2
SHELL=${SHELL_INSIDE}; export SHELL
[ -x /usr/bin/script ] && exec /usr/bin/script -qefc "$1" /dev/null
[ -x ${PYTHON_INSIDE} ] && exec ${PYTHON_INSIDE} -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(["${SHELL_INSIDE}", "-c", sys.argv[1]])))' "$1"
printf '%s\\n' 'There is no script(1) and no Python here to make a terminal with.' >&2
exit 127`;

const malformed = (why: string): ToCommand => ({ kind: 'malformed-arguments', why });

export const sessionTool = defineTool({
  name: 'session',
  description:
    'Runs a program on a terminal and keeps it running: action "start" with a command gives an id; "write" sends input (end a line with \\n, Ctrl-C is \\u0003), "poll" reads what came since, "kill" ends it. Use it for programs that ask questions, shells, debuggers and servers.',
  input: z.strictObject({
    action: z.enum(['start', 'write', 'poll', 'kill']),
    command: z.string().min(1).max(MAX_COMMAND_CHARACTERS).optional().describe('For start: the shell command.'),
    cwd: z.string().optional().describe('For start: directory to run in.'),
    id: z.string().optional().describe('For the others: the id that start gave.'),
    input: z.string().max(MAX_INPUT_CHARACTERS).optional().describe('For write: what is typed.'),
    waitMs: z.int().min(0).max(MAX_WAIT_MS).optional().describe('Longest wait for output. Default: 1000.'),
  }),
  toCommand({ action, command, cwd, id, input, waitMs = DEFAULT_WAIT_MS }) {
    if (action === 'start') {
      if (command === undefined || id !== undefined || input !== undefined)
        return malformed('start takes command and cwd');
      if (command.includes('\0')) return malformed('the command holds a NUL byte');
      const directory = parseInsideDirectory(cwd ?? '.', [WORKSPACE_INSIDE, HOME_INSIDE, TMP_INSIDE]);
      if (directory.kind === 'refused') return { kind: 'path-refused', why: directory.why };
      return {
        kind: 'command',
        argv: [SHELL_INSIDE, '-c', ON_TERMINAL, 'session', command, directory.path],
        stdin: NO_INPUT,
        terminal: { action, id: '', waitMs },
      };
    }
    if (command !== undefined || cwd !== undefined) return malformed(`${action} takes no command and no cwd`);
    if (id === undefined || !/^[a-p]{8}$/.test(id)) return malformed('the id is not one that start gave');
    if ((action === 'write') !== (input !== undefined)) return malformed('write takes input, and only write does');
    return {
      kind: 'command',
      argv: ['/bin/true'],
      stdin: input === undefined ? NO_INPUT : Buffer.from(input, 'utf8'),
      terminal: { action, id, waitMs },
    };
  },
});

/** The tools that run code: exec, python, node. The code is the model's; the sandbox is what makes that harmless. */
import { z } from 'zod';
import { parseInsideDirectory } from './inside-path.ts';
import { HOME_INSIDE, NODE_INSIDE, PYTHON_INSIDE, SHELL_INSIDE, TMP_INSIDE, WORKSPACE_INSIDE } from './programs.ts';
import { NO_INPUT, defineTool } from './tool.ts';
import type { ToCommand } from './tool.ts';

/**
 * Linux takes no single argument of 128 KiB or more (MAX_ARG_STRLEN); past it exec fails with E2BIG. Characters may be
 * three bytes in UTF-8, so the bytes are checked again where they are counted.
 */
const MAX_COMMAND_BYTES = 100 * 1024;
const MAX_CODE_BYTES = 1024 * 1024;

const cwd = z
  .string()
  .optional()
  .describe('Directory to run in, relative to the working directory. Default: the working directory itself.');

/** Enters the directory inside the sandbox, then becomes the program. */
const ENTER =
  'cd -- "$1" || { printf "%s\\n" "This directory does not exist here. Use the list tool to see what does." >&2; exit 2; }; shift; exec "$@"';

const PYTHON = `[ -x ${PYTHON_INSIDE} ] && exec ${PYTHON_INSIDE} -
printf '%s\\n' 'Python is not installed in this sandbox. Use the node tool or the exec tool instead.' >&2
exit 127`;

function toCommand(argv: readonly [string, ...string[]], code: string, directory: string | undefined): ToCommand {
  const stdin = code === '' ? NO_INPUT : Buffer.from(code, 'utf8');
  if (directory === undefined) return { kind: 'command', argv, stdin };
  const parsed = parseInsideDirectory(directory, [WORKSPACE_INSIDE, HOME_INSIDE, TMP_INSIDE]);
  if (parsed.kind === 'refused') return { kind: 'path-refused', why: parsed.why };
  return { kind: 'command', argv: [SHELL_INSIDE, '-c', ENTER, 'enter', parsed.path, ...argv], stdin };
}

function tooLong(text: string, limit: number): ToCommand | undefined {
  if (text.includes('\0')) return { kind: 'malformed-arguments', why: 'the text holds a NUL byte' };
  if (Buffer.byteLength(text) <= limit) return undefined;
  return {
    kind: 'malformed-arguments',
    why: `the text is longer than ${limit} bytes; write it to a file with the write tool and run that`,
  };
}

export const execTool = defineTool({
  name: 'exec',
  description: 'Runs a shell command (sh -c) and returns its exit code and output.',
  input: z.strictObject({
    command: z.string().min(1).max(MAX_COMMAND_BYTES).describe('The shell command.'),
    cwd,
  }),
  // Without "--" a command that begins with a dash would be read as options of the shell.
  toCommand: (input) =>
    tooLong(input.command, MAX_COMMAND_BYTES) ?? toCommand([SHELL_INSIDE, '-c', '--', input.command], '', input.cwd),
});

export const pythonTool = defineTool({
  name: 'python',
  description: 'Runs Python 3 code and returns its exit code and output. Print what you want to see.',
  input: z.strictObject({ code: z.string().min(1).max(MAX_CODE_BYTES).describe('The Python program.'), cwd }),
  toCommand: (input) =>
    tooLong(input.code, MAX_CODE_BYTES) ?? toCommand([SHELL_INSIDE, '-c', PYTHON], input.code, input.cwd),
});

export const nodeTool = defineTool({
  name: 'node',
  description:
    'Runs JavaScript with Node.js and returns its exit code and output. Print what you want to see with console.log. No npm packages.',
  input: z.strictObject({ code: z.string().min(1).max(MAX_CODE_BYTES).describe('The JavaScript program.'), cwd }),
  toCommand: (input) => tooLong(input.code, MAX_CODE_BYTES) ?? toCommand([NODE_INSIDE, '-'], input.code, input.cwd),
});

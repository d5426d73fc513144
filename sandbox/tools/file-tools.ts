/**
 * The file tools: read, write, edit, list, search. Each is a small program that runs inside the sandbox, so the mount
 * namespace is the check and there is no look-up on the host to race (realpath-then-write lost 39 to 77 of 5,000 races).
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseInsidePath } from './inside-path.ts';
import { NODE_INSIDE, SHELL_INSIDE } from './programs.ts';
import { NO_INPUT, defineTool } from './tool.ts';
import type { ToCommand } from './tool.ts';

const MAX_CONTENT_BYTES = 1024 * 1024;
const MAX_LINES = 10_000_000;

const program = (name: string): string => readFileSync(new URL(`./inside/${name}`, import.meta.url), 'utf8');
const READ = program('read.sh');
const WRITE = program('write.sh');
const LIST = program('list.sh');
const SEARCH = program('search.sh');
const EDIT = program('edit.cjs');

const path = z.string().describe('Path of the file, relative to the working directory or absolute.');

function shell(
  text: string,
  name: string,
  place: string,
  rest: readonly string[],
  stdin: Uint8Array = NO_INPUT,
): ToCommand {
  const parsed = parseInsidePath(place);
  if (parsed.kind === 'refused') return { kind: 'path-refused', why: parsed.why };
  return { kind: 'command', argv: [SHELL_INSIDE, '-c', text, name, parsed.path, ...rest], stdin };
}

export const readTool = defineTool({
  name: 'read',
  description:
    'Reads a file. Long files: give offset and limit. Binary files: give encoding "base64", then offset and limit count bytes.',
  input: z.strictObject({
    path,
    offset: z.int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe('First line (or byte), counted from 1.'),
    limit: z.int().min(1).max(MAX_LINES).optional().describe('How many lines (or bytes). Default: to the end.'),
    encoding: z.enum(['text', 'base64']).optional(),
  }),
  toCommand: (input) =>
    shell(READ, 'read', input.path, [String(input.offset ?? 1), String(input.limit ?? 0), input.encoding ?? 'text']),
});

export const writeTool = defineTool({
  name: 'write',
  description:
    'Writes a file, making its directories. Replaces the whole file unless mode is "append", or "create", which refuses to replace.',
  input: z.strictObject({
    path,
    content: z.string().max(MAX_CONTENT_BYTES),
    mode: z.enum(['replace', 'append', 'create']).optional(),
    encoding: z.enum(['text', 'base64']).optional().describe('How content is given. Default: text.'),
  }),
  toCommand(input) {
    const content = toBytes(input.content, input.encoding ?? 'text');
    if (content === undefined) return { kind: 'malformed-arguments', why: 'content is not base64' };
    return shell(WRITE, 'write', input.path, [input.mode ?? 'replace'], content);
  },
});

function toBytes(content: string, encoding: 'text' | 'base64'): Uint8Array | undefined {
  if (encoding === 'text') return Buffer.from(content, 'utf8');
  const compact = content.replaceAll(/[\r\n]/g, '');
  const bytes = Buffer.from(compact, 'base64');
  // Node skips what is not base64; writing something else than was meant is worse than refusing.
  return bytes.toString('base64').replace(/={0,2}$/, '') === compact.replace(/={0,2}$/, '') ? bytes : undefined;
}

export const editTool = defineTool({
  name: 'edit',
  description:
    'Replaces an exact piece of text in a file. old must occur exactly once, white space included, unless all is true. Nothing changes when it does not.',
  input: z.strictObject({
    path,
    old: z.string().min(1).max(MAX_CONTENT_BYTES).describe('The text to replace, with enough around it to be unique.'),
    new: z.string().max(MAX_CONTENT_BYTES).describe('The text to put in its place; empty removes it.'),
    all: z.boolean().optional().describe('Replace every occurrence.'),
  }),
  toCommand(input) {
    const parsed = parseInsidePath(input.path);
    if (parsed.kind === 'refused') return { kind: 'path-refused', why: parsed.why };
    const stdin = Buffer.from(JSON.stringify({ old: input.old, new: input.new, all: input.all ?? false }), 'utf8');
    return { kind: 'command', argv: [NODE_INSIDE, '-e', EDIT, '--', parsed.path], stdin };
  },
});

export const listTool = defineTool({
  name: 'list',
  description: 'Lists a directory: kind (d directory, f file, l link), size and path of each entry.',
  input: z.strictObject({
    path: z.string().optional().describe('Directory. Default: the working directory.'),
    depth: z.int().min(1).max(16).optional().describe('How many levels down. Default: 1.'),
    limit: z.int().min(1).max(5000).optional().describe('Most entries to show. Default: 500.'),
  }),
  toCommand: (input) => shell(LIST, 'list', input.path ?? '.', [String(input.depth ?? 1), String(input.limit ?? 500)]),
});

const noNul = z.string().refine((text) => !text.includes('\0'), 'holds a NUL byte');

export const searchTool = defineTool({
  name: 'search',
  description:
    'Searches files below a path for a pattern and returns path:line:text, or, with glob and no pattern, the paths of files whose names match.',
  input: z.strictObject({
    pattern: noNul.min(1).max(4096).optional().describe('Extended regular expression, or plain text with literal.'),
    path: z.string().optional().describe('Directory or file. Default: the working directory.'),
    glob: noNul.min(1).max(256).optional().describe('Only files whose name matches, such as *.ts.'),
    literal: z.boolean().optional().describe('Take pattern as plain text.'),
    ignoreCase: z.boolean().optional(),
    limit: z.int().min(1).max(2000).optional().describe('Most lines to return. Default: 200.'),
  }),
  toCommand(input) {
    if (input.pattern === undefined && input.glob === undefined)
      return { kind: 'malformed-arguments', why: 'give pattern, glob or both' };
    const kind = input.pattern === undefined ? 'names' : input.literal === true ? 'literal' : 'regex';
    return shell(SEARCH, 'search', input.path ?? '.', [
      kind,
      input.pattern ?? '',
      input.glob ?? '*',
      input.ignoreCase === true ? 'fold' : 'exact',
      String(input.limit ?? 200),
    ]);
  },
});

/**
 * A path as a tool takes it. Only what no honest path holds is refused here: everything else is decided by the kernel inside
 * the sandbox, where there is no check to race. Fails closed: refused paths reach no program.
 */
import { WORKSPACE_INSIDE } from './programs.ts';

export type InsidePath =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'refused'; readonly why: string };

/** PATH_MAX and NAME_MAX of Linux, in bytes; longer ones can only fail or be truncated by someone. */
const MAX_PATH_BYTES = 4095;
const MAX_NAME_BYTES = 255;

// C0, DEL, C1 and line ends forge lines of a log; bidirectional marks and overrides make it show another path.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

export function parseInsidePath(text: string): InsidePath {
  if (text === '') return refused('the path is empty');
  if (text.includes('\0')) return refused('the path holds a NUL byte');
  if (UNPRINTABLE.test(text)) return refused('the path holds control or bidirectional characters');
  if (Buffer.byteLength(text) > MAX_PATH_BYTES) return refused(`the path is longer than ${MAX_PATH_BYTES} bytes`);
  if (text.split('/').some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES))
    return refused(`a name in the path is longer than ${MAX_NAME_BYTES} bytes`);
  // Relative to the workspace whenever it can be said so, with a leading ./ so that no path is ever read as an option.
  if (text === WORKSPACE_INSIDE || text === '.') return { kind: 'path', path: '.' };
  if (text.startsWith(`${WORKSPACE_INSIDE}/`)) return { kind: 'path', path: `.${text.slice(WORKSPACE_INSIDE.length)}` };
  return { kind: 'path', path: text.startsWith('/') || text.startsWith('./') ? text : `./${text}` };
}

/**
 * Where a command may start: the workspace, home or /tmp, by its text. A text check is enough because the directory is
 * entered inside the sandbox, by the sandboxed program itself; what this keeps out is /proc/self/root and its like
 * (CVE-2025-59532: a model-chosen directory became the writable root).
 */
export function parseInsideDirectory(text: string, allowed: readonly string[]): InsidePath {
  const parsed = parseInsidePath(text);
  if (parsed.kind === 'refused') return parsed;
  const names = parsed.path.split('/');
  if (names.includes('..')) return refused('the directory climbs with ".."');
  if (!parsed.path.startsWith('/')) return parsed;
  const inside = allowed.some((root) => parsed.path === root || parsed.path.startsWith(`${root}/`));
  return inside ? parsed : refused(`the directory is not beneath ${allowed.join(', ')}`);
}

function refused(why: string): InsidePath {
  return { kind: 'refused', why };
}

/**
 * Whether a directory an operator named may be given to agents. Fails closed: a link, a missing directory, a system
 * directory, or one that holds what governs the agents (state and keys, the config file, Sluice itself) is no workspace,
 * read-only included, because keys leak by being read.
 */
import { lstat, realpath } from 'node:fs/promises';
import { sep } from 'node:path';

const SYSTEM_TREES = ['/bin', '/boot', '/dev', '/etc', '/lib', '/lib64', '/proc', '/run', '/sbin', '/sys', '/usr'];

/** Returns what is wrong with it, empty when nothing is. `holds` are paths it must not contain, `outside` trees it must not be in. */
export async function workspaceProblem(
  root: string,
  rules: { readonly holds: readonly string[]; readonly outside: readonly string[] },
): Promise<string> {
  const stat = await lstat(root).catch(() => undefined);
  if (stat === undefined) return 'sandbox.workspaceRoot does not exist; make the directory.';
  if (stat.isSymbolicLink()) return 'sandbox.workspaceRoot is a link; name the directory itself.';
  if (!stat.isDirectory()) return 'sandbox.workspaceRoot is not a directory.';
  const real = await realpath(root);
  if (real === '/' || [...SYSTEM_TREES, ...rules.outside].some((tree) => isWithin(real, tree)))
    return 'sandbox.workspaceRoot is a system directory or lies in the state directory; name another.';
  for (const held of rules.holds) {
    const realHeld = await realpath(held).catch(() => held);
    if (isWithin(realHeld, real))
      return 'sandbox.workspaceRoot holds the state directory, the config file or Sluice itself; name one that does not.';
  }
  return '';
}

function isWithin(path: string, tree: string): boolean {
  return path === tree || path.startsWith(tree.endsWith(sep) ? tree : `${tree}${sep}`);
}

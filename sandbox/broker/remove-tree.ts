/**
 * Deletes a directory that untrusted programs filled. Depth, permissions and links are theirs to choose: each directory is
 * first moved up beside the others, so no path grows past two levels (a tree deeper than PATH_MAX stops rm -r), is made
 * readable, and links are removed, never followed. Nothing may run in the tree any more. Throws when something stays.
 */
import { chmod, mkdir, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const TRASH_MODE = 0o700;

/** `trash` is a fresh path on the same file system, in a directory no sandbox can reach. */
export async function removeTree(directory: string, trash: string): Promise<void> {
  await mkdir(trash, { mode: TRASH_MODE });
  let made = 0;
  const move = async (from: string): Promise<string> => {
    // Moving a directory rewrites its "..", for which it must be writable.
    await chmod(from, TRASH_MODE);
    const to = join(trash, String(made));
    made += 1;
    await rename(from, to);
    return to;
  };
  const waiting = [await move(directory)];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for await (const entry of await opendir(next)) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) waiting.push(await move(path));
      else await unlink(path);
    }
    await rmdir(next);
  }
  await rmdir(trash);
}

/** The user sandboxes run under: the configured one when this process is root, else this process's own. */
export function sandboxOwner(uid: number): { readonly uid: number; readonly gid: number } | undefined {
  return process.getuid?.() === 0 ? { uid, gid: uid } : undefined;
}

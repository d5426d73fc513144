/** Makes the directory for proxy sockets. Fails when it exists: in /tmp anyone could have made it first. */
import { mkdir } from 'node:fs/promises';

export async function makeEgressRoot(path: string): Promise<void> {
  // Entered by the sandbox's user on the way to its own socket, listed by nobody.
  await mkdir(path, { mode: 0o711 });
}

/** Whose request it is: the address of the connection, or what one of our own processes said it was when it handed a request on. */
import type { IncomingMessage } from 'node:http';

const told = new WeakMap<IncomingMessage, string>();

/** tellPeer is for the first process's own socket, which nobody but its processes can reach. */
export function tellPeer(request: IncomingMessage, address: string): void {
  told.set(request, address);
}

export function peerOf(request: IncomingMessage): string {
  return told.get(request) ?? request.socket.remoteAddress ?? '';
}

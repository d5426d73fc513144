/**
 * The server name in a TLS ClientHello (RFC 8446, RFC 6066). What goes through a tunnel must be TLS, for the very host the
 * tunnel was opened to: another name would be served by the same front (domain fronting), an encrypted one (ECH) cannot be
 * checked. Fails closed: anything that is not plainly such a hello is `refused`.
 */
export type ParsedHello =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'hello'; readonly serverName: string };

/** Post-quantum key shares make hellos of some 2 KiB; nobody honest needs this. */
const MAX_HELLO_BYTES = 16 * 1024;
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ENCRYPTED_CLIENT_HELLO = 0xfe0d;

export function parseClientHello(bytes: Buffer): ParsedHello {
  const handshake = joinRecords(bytes);
  if (handshake.kind !== 'bytes') return handshake;
  const message = handshake.bytes;
  if (message.length < 4) return { kind: 'incomplete' };
  if (message[0] !== CLIENT_HELLO) return refused('it does not begin with a ClientHello');
  const length = message.readUIntBE(1, 3);
  if (length > MAX_HELLO_BYTES) return refused('its ClientHello is too long');
  if (message.length < 4 + length) return { kind: 'incomplete' };
  try {
    return serverNameOf(message.subarray(4, 4 + length));
  } catch (error) {
    if (error instanceof RangeError) return refused('its ClientHello is malformed');
    throw error;
  }
}

/** A hello may be split over records, and bytes over reads. */
function joinRecords(
  bytes: Buffer,
): { readonly kind: 'bytes'; readonly bytes: Buffer } | Exclude<ParsedHello, { kind: 'hello' }> {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] !== HANDSHAKE_RECORD) return refused('it is not TLS');
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return refused('it is not TLS');
    if (bytes.length < at + 5) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > MAX_HELLO_BYTES) return refused('a TLS record has no honest length');
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
    const have = Buffer.concat(parts);
    if (have.length > MAX_HELLO_BYTES) return refused('its ClientHello is too long');
    if (have.length >= 4 && have.length >= 4 + have.readUIntBE(1, 3)) break;
  }
  return { kind: 'bytes', bytes: Buffer.concat(parts) };
}

/** Reads past the end throw RangeError. */
function serverNameOf(hello: Buffer): ParsedHello {
  let at = 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  if (at === hello.length) return refused('its ClientHello names no server');
  const end = at + 2 + hello.readUInt16BE(at);
  if (end !== hello.length) return refused('its ClientHello is malformed');
  at += 2;
  let serverName: string | undefined;
  while (at < end) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    if (at + 4 + length > end) return refused('its ClientHello is malformed');
    if (type === ENCRYPTED_CLIENT_HELLO) return refused('its ClientHello hides the server name');
    if (type === SERVER_NAME) {
      if (serverName !== undefined) return refused('its ClientHello names two servers');
      const list = hello.subarray(at + 4, at + 4 + length);
      // One entry of kind host_name, and nothing after it.
      if (list.readUInt16BE(0) !== length - 2 || list.readUInt8(2) !== 0 || list.readUInt16BE(3) !== length - 5)
        return refused('its ClientHello is malformed');
      serverName = list.toString('latin1', 5);
    }
    at += 4 + length;
  }
  return serverName === undefined ? refused('its ClientHello names no server') : { kind: 'hello', serverName };
}

function refused(why: string): { readonly kind: 'refused'; readonly why: string } {
  return { kind: 'refused', why };
}

/**
 * Takes apart the one stream the engine sends for a container's two: frames of a stream number, three zeros and a length.
 * Fails closed: a frame of another shape ends the reading, and what follows it is not taken for output.
 */
export type StreamSink = (stream: 'stdout' | 'stderr', chunk: Buffer) => void;

const HEADER_BYTES = 8;
const STREAMS: Readonly<Record<number, 'stdout' | 'stderr'>> = { 1: 'stdout', 2: 'stderr' };

/** Feeds bytes in, gets chunks out at once: a frame is not waited for, because its length is the program's to choose. */
export function createFrameReader(sink: StreamSink, malformed: () => void): (bytes: Buffer) => void {
  const header = Buffer.alloc(HEADER_BYTES);
  let held = 0;
  let left = 0;
  let stream: 'stdout' | 'stderr' | undefined;
  let broken = false;
  return (bytes) => {
    let rest = bytes;
    while (rest.length > 0 && !broken) {
      if (left > 0 && stream !== undefined) {
        const chunk = rest.subarray(0, left);
        left -= chunk.length;
        rest = rest.subarray(chunk.length);
        sink(stream, chunk);
        continue;
      }
      const taken = Math.min(HEADER_BYTES - held, rest.length);
      header.set(rest.subarray(0, taken), held);
      held += taken;
      rest = rest.subarray(taken);
      if (held < HEADER_BYTES) return;
      held = 0;
      stream = STREAMS[header[0] ?? 0];
      left = header.readUInt32BE(4);
      if (stream === undefined || header[1] !== 0 || header[2] !== 0 || header[3] !== 0) {
        broken = true;
        malformed();
      }
    }
  };
}

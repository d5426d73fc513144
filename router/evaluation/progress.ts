/** A line on a terminal that says how far a long run is. Silent when nobody watches: in pipes and logs it would be noise. */

export interface Progress {
  /** Share done, 0 to 1, and how many rows. */
  at(share: number, rows: number): void;
  end(): void;
}

export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

const EVERY_MS = 200;
const WIDTH = 30;
const CLEAR_LINE = '\r\u001b[K';

export function createProgress(stream: ProgressStream, now: () => number = () => performance.now()): Progress {
  if (stream.isTTY !== true) return { at: () => undefined, end: () => undefined };
  const startedAt = now();
  let drawnAt = startedAt;
  let drawn = false;
  return {
    at(share, rows) {
      const moment = now();
      // Nothing is drawn for what is done before anybody looks.
      if (moment - drawnAt < EVERY_MS) return;
      drawnAt = moment;
      drawn = true;
      const done = Math.min(1, Math.max(0, share));
      const filled = Math.round(done * WIDTH);
      const left = done > 0 ? ((moment - startedAt) / done) * (1 - done) : 0;
      stream.write(
        `${CLEAR_LINE}[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${(done * 100).toFixed(0)} %  ${rows} rows  ${Math.ceil(left / 1000)} s left`,
      );
    },
    end() {
      if (drawn) stream.write(CLEAR_LINE);
    },
  };
}

/** A Node response as a ByteSink: waits for drain, so a paused client stops the upstream instead of filling memory. */
import type { ServerResponse } from 'node:http';
import type { ByteSink } from '../protocols/protocol.ts';

export function createResponseSink(response: ServerResponse): ByteSink {
  return {
    write(bytes) {
      if (response.destroyed || response.writableEnded) return undefined;
      if (response.write(bytes)) return undefined;
      return new Promise((resolve) => {
        const done = (): void => {
          response.off('drain', done).off('close', done);
          resolve();
        };
        response.once('drain', done).once('close', done);
      });
    },
    end() {
      if (!response.writableEnded) response.end();
    },
  };
}

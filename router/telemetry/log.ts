/** Structured log on stderr: one line per request and per event of life. Entities, counts, codes, ids; never text of a request. */
import { pino, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

/** A write for every line is a tenth of what a small request costs; lines go out together, this long after the first at most, and all of them at exit or before a fatal one. */
const GATHER_MS = 100;
const GATHER_BYTES = 8 * 1024;

export function createLog(level: string, destination?: DestinationStream): Log {
  const stream =
    destination ?? pino.destination({ dest: 2, sync: false, minLength: GATHER_BYTES, periodicFlush: GATHER_MS });
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // An Error's message and stack may quote what was parsed: only its kind and code are kept.
      serializers: { err: (error: unknown) => describeFault(error) },
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}

/** describeFault keeps what is ours of an unknown error: its class and code, and where in our code it was thrown. */
export function describeFault(error: unknown): { readonly name: string; readonly code: string; readonly at: string } {
  if (!(error instanceof Error)) return { name: typeof error, code: '', at: '' };
  const code =
    'code' in error && typeof error.code === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(error.code) ? error.code : '';
  const frame = /\n\s+at [^\n]*?((?:router|classifiers|sandbox|config)\/[A-Za-z0-9/._-]+:\d+)/.exec(error.stack ?? '');
  return { name: error.constructor.name, code, at: frame?.[1] ?? '' };
}

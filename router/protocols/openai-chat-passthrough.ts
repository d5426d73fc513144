/**
 * Watches a chat-completions stream that passes through as raw bytes: no parse, one search per chunk. Only whole events go on, so that
 * a stream cut inside one can still be given an error event of its own. Fails closed: a terminator that no finish reason came before
 * is held back, and the caller is told what to append instead.
 */
import type { Usage } from '../chat.ts';
import { MAX_EVENT_CHARS, toSseData } from '../sse.ts';
import { toUsage } from './openai-chat-reader.ts';
import type { PassthroughGuard } from './protocol.ts';

/** What a usage object may measure. */
const MAX_USAGE_CHARS = 4 * 1024;

const NOTHING = Buffer.alloc(0);

export interface PassthroughOptions {
  /** `drop` takes the closing usage chunk out: the router asked for it, the client did not, and naive clients read choices[0] of it. */
  readonly usageChunk: 'keep' | 'drop';
}

export function createPassthroughGuard(options: PassthroughOptions = { usageChunk: 'keep' }): PassthroughGuard {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let usage: Usage | undefined;
  let state: 'open' | 'done' | 'broken' = 'open';
  let finished = false;

  const hold = (bytes: Buffer): Buffer | 'overflow' => {
    held.push(bytes);
    heldBytes += bytes.length;
    return heldBytes > MAX_EVENT_CHARS ? 'overflow' : NOTHING;
  };

  return {
    push(chunk) {
      if (state !== 'open') return NOTHING;
      let bytes = chunk;
      if (heldBytes > 0) {
        // Only the seam and the new bytes can hold the boundary; the pieces are joined once, when it is there.
        if (lastBoundary(Buffer.concat([held.at(-1)!.subarray(-2), chunk])) === -1 && !seamIsShort(held))
          return hold(chunk);
        bytes = Buffer.concat([...held, chunk]);
        held = [];
        heldBytes = 0;
      }
      const boundary = lastBoundary(bytes);
      if (boundary === -1) return hold(bytes);
      if (boundary < bytes.length) {
        hold(bytes.subarray(boundary));
        bytes = bytes.subarray(0, boundary);
      }
      // Only whole events get here, so neither word can be split; inside strings of the reply their quotes are escaped.
      if (!finished) finished = bytes.includes('"finish_reason":"') || bytes.includes('"finish_reason": "');
      const usageAt = bytes.lastIndexOf('"usage"');
      if (usageAt !== -1) {
        usage = sniffUsage(bytes.toString('latin1', usageAt, usageAt + MAX_USAGE_CHARS)) ?? usage;
        if (options.usageChunk === 'drop' && EMPTY_CHOICES.test(bytes.toString('latin1')))
          bytes = dropUsageChunk(bytes);
      }
      const end = terminatorAt(bytes);
      if (end === -1) return bytes;
      state = finished ? 'done' : 'broken';
      return finished ? bytes : bytes.subarray(0, end);
    },
    finish(errorBody) {
      const rest = Buffer.concat(held);
      // Some servers close without the last blank line.
      const bare =
        state === 'open' && finished && rest.length < 32 && /^data: ?\[DONE\]\s{0,2}$/.test(rest.toString('latin1'));
      const complete = state === 'done' || bare;
      const append = bare ? toSseData('[DONE]') : complete ? '' : toSseData(errorBody) + toSseData('[DONE]');
      return { complete, append, ...(usage === undefined ? {} : { usage }) };
    },
  };
}

/** Whether the last piece is shorter than a boundary, so that a seam of two pieces may not show it. */
function seamIsShort(held: readonly Buffer[]): boolean {
  return held.at(-1)!.length < 2;
}

const EMPTY_CHOICES = /"choices"\s{0,8}:\s{0,8}\[\s{0,8}\]/;

/** Index after the last blank line; -1 when there is none. */
function lastBoundary(bytes: Buffer): number {
  const feeds = bytes.lastIndexOf('\n\n');
  const returns = bytes.lastIndexOf('\n\r\n');
  return Math.max(feeds === -1 ? -1 : feeds + 2, returns === -1 ? -1 : returns + 3);
}

/** Where the terminator's event begins; inside JSON no line can begin with `data:`. */
function terminatorAt(bytes: Buffer): number {
  let at = bytes.indexOf('[DONE]');
  while (at !== -1) {
    const line = bytes.toString('latin1', Math.max(0, at - 7), at);
    const match = /(?:^|[\r\n])(data: ?)$/.exec(line);
    if (match !== null && (match[0].length > match[1]!.length || at === match[1]!.length)) return at - match[1]!.length;
    at = bytes.indexOf('[DONE]', at + 1);
  }
  return -1;
}

function dropUsageChunk(bytes: Buffer): Buffer {
  const kept = bytes
    .toString('latin1')
    .split(/(?<=\r?\n\r?\n)/)
    .filter((event) => !(EMPTY_CHOICES.test(event) && /"usage"\s{0,8}:\s{0,8}\{/.test(event)));
  return Buffer.from(kept.join(''), 'latin1');
}

/** Reads the object after `"usage":`, whose braces nest but hold no strings with braces. */
function sniffUsage(text: string): Usage | undefined {
  const start = text.indexOf('{');
  if (start === -1 || !/^"usage"\s{0,8}:\s{0,8}\{/.test(text)) return undefined;
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    if (text[index] === '{') depth++;
    else if (text[index] === '}' && --depth === 0) {
      try {
        return toUsage(JSON.parse(text.slice(start, index + 1)) as Readonly<Record<string, unknown>>);
      } catch {
        return undefined;
      }
    }
  }
  return undefined;
}

/** Where the conversation stands in bodies that have it under `messages`. */
import type { Whereabouts } from '../envelope.ts';

const IN_CALL = /^\/messages\/\d+\/(?:tool_calls|function_call)(?:\/|$)/;

export const IN_MESSAGES: Whereabouts = {
  messageAt(pointer) {
    const match = /^\/messages\/(\d+)/.exec(pointer);
    return match === null ? undefined : Number(match[1]);
  },
  isInCall: (pointer) => IN_CALL.test(pointer),
};

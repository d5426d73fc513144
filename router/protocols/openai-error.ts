/** The error envelope of OpenAI's API: `{"error": {message, type, param, code}}`. */
import { describeError, ERRORS, type PublicError } from '../errors.ts';
import type { ErrorReply } from './protocol.ts';

export function openaiErrorReply(error: PublicError, requestId: string): ErrorReply {
  const { status, type } = ERRORS[error.code];
  const body = JSON.stringify({
    error: {
      message: describeError(error, requestId),
      type,
      param: error.pointer === '' ? null : error.pointer,
      code: error.code,
    },
  });
  return { status, contentType: 'application/json', body };
}

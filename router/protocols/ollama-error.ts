/** The error form of Ollama's API: `{"error": "text"}`. Its clients print the member as it is, so an object there reads `[object Object]`. */
import { describeError, ERRORS, type PublicError } from '../errors.ts';
import type { ErrorReply } from './protocol.ts';

export function ollamaErrorReply(error: PublicError, requestId: string): ErrorReply {
  return {
    status: ERRORS[error.code].status,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify({ error: describeError(error, requestId) }),
  };
}

/** The half of the fake OpenAI that answers /v1/responses. */
import type { FakeFault } from './fake-openai.ts';
import type { RecordedRequest, RudeReply } from './rude-server.ts';
import { messageItem, type ResponsesAnswer, responsesBody, responsesEvents, toFrames } from './responses-events.ts';

export type FakeResponsesReply = ResponsesAnswer | Extract<FakeFault, string>;

/** Faults that happen inside a stream have to be in this wire's form; all others are HTTP's and the same everywhere. */
export function renderResponses(
  reply: FakeResponsesReply,
  request: RecordedRequest,
  fault: (name: Extract<FakeFault, string>) => RudeReply,
): RudeReply {
  const asked = JSON.parse(request.body) as { readonly model?: string; readonly stream?: boolean };
  const model = asked.model ?? 'gpt-fake';
  const stream = { kind: 'stream', headers: { 'content-type': 'text/event-stream; charset=utf-8' } } as const;
  if (typeof reply === 'string') {
    const started = responsesEvents({ output: [messageItem('Hello from the fake')] }, model)
      .slice(0, 5)
      .map((event) => toFrames([event]));
    switch (reply) {
      case 'hang-mid-stream':
        return { ...stream, pieces: started, end: 'hang' };
      case 'truncated':
        return { ...stream, pieces: started, end: 'truncated' };
      case 'reset-mid-stream':
        return { ...stream, pieces: started, gapMs: 20, end: 'reset' };
      case 'no-terminator':
        return { ...stream, pieces: started };
      case 'bad-json':
        return { ...stream, pieces: [...started, 'data: {"type":"response.output_text.delta",\n\n'] };
      case 'error-mid-stream':
        return {
          ...stream,
          pieces: [
            ...started,
            'event: error\ndata: {"type":"error","code":"server_error","message":"x","param":null}\n\n',
          ],
        };
      default:
        return fault(reply);
    }
  }
  const headers = { 'x-request-id': 'req_fake', 'set-cookie': 'session=fake' };
  if (asked.stream !== true)
    return { kind: 'answer', status: 200, headers, body: JSON.stringify(responsesBody(reply, model)) };
  return {
    ...stream,
    headers: { ...stream.headers, ...headers },
    pieces: responsesEvents(reply, model).map((event) => toFrames([event])),
    ...(reply.gapMs === undefined ? {} : { gapMs: reply.gapMs }),
  };
}

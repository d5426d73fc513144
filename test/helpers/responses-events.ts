/** Replies of OpenAI's /responses for tests: an answer in parts as the server streams it, and as one body. */
export interface ResponsesAnswer {
  /** Output items as they end up. */
  readonly output: readonly Readonly<Record<string, unknown>>[];
  readonly status?: 'completed' | 'incomplete' | 'failed';
  readonly reason?: 'max_output_tokens' | 'content_filter';
  readonly error?: { readonly code: string; readonly message: string };
  /** Between events. */
  readonly gapMs?: number;
  /** Characters per delta. */
  readonly piece?: number;
}

type Json = Readonly<Record<string, unknown>>;

export function responsesBody(answer: ResponsesAnswer, model = 'gpt-fake', id = 'resp_upstream'): Json {
  const status = answer.status ?? 'completed';
  return {
    id,
    object: 'response',
    created_at: 1_700_000_000,
    status,
    error: answer.error ?? null,
    incomplete_details: status === 'incomplete' ? { reason: answer.reason ?? 'max_output_tokens' } : null,
    instructions: null,
    model,
    output: answer.output,
    parallel_tool_calls: true,
    tool_choice: 'auto',
    tools: [],
    metadata: {},
    temperature: 1,
    top_p: 1,
    store: false,
    usage: {
      input_tokens: 11,
      input_tokens_details: { cached_tokens: 3, cache_write_tokens: 0 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 2 },
      total_tokens: 16,
    },
  };
}

/** The events of a stream, without their frames. */
export function responsesEvents(answer: ResponsesAnswer, model = 'gpt-fake', id = 'resp_upstream'): readonly Json[] {
  const whole = responsesBody(answer, model, id);
  const begun = { ...whole, status: 'in_progress', output: [], usage: null, error: null, incomplete_details: null };
  const events: Json[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
  ];
  const size = answer.piece ?? 6;
  const pieces = (text: string): readonly string[] =>
    Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size));
  answer.output.forEach((item, index) => {
    const at = { output_index: index, item_id: item['id'] };
    const say = (type: string, text: unknown, more: Json = {}): void => {
      for (const delta of pieces(String(text))) events.push({ type: `response.${type}.delta`, ...at, ...more, delta });
    };
    const empty: Json = {
      ...item,
      status: 'in_progress',
      ...('content' in item ? { content: [] } : {}),
      ...('summary' in item ? { summary: [] } : {}),
      ...('arguments' in item ? { arguments: '' } : {}),
      ...('input' in item ? { input: '' } : {}),
      ...('encrypted_content' in item ? { encrypted_content: null } : {}),
    };
    events.push({ type: 'response.output_item.added', output_index: index, item: empty });
    for (const [position, part] of ((item['summary'] ?? []) as readonly Json[]).entries()) {
      events.push({
        type: 'response.reasoning_summary_part.added',
        ...at,
        summary_index: position,
        part: { type: 'summary_text', text: '' },
      });
      say('reasoning_summary_text', part['text'], { summary_index: position });
    }
    for (const [position, part] of ((item['content'] ?? []) as readonly Json[]).entries()) {
      const more = { content_index: position };
      if (part['type'] === 'reasoning_text') say('reasoning_text', part['text'], more);
      else if (part['type'] === 'refusal') say('refusal', part['refusal'], more);
      else {
        events.push({
          type: 'response.content_part.added',
          ...at,
          ...more,
          part: { type: 'output_text', text: '', annotations: [], logprobs: [] },
        });
        say('output_text', part['text'], { ...more, logprobs: [] });
        for (const [number, annotation] of ((part['annotations'] ?? []) as readonly Json[]).entries())
          events.push({
            type: 'response.output_text.annotation.added',
            ...at,
            ...more,
            annotation_index: number,
            annotation,
          });
        events.push({ type: 'response.output_text.done', ...at, ...more, text: part['text'], logprobs: [] });
      }
    }
    if (item['type'] === 'function_call') say('function_call_arguments', item['arguments']);
    if (item['type'] === 'custom_tool_call') say('custom_tool_call_input', item['input']);
    events.push({ type: 'response.output_item.done', output_index: index, item });
  });
  events.push({ type: `response.${answer.status ?? 'completed'}`, response: whole });
  return events.map((event, index) => ({ ...event, sequence_number: index }));
}

export function toFrames(events: readonly Json[]): string {
  return events.map((event) => `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`).join('');
}

export const messageItem = (text: string, more: Json = {}): Json => ({
  id: 'msg_upstream',
  type: 'message',
  status: 'completed',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
  ...more,
});
export const callItem = (name: string, arguments_: string, more: Json = {}): Json => ({
  id: 'fc_upstream',
  type: 'function_call',
  status: 'completed',
  call_id: 'call_1',
  name,
  arguments: arguments_,
  ...more,
});
export const reasoningItem = (summary: string, more: Json = {}): Json => ({
  id: 'rs_upstream',
  type: 'reasoning',
  summary: [{ type: 'summary_text', text: summary }],
  ...more,
});

/** One rich request of every surface a model answers: every kind of place text can stand in, in the shape real clients send. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface HuntSurface {
  readonly name: string;
  readonly path: string;
  /** `opening` makes the conversation its own; without anything planted the request goes out, unless `home`. */
  readonly body: (opening: string, stream: boolean) => Json;
  /** Answered on this machine whatever it says. */
  readonly home?: boolean;
  /** Its reply is sealed, and never a stream. */
  readonly sealed?: boolean;
}

/** What the fake local server has: one to talk, one that makes vectors. */
export const MODELS = [{ name: 'llama3:latest' }, { name: 'embedder:latest', capabilities: ['embedding'] }];

const schema: Json = {
  type: 'object',
  properties: {
    id: { type: 'string', description: 'which one', enum: ['a', 'b'] },
    depth: { type: 'integer', default: 3 },
  },
  required: ['id'],
};
const chatTools: Json = [
  { type: 'function', function: { name: 'lookup', description: 'looks things up', parameters: schema } },
];

export const SURFACES: readonly HuntSurface[] = [
  {
    name: 'chat',
    path: '/v1/chat/completions',
    body: (opening, stream) => ({
      model: 'auto',
      stream,
      messages: [
        { role: 'system', content: `You are a careful engineer. ${opening}` },
        {
          role: 'user',
          name: 'dev',
          content: [
            { type: 'text', text: opening },
            { type: 'text', text: 'Use the notes.' },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'call_1', type: 'function', function: { name: 'lookup', arguments: '{"id":"a","note":"first"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'nothing of note' },
        { role: 'assistant', content: 'I looked.', refusal: null },
        { role: 'user', content: opening },
      ],
      tools: chatTools,
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } },
      metadata: { ticket: 'open', team: 'core' },
      stop: ['END'],
      user: 'agent-7',
      temperature: 0.2,
      seed: 7,
    }),
  },
  {
    name: 'responses',
    path: '/v1/responses',
    body: (opening, stream) => ({
      model: 'auto',
      stream,
      store: false,
      instructions: `Be careful. ${opening}`,
      input: [
        { role: 'user', content: [{ type: 'input_text', text: opening }] },
        { type: 'function_call', call_id: 'call_1', name: 'lookup', arguments: '{"id":"a"}' },
        { type: 'function_call_output', call_id: 'call_1', output: 'nothing of note' },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I looked.', annotations: [] }] },
        { role: 'user', content: opening },
      ],
      tools: [{ type: 'function', name: 'lookup', description: 'looks things up', parameters: schema, strict: false }],
      metadata: { ticket: 'open' },
      max_output_tokens: 500,
    }),
  },
  {
    name: 'compact',
    path: '/v1/responses/compact',
    sealed: true,
    body: (opening) => ({
      model: 'auto',
      instructions: 'Be brief.',
      input: [
        { role: 'user', content: [{ type: 'input_text', text: opening }] },
        { type: 'function_call', call_id: 'call_1', name: 'lookup', arguments: '{"id":"a"}' },
        { type: 'function_call_output', call_id: 'call_1', output: 'nothing of note' },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I looked.', annotations: [] }] },
      ],
      prompt_cache_key: 'of-one-agent',
    }),
  },
  {
    name: 'messages',
    path: '/v1/messages',
    body: (opening, stream) => ({
      model: 'auto',
      stream,
      max_tokens: 500,
      system: [{ type: 'text', text: `Be careful. ${opening}`, cache_control: { type: 'ephemeral' } }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: opening }] },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 'toolu_1', name: 'lookup', input: { id: 'a', note: 'first' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'nothing of note' }] },
            { type: 'text', text: opening },
          ],
        },
      ],
      tools: [{ name: 'lookup', description: 'looks things up', input_schema: schema }],
      stop_sequences: ['END'],
    }),
  },
  {
    name: 'completions',
    path: '/v1/completions',
    body: (opening, stream) => ({
      model: 'auto',
      stream,
      prompt: opening,
      max_tokens: 200,
      stop: ['END'],
      user: 'agent-7',
    }),
  },
  {
    name: 'completions of several',
    path: '/v1/completions',
    body: (opening, stream) => ({
      model: 'auto',
      stream,
      prompt: [opening, 'Say it shorter.', opening],
      max_tokens: 200,
    }),
  },
  {
    name: 'ollama chat',
    path: '/api/chat',
    body: (opening, stream) => ({
      model: 'auto',
      stream,
      messages: [
        { role: 'system', content: opening },
        { role: 'user', content: opening },
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ function: { name: 'lookup', arguments: { id: 'a', note: 'first' } } }],
        },
        { role: 'tool', tool_name: 'lookup', content: 'nothing of note' },
        { role: 'user', content: opening },
      ],
      tools: chatTools,
      format: schema,
      options: { temperature: 0.2, stop: ['END'] },
    }),
  },
  {
    name: 'ollama generate',
    path: '/api/generate',
    body: (opening, stream) => ({
      model: 'auto',
      stream,
      system: 'Be careful.',
      prompt: opening,
      options: { temperature: 0.2 },
    }),
  },
  {
    name: 'embeddings',
    path: '/v1/embeddings',
    home: true,
    body: (opening) => ({ model: 'auto', input: [opening, 'second text'], user: 'agent-7' }),
  },
  {
    name: 'ollama embed',
    path: '/api/embed',
    home: true,
    body: (opening) => ({ model: 'auto', input: [opening, 'second text'] }),
  },
  {
    name: 'count tokens',
    path: '/v1/messages/count_tokens',
    home: true,
    body: (opening) => ({ model: 'auto', system: 'Be careful.', messages: [{ role: 'user', content: opening }] }),
  },
];

/**
 * Pointers fit for logs, errors and receipts. A JSON key is the client's text and can be the very value that must not be told, so only field names of the
 * protocols and array indices stay; anything else becomes `*`. Fails closed: an unknown word is hidden.
 */
const FIELDS: ReadonlySet<string> = new Set(
  `model messages content text role name refusal reasoning reasoning_content tool_calls tool_call_id id type function arguments function_call
   tools tool_choice parameters description strict properties items required enum const default anyOf oneOf allOf additionalProperties
   response_format json_schema schema metadata user stop stream stream_options include_usage temperature top_p n seed max_tokens max_completion_tokens
   presence_penalty frequency_penalty logprobs top_logprobs logit_bias parallel_tool_calls prediction modalities audio reasoning_effort store
   service_tier safety_identifier prompt_cache_key web_search_options verbosity input instructions output previous_response_id include
   session tool
   image_url url detail file file_data file_id filename input_audio data format functions system max_output_tokens truncation prompt suffix
   best_of echo encoding_format dimensions call_id summary encrypted_content namespace conversation background item_reference action operation effort
   options images think keep_alive template raw context tool_name thinking num_predict top_k min_p truncate shift cache_control source media_type tool_use_id input_schema`.split(
    /\s+/,
  ),
);
const MAX_TOKENS = 24;

/** publicPointer keeps the shape of a pointer and nothing the client could have written into it. `#` starts the pointer inside a string that was JSON. */
export function publicPointer(pointer: string): string {
  if (pointer === '') return '';
  const tokens = pointer.split('/');
  const shown = tokens.slice(0, MAX_TOKENS).map((token) => {
    const hash = token.endsWith('#') ? '#' : '';
    const bare = hash === '' ? token : token.slice(0, -1);
    return bare === '' || FIELDS.has(bare) || /^\d{1,6}$/.test(bare) ? token : `*${hash}`;
  });
  return shown.join('/') + (tokens.length > MAX_TOKENS ? '/…' : '');
}

/**
 * What in a /responses body is no text: images, audio, files, blobs. Each is a gap, or segments of its own where it is a text file. Sealed reasoning is neither: nobody can read
 * it, and it leaves only towards the upstream that made it (openai-responses.ts). Fails towards unknown: an item or part nobody knows is a gap.
 */
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { JsonObject, JsonValue } from '../json/document.ts';
import { readDataUrl } from './data-url.ts';
import { isObject } from './shape.ts';

export interface Parts {
  readonly gaps: Gap[];
  readonly files: Segment[];
  /** Container pointer to the keys in it that hold what nobody reads as text. */
  readonly unread: Map<string, ReadonlySet<string>>;
}

/** Items whose every leaf is text, whatever they stand for. */
const READABLE: ReadonlySet<string> = new Set(
  (
    'message function_call function_call_output custom_tool_call custom_tool_call_output reasoning local_shell_call local_shell_call_output shell_call shell_call_output ' +
    'apply_patch_call apply_patch_call_output web_search_call file_search_call mcp_list_tools mcp_approval_request mcp_approval_response mcp_call tool_search_call ' +
    'tool_search_output computer_call'
  ).split(' '),
);
const TEXT_PARTS: ReadonlySet<string> = new Set([
  'input_text',
  'output_text',
  'text',
  'refusal',
  'summary_text',
  'reasoning_text',
]);
/** Where parts carry their bytes. */
const CARRIERS = ['image_url', 'file_data', 'data'] as const;

export function readParts(root: JsonObject, roleOf: (item: number) => Segment['role']): Parts {
  const parts: Parts = { gaps: [], files: [], unread: new Map() };
  const { input } = root;
  if (!Array.isArray(input)) return parts;
  (input as readonly JsonValue[]).forEach((item, index) => {
    if (!isObject(item)) return;
    const at = `/input/${index}`;
    const type = typeof item['type'] === 'string' ? item['type'] : item['role'] === undefined ? '' : 'message';
    if (typeof item['encrypted_content'] === 'string' && (type === 'reasoning' || type === 'compaction'))
      parts.unread.set(at, new Set(['encrypted_content']));
    if (!READABLE.has(type)) parts.gaps.push(gap(at));
    // Base64 of an image, and the picture a computer answered with.
    if (type === 'image_generation_call') parts.unread.set(at, new Set(['result']));
    for (const key of ['content', 'output']) {
      const held = item[key];
      if (Array.isArray(held))
        (held as readonly JsonValue[]).forEach((part, position) => {
          if (isObject(part)) readPart(part, `${at}/${key}/${position}`, roleOf(index), parts);
        });
      else if (isObject(held)) readPart(held, `${at}/${key}`, roleOf(index), parts);
    }
  });
  return parts;
}

function readPart(part: JsonObject, at: string, role: Segment['role'], parts: Parts): void {
  const { type } = part;
  if (typeof type === 'string' && TEXT_PARTS.has(type)) return;
  // Outputs of shells and patches have no type and hold nothing but text.
  if (type === undefined && !CARRIERS.some((key) => key in part)) return;
  const audio = part['input_audio'];
  const [holder, where] = isObject(audio) ? [audio, `${at}/input_audio`] : [part, at];
  const key = CARRIERS.find((each) => typeof holder[each] === 'string');
  const payload = key === undefined ? '' : holder[key];
  if (key === undefined || typeof payload !== 'string') {
    parts.gaps.push(gap(at));
    return;
  }
  const data = readDataUrl(payload);
  if (data.kind === 'text')
    parts.files.push({ pointer: `${where}/${key}`, role, form: 'file', text: data.text, hint: '', flow: -1 });
  else parts.gaps.push(gap(at));
  // What is no data: URL stays a segment: an address says things too. Bare base64 (audio, files) is the gap itself.
  if (data.kind !== 'other' || key !== 'image_url') parts.unread.set(where, new Set([key]));
  // A second thing to look at beside the first.
  for (const other of ['file_id', 'file_url'])
    if (typeof holder[other] === 'string' && data.kind === 'text') parts.gaps.push(gap(at));
}

function gap(pointer: string): Gap {
  return { classifier: 'openai-responses', cause: 'unsupported-content', pointer };
}

/**
 * From a document's leaves to segments: every string, key and number of the body, JSON inside strings opened. What a protocol knows (whose words these are,
 * what reads on into what, which part cannot be read) it says per container. Fails towards `unknown`: what was not opened for
 * lack of budget is a gap.
 */
import type { Segment } from '../../classifiers/segment.ts';
import type { Gap } from '../../classifiers/verdict.ts';
import type { Container, JsonDocument, Leaf } from '../json/document.ts';
import { escapeToken, pointerOf } from '../json/document.ts';
import { readInnerJson } from '../json/parse.ts';

/** What a protocol knows about the leaves directly inside one container. */
export interface Placement {
  readonly role: Segment['role'];
  /** Keys whose strings are conversation and read on from message to message; `all` for arrays of such strings. */
  readonly talk: ReadonlySet<string> | 'all' | 'none';
  /** Leaves that hold what nobody can read as text (an image's base64): the protocol made a gap of it, or segments of its own. */
  readonly unread: Pick<ReadonlySet<string>, 'has'> | 'none';
  /** Where one container holds words of several (a body's own members): the role by key. */
  readonly roles?: ReadonlyMap<string | number, Segment['role']>;
}

/** All conversation is one flow: a value cut between two messages or parts is found where they meet. */
const CONVERSATION_FLOW = 0;

/** Deeper JSON-in-JSON-in-a-string is not opened, and is a gap. */
const MAX_NESTED_STRINGS = 4;
/** Values opened inside strings of one request; past it the rest is a gap. */
const MAX_INNER_VALUES = 200_000;
const INNER_DEPTH = 64;

/**
 * Words of the wire itself. A key or `type` that is exactly one of them says nothing about anybody, and they are half of all
 * leaves of an agent's body.
 */
export const WIRE_WORDS: ReadonlySet<string> = new Set(
  (
    'model messages role content type text tools tool_calls tool_call_id function name description parameters arguments id stream stream_options ' +
    'include_usage temperature top_p max_tokens max_completion_tokens stop seed tool_choice parallel_tool_calls response_format json_schema schema ' +
    'strict store n logprobs top_logprobs presence_penalty frequency_penalty reasoning_effort verbosity metadata user index image_url url detail ' +
    'properties required items enum additionalProperties anyOf oneOf allOf not default format minimum maximum minLength maxLength minItems maxItems ' +
    'pattern $schema $ref $defs definitions title examples const object string number integer boolean array null system assistant tool developer ' +
    'cache_control ephemeral refusal reasoning_content ' +
    'input instructions message input_text output_text function_call function_call_output call_id output custom_tool_call custom_tool_call_output ' +
    'reasoning summary summary_text encrypted_content annotations status completed include truncation max_output_tokens effort namespace custom grammar'
  ).split(' '),
);

export interface Collected {
  readonly segments: Segment[];
  readonly gaps: Gap[];
}

/** What is worked out once per container. */
interface Placed {
  readonly placement: Placement;
  readonly pointer: string;
  readonly hint: string;
  readonly flow: number;
}

export function collectSegments(document: JsonDocument, placementOf: (container: Container) => Placement): Collected {
  return createCollector(placementOf)(document.leaves);
}

/** createCollector collects leaves of one document, part by part; parts share what is known of a container, and the budget. */
export function createCollector(
  placementOf: (container: Container) => Placement,
): (leaves: readonly Leaf[]) => Collected {
  const budget = { values: MAX_INNER_VALUES };
  const known = new Map<number, Placed>();
  return (leaves) => collect(leaves, placementOf, known, budget);
}

function collect(
  leaves: readonly Leaf[],
  placementOf: (container: Container) => Placement,
  known: Map<number, Placed>,
  budget: { values: number },
): Collected {
  const segments: Segment[] = [];
  const gaps: Gap[] = [];
  let last: Container | null = null;
  let place: Placed | undefined;
  for (const leaf of leaves) {
    const { container, kind, text } = leaf;
    if (container !== last || place === undefined) {
      last = container;
      place = known.get(container.ordinal);
      if (place === undefined) {
        place = {
          placement: placementOf(container),
          pointer: container.pointer,
          hint: nearestKey(container),
          // Strings of one array read on too: a value may be dealt out over its items.
          flow: typeof leaf.key === 'number' ? CONVERSATION_FLOW + 1 + container.ordinal : -1,
        };
        known.set(container.ordinal, place);
      }
    }
    if (text === '') continue;
    if (kind !== 'number' && WIRE_WORDS.has(text) && (kind === 'key' || leaf.key === 'type' || leaf.key === 'role'))
      continue;
    const { placement } = place;
    const pointer = `${place.pointer}/${escapeToken(leaf.key)}`;
    const role = kind === 'key' ? placement.role : (placement.roles?.get(leaf.key) ?? placement.role);
    if (kind === 'key') {
      segments.push({ pointer, role, form: 'key', text, hint: place.hint, flow: -1 });
      continue;
    }
    const hint = typeof leaf.key === 'string' ? leaf.key : place.hint;
    if (kind === 'number') {
      segments.push({ pointer, role, form: 'number', text, hint, flow: -1 });
      continue;
    }
    if (placement.unread !== 'none' && placement.unread.has(String(leaf.key))) continue;
    const talks = placement.talk === 'all' || (placement.talk !== 'none' && placement.talk.has(String(leaf.key)));
    segments.push({ pointer, role, form: 'text', text, hint, flow: talks ? CONVERSATION_FLOW : place.flow });
    openInner(text, pointer, role, hint, 1, budget, segments, gaps);
  }
  return { segments, gaps };
}

function nearestKey(container: Container): string {
  let at: Container | null = container;
  while (at !== null && typeof at.key === 'number') at = at.parent;
  return at === null ? '' : String(at.key);
}

/** Whether text may be a JSON object or array: cheap enough to ask of every string, and no padding hides one. */
export function looksLikeJson(text: string): boolean {
  let start = 0;
  while (isJsonSpace(text.charCodeAt(start))) start++;
  const first = text.charCodeAt(start);
  if (first !== 0x7b && first !== 0x5b) return false;
  let end = text.length - 1;
  while (isJsonSpace(text.charCodeAt(end))) end--;
  return text.charCodeAt(end) === (first === 0x7b ? 0x7d : 0x5d);
}

function isJsonSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}

function openInner(
  text: string,
  pointer: string,
  role: Segment['role'],
  outerHint: string,
  level: number,
  budget: { values: number },
  segments: Segment[],
  gaps: Gap[],
): void {
  if (!looksLikeJson(text)) return;
  const inner =
    level > MAX_NESTED_STRINGS
      ? 'over-budget'
      : readInnerJson(text, { maxDepth: INNER_DEPTH, maxLeaves: budget.values });
  if (inner === null) return;
  if (inner === 'over-budget') {
    gaps.push({ classifier: 'json-in-string', cause: 'over-budget', pointer });
    return;
  }
  budget.values -= inner.values;
  for (const leaf of inner.leaves) {
    if (leaf.text === '' || (leaf.kind === 'key' && WIRE_WORDS.has(leaf.text))) continue;
    const here = `${pointer}#${pointerOf(leaf)}`;
    const hint = hintOf(leaf) || outerHint;
    segments.push({ pointer: here, role, form: 'arguments', text: leaf.text, hint, flow: -1 });
    if (leaf.kind === 'string') openInner(leaf.text, here, role, hint, level + 1, budget, segments, gaps);
  }
}

function hintOf(leaf: Leaf): string {
  return leaf.kind !== 'key' && typeof leaf.key === 'string' ? leaf.key : nearestKey(leaf.container);
}

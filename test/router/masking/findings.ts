import { type Finding, toScore, type View } from '../../../classifiers/finding.ts';
import type { Segment } from '../../../classifiers/segment.ts';
import type { JsonDocument } from '../../../router/json/document.ts';
import { parseJsonText } from '../../../router/json/parse.ts';
import { createMasker } from '../../../router/masking/mask.ts';
import { createRestorer } from '../../../router/masking/restore.ts';
import { createMaskStore, type MaskMap } from '../../../router/masking/store.ts';
import { openaiChat } from '../../../router/protocols/openai-chat.ts';

/** Bodies, findings and maps for tests of masking. */
export const KEY = Buffer.alloc(32, 7);
export const newMap = (principal = 'p', conversation = 'c'): MaskMap =>
  createMaskStore(KEY).open(principal, conversation);

export function document(body: unknown): JsonDocument {
  const parsed = parseJsonText(typeof body === 'string' ? body : JSON.stringify(body), {
    maxDepth: 64,
    maxLeaves: 100_000,
  });
  if (parsed.kind !== 'document') throw new Error(`refused: ${parsed.problem.code}`);
  return parsed.document;
}

export function finding(
  segment: string,
  start: number,
  end: number,
  entity = 'EMAIL_ADDRESS',
  views: readonly View[] = [],
): Finding {
  return {
    entity,
    span: { segment, start, end },
    score: toScore(0.9),
    recognizer: 'test',
    explanation: { pattern: 'test', views, steps: [] },
  };
}

/** What a perfect classifier of these values reports: every occurrence in every segment. */
export function findAll(body: JsonDocument, values: readonly string[]): Finding[] {
  const read = openaiChat.read(body);
  if (read.kind === 'problem') throw new Error(read.problem.code);
  return read.segments.flatMap((segment: Segment) =>
    values.flatMap((value) => {
      const found: Finding[] = [];
      for (let at = segment.text.indexOf(value); at !== -1 && value !== ''; at = segment.text.indexOf(value, at + 1))
        found.push(finding(segment.pointer, at, at + value.length));
      return found;
    }),
  );
}

export function maskAll(
  body: unknown,
  values: readonly string[],
  map: MaskMap = newMap(),
): { root: unknown; source: string; count: number } {
  const read = document(body);
  const masked = createMasker(map).mask(read, findAll(read, values));
  if (masked.kind !== 'masked') throw new Error(`not maskable at ${masked.pointer}`);
  return { root: JSON.parse(masked.source), source: masked.source, count: masked.count };
}

export const chat = (content: unknown, more: object = {}): object => ({
  messages: [{ role: 'user', content }],
  ...more,
});
export const contentOf = (root: unknown): string => (root as { messages: { content: string }[] }).messages[0]!.content;
/** Everything put back in one go. */
export function restoreText(text: string, map: MaskMap, channel: 'text' | 'json' = 'text'): string {
  const restorer = createRestorer(map);
  return restorer.push('s', text, channel) + restorer.flush('s');
}

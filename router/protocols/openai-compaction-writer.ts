/** A reply as the result of /responses/compact: what the model said is the summary, and is sealed. Fails visibly: without a whole summary there is an error and no result. */
import type { ReplyEvent, Usage } from '../chat.ts';
import { writeLast } from './last-bytes.ts';
import { usageOf } from './openai-responses-writer.ts';
import type { ByteSink, ReplyWriter, WriterOptions } from './protocol.ts';

export interface CompactionOptions {
  /** Items that stay as they are, as the wire lists them, JSON text each. */
  readonly stays: readonly string[];
  readonly seal: (summary: string) => string;
  /** There is no whole summary: answers with an error, as nothing is written yet. */
  readonly fail: () => void;
}

export function createCompactionWriter(sink: ByteSink, options: WriterOptions, more: CompactionOptions): ReplyWriter {
  let summary = '';
  let isWhole = false;
  let isOver = false;
  let usage: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 };
  const close = (body: string): void | Promise<void> => {
    isOver = true;
    return writeLast(sink, body);
  };
  const result = (): string => {
    const base = options.id.replace(/^resp_/, '');
    const item = { id: `cmp_${base}`, type: 'compaction', encrypted_content: more.seal(summary) };
    const fields = { id: options.id, object: 'response.compaction', created_at: options.createdSeconds };
    const output = [...more.stays, JSON.stringify(item)].join(',');
    return `${JSON.stringify(fields).slice(0, -1)},"output":[${output}],"usage":${JSON.stringify(usageOf(usage))}}`;
  };
  return {
    contentType: 'application/json',
    write(event: ReplyEvent) {
      if (isOver) return;
      if (event.kind === 'text') summary += event.text;
      // A summary cut off would be taken for all there was.
      else if (event.kind === 'finish') isWhole = event.reason === 'stop';
      else if (event.kind === 'usage') usage = event.usage;
      else if (event.kind === 'error') return close(options.errorBody(event.failure));
      else if (event.kind === 'end' && isWhole && summary.trim() !== '') return close(result());
      else if (event.kind === 'end') more.fail();
    },
  };
}

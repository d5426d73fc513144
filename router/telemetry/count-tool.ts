/** What one tool call adds to the metrics. `tool` must be one of ours or `client`: names models invent are no labels. */
import type { ToolOutcome } from '../../sandbox/executor.ts';
import type { Metrics } from './metrics.ts';

export function countTool(metrics: Metrics, tool: string, outcome: ToolOutcome): string {
  const end = outcome.kind === 'refused' ? outcome.code : outcome.kind;
  metrics.toolCalls.inc({ tool, outcome: end });
  metrics.toolSeconds.observe({ gen_ai_tool_name: tool, outcome: end }, outcome.receipt.durationMs / 1000);
  return end;
}

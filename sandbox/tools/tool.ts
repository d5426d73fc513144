/**
 * What a bundled tool is: a name, an input schema, and how its input becomes a command inside the sandbox. A tool decides
 * nothing else: backend, mounts, environment, network and limits come from the policy, whatever the input says.
 */
import { z } from 'zod';
import type { ToolDefinition } from '../executor.ts';

export interface Command {
  readonly kind: 'command';
  readonly argv: readonly [string, ...string[]];
  /** Bytes for standard input; empty means none. */
  readonly stdin: Uint8Array;
  /** For a program that outlives the call: what is done with it. `id` is empty for one that is to be started. */
  readonly terminal?: {
    readonly action: 'start' | 'write' | 'poll' | 'kill';
    readonly id: string;
    readonly waitMs: number;
  };
}

export type ToCommand = Command | { readonly kind: 'path-refused' | 'malformed-arguments'; readonly why: string };

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  parse(
    input: unknown,
  ): { readonly kind: 'parsed'; readonly command: ToCommand } | { readonly kind: 'mismatch'; readonly why: string };
}

export const NO_INPUT: Uint8Array = new Uint8Array();

export function defineTool<Input extends z.ZodType>(definition: {
  readonly name: string;
  readonly description: string;
  readonly input: Input;
  readonly toCommand: (input: z.infer<Input>) => ToCommand;
}): Tool {
  const { $schema: _, ...parameters } = z.toJSONSchema(definition.input, { io: 'input' });
  return {
    name: definition.name,
    description: definition.description,
    parameters,
    parse(input) {
      const parsed = definition.input.safeParse(input);
      if (!parsed.success) return { kind: 'mismatch', why: describeIssues(parsed.error) };
      return { kind: 'parsed', command: definition.toCommand(parsed.data) };
    },
  };
}

/** Names the parameter and what is wrong; never its value. Unknown names are the model's own words: only counted. */
function describeIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, 4)
    .map((issue) => {
      if (issue.code === 'unrecognized_keys')
        return issue.keys.length === 1 ? 'one parameter is unknown' : `${issue.keys.length} parameters are unknown`;
      const place = issue.path.length === 0 ? 'arguments' : issue.path.join('.');
      return `${place}: ${issue.message}`;
    })
    .join('; ');
}

export function toDefinition(tool: Tool, note: string): ToolDefinition {
  return {
    name: tool.name,
    description: note === '' ? tool.description : `${tool.description} ${note}`,
    parameters: tool.parameters,
  };
}

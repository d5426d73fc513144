/**
 * What a stand-in model says: a pure function of what it was given. It is no model and says so first; then it reports
 * what reached it, so that a person with curl can watch routing, masking and tool calls work. Fails towards words: what
 * it does not understand it reports.
 */
import { randomBytes } from 'node:crypto';
import type { ChatRequest } from '../chat.ts';
import { tokenPattern } from '../masking/placeholder.ts';
import { fieldsOf, type Fields } from './json-fields.ts';

/** A chat reduced to what a stand-in looks at. */
export interface StandInView {
  readonly messages: readonly StandInMessage[];
  readonly tools: readonly StandInTool[];
  readonly toolChoice: ChatRequest['toolChoice'];
  readonly wantsJson: boolean;
  readonly maxTokens: number | undefined;
}

export interface StandInMessage {
  readonly role: string;
  readonly text: string;
  /** On tool results, the tool's name when known. */
  readonly name: string;
}

export interface StandInTool {
  readonly name: string;
  readonly parameters: unknown;
}

export interface StandInAnswer {
  readonly text: string;
  readonly call: { readonly id: string; readonly name: string; readonly arguments: string } | undefined;
  readonly finish: 'stop' | 'length' | 'tool-calls';
  readonly inputTokens: number;
  readonly outputTokens: number;
}

const QUOTED_CHARS = 240;
const RESULT_CHARS = 1_200;
const SHOWN_PLACEHOLDERS = 8;
const CHARS_PER_TOKEN = 4;

export function standInAnswer(place: 'local' | 'cloud', view: StandInView): StandInAnswer {
  const label = `[stand-in ${place} model]`;
  const chars = view.messages.reduce((sum, message) => sum + message.text.length, 0);
  const inputTokens = Math.ceil(chars / CHARS_PER_TOKEN);
  const call = toolCall(view);
  if (call !== undefined)
    return {
      text: '',
      call,
      finish: 'tool-calls',
      inputTokens,
      outputTokens: Math.ceil(call.arguments.length / CHARS_PER_TOKEN),
    };
  const report = results(view) ?? about(view, chars);
  const text = view.wantsJson ? JSON.stringify({ model: label, said: report }) : `${label} ${report}`;
  // A cut answer keeps its label: it must not pass for a real one.
  const limit = view.maxTokens === undefined ? text.length : Math.max(label.length, view.maxTokens * CHARS_PER_TOKEN);
  return {
    text: text.slice(0, limit),
    call: undefined,
    finish: text.length > limit ? 'length' : 'stop',
    inputTokens,
    outputTokens: Math.ceil(Math.min(text.length, limit) / CHARS_PER_TOKEN),
  };
}

/** Results of tools since the last turn of the model; undefined when there are none. */
function results(view: StandInView): string | undefined {
  const since = view.messages
    .slice(view.messages.findLastIndex((message) => message.role === 'assistant') + 1)
    .filter((message) => message.role === 'tool');
  if (since.length === 0 || view.messages.at(-1)?.role !== 'tool') return undefined;
  return since
    .map(
      (message) =>
        `The tool ${message.name === '' ? '' : `\`${message.name}\` `}answered:\n${shorten(message.text, RESULT_CHARS)}`,
    )
    .join('\n\n');
}

function about(view: StandInView, chars: number): string {
  const asked = lastUserText(view);
  const placeholders = [...new Set(view.messages.flatMap((message) => message.text.match(tokenPattern()) ?? []))];
  const lines = [
    `I am no real model; I repeat what reached me: ${count(view.messages.length, 'message')}, ${count(chars, 'character')}, ${count(view.tools.length, 'tool')}.`,
    asked === '' ? 'There was no user text.' : `I was given: "${shorten(asked, QUOTED_CHARS)}"`,
  ];
  // Once as it came, to be restored on the way back, and once without its brackets, so that a person sees what really left.
  for (const token of placeholders.slice(0, SHOWN_PLACEHOLDERS)) {
    lines.push(`Where you read ${token} I was shown only a placeholder: ${token.slice(2, -2)}, in double brackets.`);
  }
  const wanted = wish(asked)?.tool ?? '';
  if (view.tools.length === 0 && [...RUN_WORDS, ...COMMAND_TOOLS].includes(wanted.toLowerCase()))
    lines.push('You asked me to run something, but no tools were offered to me.');
  return lines.join('\n');
}

function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? '' : 's'}`;
}

/** Cut at a space, so that a placeholder is whole or absent. */
function shorten(text: string, chars: number): string {
  if (text.length <= chars) return text;
  const space = text.slice(0, chars).search(/\s\S{0,80}$/);
  return `${text.slice(0, space > 0 ? space : chars)} …`;
}

function lastUserText(view: StandInView): string {
  return view.messages.findLast((message) => message.role === 'user')?.text.trim() ?? '';
}

/** What a user can ask to be run: `<tool>: <argument>` for any offered tool, `run: <command>`, a command in backticks after run or execute, or the files listed. */
interface Wish {
  readonly tool: string;
  readonly argument: string;
}

function wish(asked: string): Wish | undefined {
  const direct = /^([A-Za-z][\w.-]{0,63}):\s{0,8}(\S[\s\S]{0,8000})$/.exec(asked);
  if (direct?.[1] !== undefined && direct[2] !== undefined) return { tool: direct[1], argument: direct[2].trim() };
  const quoted = /\b(?:run|execute|call)\b[^`\n]{0,80}`([^`\n]{1,2000})`/i.exec(asked);
  if (quoted?.[1] !== undefined) return { tool: 'run', argument: quoted[1] };
  const bare = /^(?:please )?(?:run|execute)\s{1,4}([^\n]{1,2000})$/i.exec(asked);
  if (bare?.[1] !== undefined) return { tool: 'run', argument: bare[1].trim() };
  if (/\b(?:list|show|what)\b[^\n]{0,40}\bfiles\b/i.test(asked)) return { tool: 'run', argument: 'ls -la' };
  return undefined;
}

const RUN_WORDS = ['run', 'execute'];
/** Tools that take a command line, best first. */
const COMMAND_TOOLS = ['exec', 'bash', 'shell', 'run_command', 'run_shell_command', 'terminal', 'execute_command'];
const COMMAND_PROPERTIES = ['command', 'cmd', 'script', 'code', 'input'];

function toolCall(view: StandInView): StandInAnswer['call'] {
  if (view.toolChoice.kind === 'none' || view.tools.length === 0 || view.messages.at(-1)?.role === 'tool')
    return undefined;
  const asked = lastUserText(view);
  const wanted = wish(asked);
  const { toolChoice } = view;
  const forced =
    toolChoice.kind === 'tool'
      ? view.tools.find((tool) => tool.name === toolChoice.name)
      : toolChoice.kind === 'required'
        ? view.tools[0]
        : undefined;
  if (wanted === undefined) return forced === undefined ? undefined : call(forced, asked);
  const named = view.tools.find((tool) => tool.name.toLowerCase() === wanted.tool.toLowerCase());
  const tool = forced ?? named ?? (RUN_WORDS.includes(wanted.tool.toLowerCase()) ? commandTool(view.tools) : undefined);
  return tool === undefined ? undefined : call(tool, wanted.argument);
}

function commandTool(tools: readonly StandInTool[]): StandInTool | undefined {
  for (const name of COMMAND_TOOLS) {
    const tool = tools.find((each) => each.name.toLowerCase() === name);
    if (tool !== undefined) return tool;
  }
  return tools.find((each) =>
    COMMAND_PROPERTIES.some((property) => Object.hasOwn(propertiesOf(each.parameters), property)),
  );
}

function call(tool: StandInTool, argument: string): NonNullable<StandInAnswer['call']> {
  return {
    id: `call_${randomBytes(12).toString('hex')}`,
    name: tool.name,
    arguments: argumentsFor(tool.parameters, argument),
  };
}

/** An argument that is a JSON object is taken as it is; any other text goes where the tool takes its main text. */
function argumentsFor(schema: unknown, argument: string): string {
  if (argument.startsWith('{')) {
    try {
      JSON.parse(argument);
      return argument;
    } catch {
      // No JSON after all: a text that begins with a brace.
    }
  }
  const properties = propertiesOf(schema);
  const required = fieldsOf(schema)['required'];
  const names = [
    ...COMMAND_PROPERTIES,
    ...(Array.isArray(required) ? required.filter((name) => typeof name === 'string') : []),
    ...Object.keys(properties),
  ];
  const main = names.find((name) => Object.hasOwn(properties, name));
  if (main === undefined) return '{}';
  return JSON.stringify({ [main]: fieldsOf(properties[main])['type'] === 'array' ? ['sh', '-c', argument] : argument });
}

function propertiesOf(schema: unknown): Fields {
  return fieldsOf(fieldsOf(schema)['properties']);
}

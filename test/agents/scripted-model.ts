/** A model that reads one file with whatever tool it is offered and then says that it is done: the same in every wire. */
export interface OfferedTool {
  readonly name: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

export interface ScriptedTurn {
  readonly text?: string;
  readonly call?: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> };
}

export const DONE = 'ROUND-COMPLETE';

/** Reading tools first: they say most plainly what they read. */
const READERS = [/^read$/i, /^read_?file$/i, /^read_/i, /^view$/i];
const SHELLS = [
  /^bash$/i,
  /^(?:local_)?shell(?:_command)?$/i,
  /^exec(?:_command)?$/i,
  /^run_(?:shell_)?command$/i,
  /^terminal$/i,
];

/** scriptedTurn takes a body of any of the wires of the fakes. */
export function scriptedTurn(body: string, file: string): ScriptedTurn {
  const asked = JSON.parse(body) as { messages?: readonly Readonly<Record<string, unknown>>[] };
  const answered = /"role":\s?"tool"|"type":\s?"tool_result"/.test(JSON.stringify(asked.messages ?? []));
  const placeholder = /\[\[[A-Z_]+_[a-z]{10}\]\]/.exec(JSON.stringify(asked.messages ?? []))?.[0];
  const tools = offered(asked);
  const tool = [...READERS, ...SHELLS].flatMap((pattern) => tools.filter(({ name }) => pattern.test(name)))[0];
  if (answered || tool === undefined) return { text: placeholder === undefined ? DONE : `${DONE} ${placeholder}` };
  return { call: { name: tool.name, arguments: argumentsFor(tool, file) } };
}

function offered(asked: object): readonly OfferedTool[] {
  const { tools } = asked as { readonly tools?: readonly Readonly<Record<string, unknown>>[] };
  return (tools ?? []).flatMap((tool) => {
    const inner = (tool['function'] ?? tool) as Readonly<Record<string, unknown>>;
    const schema = inner['parameters'] ?? inner['input_schema'] ?? {};
    return typeof inner['name'] === 'string' ? [{ name: inner['name'], schema: schema as OfferedTool['schema'] }] : [];
  });
}

function argumentsFor({ schema }: OfferedTool, file: string): Readonly<Record<string, unknown>> {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, { readonly type?: unknown }>>;
  const required = new Set((schema['required'] ?? []) as readonly string[]);
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, { type }]): [string, unknown][] => {
      if (/^(?:file_?path|absolute_path|path|file|target_file)$/i.test(name)) return [[name, file]];
      if (/^(?:command|cmd)$/i.test(name)) return [[name, type === 'array' ? ['cat', file] : `cat ${file}`]];
      if (!required.has(name)) return [];
      return [[name, type === 'number' || type === 'integer' ? 1 : type === 'boolean' ? false : 'read the notes']];
    }),
  );
}

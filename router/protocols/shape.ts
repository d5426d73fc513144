/**
 * Reading the shape of a request's JSON: one member at a time, with the pointer of whatever is wrong. Absent and null are the same thing on every
 * wire here; so is what these readers give for both. Fails closed: a known member of the wrong type is a problem, never a guess.
 */
import type { ModelToolCall, ToolDeclaration } from '../chat.ts';
import { escapeToken } from '../json/document.ts';
import type { JsonObject, JsonValue } from '../json/document.ts';
import type { ShapeProblem } from './protocol.ts';

/** Carries a problem out of the nested readers; caught only by withoutFault. */
class ShapeFault {
  readonly problem: ShapeProblem;
  constructor(code: ShapeProblem['code'], pointer: string) {
    this.problem = { code, pointer };
  }
}

export function fail(code: ShapeProblem['code'], pointer: string): never {
  throw new ShapeFault(code, pointer);
}

/** withoutFault gives what `read` gives, or the problem it ended in. */
export function withoutFault<T>(read: () => T): T | { readonly kind: 'problem'; readonly problem: ShapeProblem } {
  try {
    return read();
  } catch (fault) {
    if (fault instanceof ShapeFault) return { kind: 'problem', problem: fault.problem };
    throw fault;
  }
}

/**
 * Refuses a member that differs from a name Sluice acts on only in case: decoders written in Go take `Messages` for `messages` (and `me\u017f\u017fages`
 * too), so a second conversation, a second `store` or an image could ride along under a name that no rule here reads.
 */
export function refuseLookAlikes(object: JsonObject, names: ReadonlySet<string>, at: string): void {
  for (const key of Object.keys(object)) {
    if (!names.has(key) && names.has(key.normalize('NFKC').toLowerCase()))
      fail('unsupported_value', `${at}/${escapeToken(key)}`);
  }
}

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Empty when absent. */
export function string(object: JsonObject, key: string, at: string): string {
  const value = object[key] ?? '';
  return typeof value === 'string' ? value : fail('wrong_type', `${at}/${escapeToken(key)}`);
}

export function boolean(object: JsonObject, key: string, fallback: boolean, at = ''): boolean {
  const value = object[key] ?? fallback;
  return typeof value === 'boolean' ? value : fail('wrong_type', `${at}/${key}`);
}

/** Empty when absent. */
export function array(object: JsonObject, key: string, at: string): readonly JsonValue[] {
  const value = object[key] ?? [];
  return Array.isArray(value) ? (value as readonly JsonValue[]) : fail('wrong_type', `${at}/${key}`);
}

export function number(
  object: JsonObject,
  key: string,
  range: { readonly min: number; readonly max: number; readonly whole?: true },
  at = '',
): number | undefined {
  const value = object[key] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || (range.whole && !Number.isInteger(value))) return fail('wrong_type', `${at}/${key}`);
  return value < range.min || value > range.max ? fail('out_of_range', `${at}/${key}`) : value;
}

/** readFunction reads the `function` of a tool call. */
export function readFunction(value: JsonValue | undefined, id: string, at: string): ModelToolCall {
  if (!isObject(value)) return fail(value === undefined ? 'missing_field' : 'wrong_type', at);
  if (value['name'] === undefined) fail('missing_field', `${at}/name`);
  const given = value['arguments'] ?? '';
  // Clients of Ollama's wire send the object itself.
  const text = isObject(given) ? JSON.stringify(given) : given;
  return {
    id,
    name: string(value, 'name', at),
    arguments: typeof text === 'string' ? text : fail('wrong_type', `${at}/arguments`),
  };
}

/** readTools reads declarations in OpenAI's form, which Ollama shares. */
export function readTools(items: readonly JsonValue[]): readonly ToolDeclaration[] {
  return items.flatMap((item, index): ToolDeclaration[] => {
    const at = `/tools/${index}`;
    if (!isObject(item)) return fail('wrong_type', at);
    const type = string(item, 'type', at);
    // Tools the provider runs (web search, custom grammars) have no neutral form: they travel in the document alone.
    if (type !== 'function' && type !== '') return [];
    return [readDeclaration(item['function'], `${at}/function`)];
  });
}

/** readDeclaration reads what a function is called, what it does and what it takes. */
export function readDeclaration(declared: JsonValue | undefined, at: string): ToolDeclaration {
  if (!isObject(declared)) return fail(declared === undefined ? 'missing_field' : 'wrong_type', at);
  if (declared['name'] === undefined) fail('missing_field', `${at}/name`);
  const parameters = declared['parameters'] ?? { type: 'object', properties: {} };
  if (!isObject(parameters)) fail('wrong_type', `${at}/parameters`);
  return { name: string(declared, 'name', at), description: string(declared, 'description', at), parameters };
}

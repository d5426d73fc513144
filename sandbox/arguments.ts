/**
 * A model's argument text to an object, once. Strict where JSON.parse is lenient, because what the audit or an approval
 * showed and what runs must be the same reading: two members of one name, depth without end, halves of surrogate pairs and
 * `__proto__` are refused. Fails closed: anything but one JSON object is `malformed`.
 */

export type ParsedArguments =
  | { readonly kind: 'arguments'; readonly value: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'malformed';
      readonly problem: 'not-json' | 'too-large' | 'schema-mismatch';
      readonly why: string;
    };

/** Room for a file of a megabyte with escapes; an argument string beyond it is an attack or a mistake. */
export const MAX_ARGUMENT_BYTES = 2 * 1024 * 1024;
/** The bundled tools' arguments are two levels deep. */
export const MAX_ARGUMENT_DEPTH = 16;

export function parseArguments(text: string): ParsedArguments {
  if (text.length > MAX_ARGUMENT_BYTES || Buffer.byteLength(text) > MAX_ARGUMENT_BYTES)
    return malformed('too-large', `the arguments are longer than ${MAX_ARGUMENT_BYTES} bytes`);
  // Several models send nothing at all for a call without arguments.
  if (text.trim() === '') return { kind: 'arguments', value: {} };
  const shape = scan(text);
  if (shape !== '') return malformed('not-json', shape);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed('not-json', 'the arguments are not valid JSON');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return malformed('schema-mismatch', 'the arguments are not a JSON object');
  if (!isWellFormed(value)) return malformed('not-json', 'a string holds half of a surrogate pair');
  return { kind: 'arguments', value: value as Readonly<Record<string, unknown>> };
}

function malformed(problem: 'not-json' | 'too-large' | 'schema-mismatch', why: string): ParsedArguments {
  return { kind: 'malformed', problem, why };
}

/**
 * One pass over the text for what JSON.parse would let through: depth, and names used twice in one object (it keeps the
 * last, other parsers the first). Runs before JSON.parse and without recursion, so depth cannot cost the stack. Returns
 * what is wrong, or nothing; syntax is left to JSON.parse.
 */
function scan(text: string): string {
  const open: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      expectsName = character === '{';
      if (open.length > MAX_ARGUMENT_DEPTH) return `the arguments are nested deeper than ${MAX_ARGUMENT_DEPTH} levels`;
    } else if (character === '}' || character === ']') {
      open.pop();
      expectsName = false;
    } else if (character === ',') {
      expectsName = open.at(-1) !== undefined;
    } else if (character === '"') {
      const end = stringEnd(text, index);
      if (end === -1) return 'the arguments are not valid JSON';
      const names = open.at(-1);
      if (expectsName && names !== undefined) {
        const name = decodeString(text.slice(index, end + 1));
        if (name === undefined) return 'the arguments are not valid JSON';
        if (name === '__proto__') return 'a member is named __proto__';
        if (names.has(name)) return 'two members of one object have the same name';
        names.add(name);
        expectsName = false;
      }
      index = end;
    }
  }
  return '';
}

function stringEnd(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1;
    else if (text[index] === '"') return index;
  }
  return -1;
}

function decodeString(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}

/** Depth is bounded by scan. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (Array.isArray(value)) return value.every(isWellFormed);
  if (value !== null && typeof value === 'object')
    return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member));
  return true;
}

/** Turns schema issues into lines an operator can act on: where, what, and the nearest key that exists. Never the value. */
import { z } from 'zod';

export interface ConfigProblem {
  /** Path in the file: `policy.rules[0].route`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

export function explainIssues(schema: z.ZodType, issues: readonly z.core.$ZodIssue[]): readonly ConfigProblem[] {
  return issues.flatMap((issue): ConfigProblem[] => {
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schema, issue.path);
      return issue.keys.map((key) => {
        const near = nearest(key, known);
        return {
          path: formatPath([...issue.path, key]),
          message:
            near === undefined
              ? `unknown key; known here: ${known.join(', ')}`
              : `unknown key; did you mean "${near}"?`,
        };
      });
    }
    return [{ path: formatPath(issue.path), message: issue.message }];
  });
}

export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`),
    '',
  );
}

/** nearest finds the known key at an edit distance of at most a third of the word; undefined when none is that near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitute = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitute, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** knownKeys walks the JSON Schema form, which is plain data, instead of zod's internals. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let nodes: JsonSchemaNode[] = [z.toJSONSchema(schema, { io: 'input' }) as JsonSchemaNode];
  for (const key of path) {
    nodes = nodes.flatMap(alternatives).flatMap((node) => {
      const next =
        typeof key === 'number'
          ? node.items
          : (node.properties?.[String(key)] ??
            (typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined));
      return next === undefined ? [] : [next];
    });
  }
  return [...new Set(nodes.flatMap(alternatives).flatMap((node) => Object.keys(node.properties ?? {})))];
}

interface JsonSchemaNode {
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>;
  readonly additionalProperties?: JsonSchemaNode | boolean;
  readonly items?: JsonSchemaNode;
  readonly oneOf?: readonly JsonSchemaNode[];
  readonly anyOf?: readonly JsonSchemaNode[];
}

function alternatives(node: JsonSchemaNode): readonly JsonSchemaNode[] {
  return [node, ...(node.oneOf ?? []), ...(node.anyOf ?? [])];
}

/**
 * What happens to a model's tool call: sandbox, return or deny. Fails closed: a name nobody declared is denied, and the arguments have no say.
 */
import type { ToolsConfig } from '../../config/schema.ts';

export type ToolAction =
  | { readonly kind: 'sandbox'; readonly as: string }
  | { readonly kind: 'return' }
  | { readonly kind: 'deny'; readonly why: 'rule' | 'undeclared' };

export function actionFor(
  name: string,
  rules: ToolsConfig['rules'],
  bundled: ReadonlySet<string>,
  declared: ReadonlySet<string>,
): ToolAction {
  if (bundled.has(name)) return { kind: 'sandbox', as: name };
  if (!declared.has(name)) return { kind: 'deny', why: 'undeclared' };
  const rule = rules.find((each) => matchesName(each.match, name));
  switch (rule?.action) {
    case 'sandbox':
      return { kind: 'sandbox', as: rule.as ?? name };
    case 'deny':
      return { kind: 'deny', why: 'rule' };
    case 'return':
    case undefined:
      return { kind: 'return' };
  }
}

/** matchesName knows one wildcard, `*`. Linear: each literal piece is looked for once, left to right. */
export function matchesName(pattern: string, name: string): boolean {
  const pieces = pattern.split('*');
  const [head = ''] = pieces;
  if (pieces.length === 1) return pattern === name;
  const tail = pieces.at(-1) ?? '';
  if (!name.startsWith(head) || !name.endsWith(tail) || name.length < head.length + tail.length) return false;
  let at = head.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at);
    if (found === -1 || found + piece.length > name.length - tail.length) return false;
    at = found + piece.length;
  }
  return true;
}

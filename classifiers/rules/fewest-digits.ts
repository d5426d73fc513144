/** How many digits every match of a pattern holds: where a text has fewer, the pattern need not be tried. */
import { isSubset } from './regex-syntax.ts';
import type { CharacterSet, RegexNode } from './regex-syntax.ts';

const DIGITS: CharacterSet = [[0x30, 0x39]];

/** fewestDigits counts the digits of the match that has fewest; 0 where nothing is certain. */
export function fewestDigits(node: RegexNode): number {
  switch (node.kind) {
    case 'set':
      return node.set.length > 0 && isSubset(node.set, DIGITS) ? 1 : 0;
    case 'sequence':
      return node.items.reduce((sum, item) => sum + fewestDigits(item), 0);
    case 'choice':
      return Math.min(...node.items.map(fewestDigits));
    case 'repeat':
      return node.least === 0 ? 0 : node.least * fewestDigits(node.item);
    // What is only looked at is not part of the match, and may stand outside the window.
    case 'anchor':
    case 'look':
    case 'back-reference':
      return 0;
  }
}

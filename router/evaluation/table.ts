/** Columns of text: the first left, the others right. Cells hold names and numbers; control characters are dropped, a data set's names could hold them. */
import { printable } from '../commands/terminal.ts';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const clean = [head, ...rows].map((row) => row.map((cell) => printable(cell).replaceAll('\n', ' ')));
  const widths = head.map((_, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0)));
  return clean.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

export function percent(share: number | undefined): string {
  return share === undefined ? '-' : `${(share * 100).toFixed(2)} %`;
}

/** What evaluate and tune share: a policy that can judge, and a walk over a labelled file with progress. Both end in exit 2 with the reason on stderr. */
import { statSync } from 'node:fs';
import { createJudge, type Judge } from '../evaluation/judge.ts';
import { createProgress } from '../evaluation/progress.ts';
import type { EvaluationRow } from '../evaluation/row.ts';
import { readRows } from '../evaluation/rows.ts';
import { EXIT, loadOrExit, talk, talkProblems } from './terminal.ts';

/** judgeOrExit loads and proves a configuration or says why not and exits 2. */
export function judgeOrExit(file: string | undefined): Judge {
  const loaded = loadOrExit(file);
  const created = createJudge(loaded.config);
  if (created.kind === 'judge') return created.judge;
  talkProblems(loaded.file, created.problems);
  process.exit(EXIT.unusable);
}

/** eachRow gives rows to `take`, which returns what is wrong with one. The first problem ends the walk and is named on stderr with its line. */
export async function eachRow(
  file: string,
  take: (row: EvaluationRow) => Promise<string | undefined>,
): Promise<'read' | 'unusable'> {
  const size = sizeOf(file);
  const progress = createProgress(process.stderr);
  let rows = 0;
  for await (const read of readRows(file)) {
    const problem = read.kind === 'problem' ? read.message : await take(read.row);
    if (problem !== undefined) {
      progress.end();
      talk(`${file}:${read.kind === 'problem' ? read.line : read.row.line}: ${problem}`);
      return 'unusable';
    }
    rows += 1;
    progress.at(size === 0 ? 1 : read.bytesRead / size, rows);
  }
  progress.end();
  if (rows > 0) return 'read';
  talk(`${file}: holds no row`);
  return 'unusable';
}

/** 0 for what has no size, such as a pipe. */
function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

/** Detectors to compare with: packages of this project, packages in a folder outside it, and findings made elsewhere. */
import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Redactor } from '@redactpii/node';
import type { EvaluationRow } from '../../router/evaluation/row.ts';

/** What flags nothing by itself here does not count as a flag of others either. */
const QUASI = new Set(['DATE_TIME', 'URL', 'LOCATION', 'NRP', 'ORGANIZATION', 'UUID', 'AGE']);

export interface Span {
  readonly entity: string;
  readonly start: number;
  readonly end: number;
}
export interface Detector {
  readonly name: string;
  /** Its spans were made elsewhere, for every row. */
  readonly isRecorded?: true;
  /** Whether it would keep the row, and where; spans are undefined for tools that give none. */
  find(
    row: EvaluationRow,
    text: string,
  ): Promise<{ readonly flagged: boolean; readonly spans: readonly Span[] | undefined }>;
}

export function packaged(): Detector {
  const redactor = new Redactor({ apiKey: null });
  const version = versionIn('node_modules/@redactpii/node/package.json');
  return {
    name: `@redactpii/node ${version}`,
    find: (_, text) => Promise.resolve({ flagged: redactor.hasPII(text), spans: undefined }),
  };
}

export function modules(folder: string | undefined): readonly Detector[] {
  if (folder === undefined) return [];
  const root = resolve(folder);
  const load = createRequire(`${root}/node_modules/`);
  const { SyncRedactor } = load('redact-pii') as { SyncRedactor: new () => { redact(text: string): string } };
  const { OpenRedaction } = load('openredaction') as {
    OpenRedaction: new () => { detect(text: string): Promise<{ readonly detections: readonly unknown[] }> };
  };
  const redactor = new SyncRedactor();
  const open = new OpenRedaction();
  return [
    {
      name: `redact-pii ${versionIn(`${root}/node_modules/redact-pii/package.json`)}`,
      find: (_, text) => Promise.resolve({ flagged: redactor.redact(text) !== text, spans: undefined }),
    },
    {
      name: `openredaction ${versionIn(`${root}/node_modules/openredaction/package.json`)}`,
      find: async (_, text) => ({ flagged: (await open.detect(text)).detections.length > 0, spans: undefined }),
    },
  ];
}

export async function recorded(argument: string): Promise<Detector> {
  const at = argument.indexOf('=');
  const byId = new Map<string, readonly Span[]>();
  for await (const line of createInterface({ input: createReadStream(argument.slice(at + 1)) })) {
    const each = JSON.parse(line) as { readonly id: string; readonly findings: readonly Span[] };
    byId.set(each.id, each.findings);
  }
  return {
    name: argument.slice(0, at),
    isRecorded: true,
    find: (row) => {
      const spans = byId.get(row.id);
      if (spans === undefined) throw new Error(`line ${row.line}: ${argument.slice(0, at)} has no answer`);
      return Promise.resolve({ flagged: spans.some(({ entity }) => !QUASI.has(entity)), spans });
    },
  };
}

function versionIn(path: string): string {
  return (JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }).version;
}

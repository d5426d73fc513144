/**
 * Writes the table of docs/compatibility.md from a run of the clients' tests: `npm run clients`. Versions are those that were installed, numbers are those of the run; nothing is
 * written when a test fails.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = new URL('../../', import.meta.url).pathname;
const PAGE = join(ROOT, 'docs/compatibility.md');
const [BEGIN, END] = ['<!-- clients: begin -->', '<!-- clients: end -->'];

/** Test file to the packages it drives, and what of them. */
const CLIENTS: readonly (readonly [file: string, packages: readonly string[], what: string])[] = [
  ['openai.test.ts', ['openai'], 'chat: create, stream, helpers, `runTools`; models'],
  [
    'openai-responses.test.ts',
    ['openai'],
    'responses: create, stream, parse, retrieve, delete, input items, tools, state',
  ],
  ['openai-completions.test.ts', ['openai'], 'legacy completions'],
  ['openai-embeddings.test.ts', ['openai'], 'embeddings, both encodings'],
  [
    'ai-sdk-openai.test.ts',
    ['ai', '@ai-sdk/openai', '@ai-sdk/openai-compatible'],
    'responses, chat, completions, embeddings: text, streams, tools, objects',
  ],
  [
    'langchain-openai.test.ts',
    ['@langchain/openai'],
    'chat and responses: invoke, stream, tools, structured output, embeddings',
  ],
  ['openai-agents.test.ts', ['@openai/agents'], 'runs with tools, whole and streamed, by both APIs'],
  ['open-responses.test.ts', [], 'the Open Responses request forms, whole and streamed, every member of a reply'],
  ['anthropic.test.ts', ['@anthropic-ai/sdk'], 'messages: create, stream, tools, `count_tokens`'],
  ['ai-sdk-anthropic.test.ts', ['ai', '@ai-sdk/anthropic'], 'text, streams, tools, objects'],
  ['ollama.test.ts', ['ollama'], 'chat, generate, embed: whole and streamed, tools'],
  ['ollama-models.test.ts', ['ollama'], 'list, show, ps'],
];

interface Report {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const output = join(mkdtempSync(join(tmpdir(), 'sluice-clients-')), 'report.json');
const run = spawnSync(
  process.execPath,
  [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', 'test/clients', '--reporter=json', `--outputFile=${output}`],
  { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] },
);
const report = JSON.parse(readFileSync(output, 'utf8')) as Report;
if (run.status !== 0 || !report.success) {
  process.stderr.write('a client failed: docs/compatibility.md is as it was\n');
  process.exit(1);
}
const rows = CLIENTS.map(([file, packages, what]) => {
  const results = report.testResults.find(({ name }) => name.endsWith(`/${file}`))?.assertionResults ?? [];
  const passed = results.filter(({ status }) => status === 'passed').length;
  const skipped = results.length - passed;
  const names = packages.map((name) => `${name} ${versionOf(name)}`).join(', ') || '–';
  return `| ${names} | ${what} | ${passed} passed${skipped === 0 ? '' : `, ${skipped} skipped`} | \`test/clients/${file}\` |`;
});
const page = readFileSync(PAGE, 'utf8');
const [head = '', rest = ''] = page.split(BEGIN);
const tail = rest.split(END)[1] ?? '';
const table = ['| client | what of it | result | test |', '| --- | --- | --- | --- |', ...rows].join('\n');
writeFileSync(PAGE, `${head}${BEGIN}\n\n${table}\n\n${END}${tail}`);
process.stderr.write(`wrote ${rows.length} rows to docs/compatibility.md\n`);

function versionOf(name: string): string {
  for (const place of ['node_modules', 'test/clients/on-demand/node_modules']) {
    try {
      return (JSON.parse(readFileSync(join(ROOT, place, name, 'package.json'), 'utf8')) as { version: string }).version;
    } catch {
      // Installed on demand, or not at all.
    }
  }
  return '(not installed)';
}

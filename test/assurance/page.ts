/** docs/assurance.md, made of the register. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REGISTER } from './register.ts';

export const ROOT = join(import.meta.dirname, '../..');
export const ASSURANCE_PAGE = join(ROOT, 'docs/assurance.md');

export function assurancePage(): string {
  return [
    '# Assurance',
    '',
    '<!-- Made by `npm run generate` from test/assurance/register.ts; do not edit. -->',
    '',
    'Each promise, and each fault that gateways and sandboxes of the field were found to have, with the tests that hold it here. A row whose test is gone fails the suite. All of them run with `npm test`;',
    '`npm run hunt`, `npm run fuzz` and `npm run soak` run the open-ended ones for as long as asked.',
    ...REGISTER.flatMap((chapter) => [
      '',
      `## ${chapter.title}`,
      '',
      '| | what | held by |',
      '| --- | --- | --- |',
      ...chapter.rows.map((row) => `| ${row.id} | ${row.says} | ${row.tests.map(link).join('<br>')} |`),
    ]),
    '',
  ].join('\n');
}

function link(test: string): string {
  const [file = '', title] = test.split(' › ');
  const name = file.replace(/^test\//, '').replace(/\.test\.ts$/, '');
  return `[${name}](../${file})${title === undefined ? '' : `: ${title}`}`;
}

if (import.meta.main) writeFileSync(ASSURANCE_PAGE, assurancePage());

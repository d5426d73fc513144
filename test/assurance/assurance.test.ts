import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import { describe, expect, it } from 'vitest';
import { ASSURANCE_PAGE, assurancePage, ROOT } from './page.ts';
import { REGISTER } from './register.ts';

const rows = REGISTER.flatMap((chapter) => chapter.rows);

/** What a file gives to describe() and it() as names: literals only, so that a comment does not count. */
function titlesOf(file: string): readonly string[] {
  const { program } = parseSync(file, readFileSync(join(ROOT, file), 'utf8'));
  const titles: string[] = [];
  new Visitor({
    Literal: (node) => void (typeof node.value === 'string' && titles.push(node.value)),
    TemplateElement: (node) => void titles.push(node.value.cooked ?? ''),
  }).visit(program);
  return titles;
}

describe('the register', () => {
  it('has a row for each promise and each known fault, once', () => {
    const ids = rows.map((row) => row.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (let fault = 1; fault <= 32; fault += 1) expect(ids).toContain(`G${fault}`);
    for (const promise of ['1', '2', '3', '4', '5']) expect(ids.some((id) => id.startsWith(promise))).toBe(true);
  });

  it.each(rows.map((row) => [row.id, row] as const))('%s is held by tests that are there', (_, row) => {
    expect(row.tests.length).toBeGreaterThan(0);
    for (const test of row.tests) {
      const [file = '', title] = test.split(' › ');
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      if (title !== undefined)
        expect(
          titlesOf(file).some((each) => each.includes(title)),
          test,
        ).toBe(true);
    }
  });

  it('would miss a test that is gone', () => {
    expect(titlesOf('test/assurance/assurance.test.ts')).toContain('the register');
    expect(titlesOf('test/assurance/assurance.test.ts')).not.toContain('no such title'.toUpperCase());
  });

  it('is what docs/assurance.md says', () => {
    expect(readFileSync(ASSURANCE_PAGE, 'utf8')).toBe(assurancePage());
  });
});

/** The page takes types from the router and nothing else, and nothing that could turn data into markup or script. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './tree.ts';

const FOLDER = join(ROOT, 'console');
const files = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(FOLDER, name), 'utf8') }));

describe('the console', () => {
  it('was looked at', () => expect(files.length).toBeGreaterThan(8));
  it.each(files.map(({ name, text }) => [name, text] as const))('%s', (_, text) => {
    for (const [, clause = '', from = ''] of text.matchAll(/^(import[^;]*?) from '([^']+)';/gm)) {
      if (from.startsWith('./')) continue;
      expect(from).toBe('../router/admin/api.ts');
      expect(clause).toMatch(/^import type /);
    }
    expect(text).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|localStorage|https?:\/\/(?!www\.w3\.org\/2000\/svg)/,
    );
  });
});

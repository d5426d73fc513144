/** Last step of `npm run build`: what is no TypeScript goes beside what was compiled (programs that run inside the sandbox, the schema, static pages). */
import { cpSync, existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
for (const folder of ['config', 'classifiers', 'sandbox', 'router', 'console']) {
  if (!existsSync(join(root, folder))) continue;
  cpSync(join(root, folder), join(root, 'dist', folder), {
    recursive: true,
    filter: (source) => lstatSync(source).isDirectory() || !/\.(ts|mjs)$/.test(source),
  });
}

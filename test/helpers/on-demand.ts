/** Clients too heavy for every install: `npm run clients` brings them. Where they are missing their tests are skipped, and say so. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const ROOT = new URL('../clients/on-demand/', import.meta.url);
const resolveFrom = createRequire(new URL('package.json', ROOT));

/** Empty when they are there. */
export const WHY_SKIPPED = existsSync(new URL('node_modules', ROOT))
  ? ''
  : 'clients on demand are not installed: npm run clients';

/** loadOnDemand imports one of them. Its types are not here, so the caller says what it takes it for. */
export async function loadOnDemand<T>(name: string): Promise<T> {
  return (await import(locate(name))) as T;
}

/** Packages that can only be imported do not resolve for require; their folder holds an index all the same. */
function locate(name: string): string {
  try {
    return pathToFileURL(resolveFrom.resolve(name)).href;
  } catch {
    return new URL(`node_modules/${name}/index.js`, ROOT).href;
  }
}

/** The URL of a module beside `from`, by its name without an ending: `.ts` in a checkout, `.js` in the compiled package. For modules that are started as processes. */
import { extname } from 'node:path';

export function siblingModule(name: string, from: string): URL {
  return new URL(`./${name}${extname(from)}`, from);
}

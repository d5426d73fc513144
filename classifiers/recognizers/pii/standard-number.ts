/**
 * standardNumber gives the check of one of stdnum's country modules. Modules load on first use, because all of
 * them together cost about 100 ms of start-up and a deployment meets numbers of a few countries.
 * A number stdnum cannot read is not valid; a module that cannot be loaded throws (the engine makes that a gap).
 */
import { createRequire } from 'node:module';

interface StandardNumberModule {
  readonly validate: (value: string) => { readonly isValid: boolean };
}

const load = createRequire(import.meta.url);
const loaded = new Map<string, StandardNumberModule>();

/** `module` is country and number as stdnum names them: `de/idnr`. */
export function standardNumber(module: string): (value: string) => boolean {
  return (value) => {
    let found = loaded.get(module);
    if (found === undefined) {
      found = load(`stdnum/lib/cjs/${module}.js`) as StandardNumberModule;
      loaded.set(module, found);
    }
    return found.validate(value).isValid;
  };
}

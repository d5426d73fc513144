/** The state of an installation for commands that do not serve: its key and its store. Fails closed: what is not there or cannot be opened is a problem with its cure. */
import type { ConfigProblem } from '../../config/explain.ts';
import { type Environment, stateDirOf } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import type { AuditOptions } from '../audit/audit.ts';
import { loadOrCreateKey } from '../sessions/key.ts';
import { openFileStore, type OpenedStore, type Store } from './store.ts';

export type OpenedState =
  | {
      readonly kind: 'state';
      readonly key: Buffer;
      readonly store: Store;
      readonly stateDir: string;
      /** Where the audit of this installation is kept. */
      readonly auditAt: AuditOptions['at'];
    }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] };

export interface StateOptions {
  readonly config: Config;
  readonly environment: Environment;
  /** Nothing is written to disk: the demo. */
  readonly volatile?: { readonly key: Buffer; readonly stateDir: string };
}

export async function openState({ config, environment, volatile }: StateOptions): Promise<OpenedState> {
  const stateDir = volatile?.stateDir ?? stateDirOf(config, environment);
  let key: Buffer;
  try {
    key = volatile?.key ?? loadOrCreateKey(stateDir);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'damaged';
    return invalid(`digest.key in ${stateDir} cannot be read or made (${code})`);
  }
  const options = { key, ladder: config.labels, maxEntries: config.sessions.maxEntries };
  const opened: OpenedStore = await openFileStore(volatile === undefined ? stateDir : undefined, options);
  if (opened.kind === 'failed') return invalid(`the store cannot be opened (${opened.reason}): ${opened.cure}`);
  return {
    kind: 'state',
    key,
    store: opened.store,
    stateDir,
    auditAt: volatile === undefined ? { directory: stateDir } : 'memory',
  };
}

function invalid(message: string): OpenedState {
  return { kind: 'invalid', problems: [{ path: 'stateDir', message }] };
}

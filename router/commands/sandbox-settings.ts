/** What the sandbox commands share: a configuration whose sandbox policy holds, and where its state lies. */
import { resolve } from 'node:path';
import { type LoadedConfig, stateDirOf } from '../../config/load.ts';
import { sandboxProblems } from '../provision.ts';
import { EXIT, loadOrExit, talkProblems } from './terminal.ts';

export interface SandboxOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export type SandboxSettings = LoadedConfig & { readonly kind: 'config'; readonly stateDir: string };

/** sandboxSettingsOrExit reads the configuration or says why not and exits 2, for a sandbox policy with a problem too. */
export function sandboxSettingsOrExit(options: SandboxOptions): SandboxSettings {
  const loaded = loadOrExit(options.config);
  const problems = sandboxProblems(loaded.config);
  if (problems.length > 0) {
    talkProblems(loaded.file, problems);
    process.exit(EXIT.unusable);
  }
  return { ...loaded, stateDir: resolve(stateDirOf(loaded.config, process.env)) };
}

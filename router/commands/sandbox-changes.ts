/**
 * `sluice sandbox changes`: what copy-on-write calls would change in the workspace, to look at, apply or discard. Fails closed: nothing is applied
 * over a file that changed meanwhile, or that the guard objects to unless told so in as many words.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import { changesDirectory, type ChangeSet, COPY_LIMITS, createChangeStore } from '../../sandbox/guard/change-store.ts';
import type { ChangeStore } from '../../sandbox/guard/change-store.ts';
import { sandboxSettingsOrExit, type SandboxOptions } from './sandbox-settings.ts';
import { data, dataJson, EXIT, leave, oneLine, talk } from './terminal.ts';

export function changesCommand(): Command {
  const command = new Command('changes').description('Change sets of copy-on-write calls (sandbox.workspace: cow).');
  const add = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .option('-c, --config <file>', 'configuration file (YAML)')
      .option('--json', 'print JSON');

  add('list', 'List change sets that wait.').action((options: SandboxOptions) => {
    const { store } = open(options);
    const sets = store.list().map((id) => readOrExit(store, id));
    if (options.json === true) return dataJson({ changeSets: sets.map(summarise) });
    for (const set of sets) {
      const { changes, findings } = summarise(set);
      data(`${set.id}  ${changes} changes  ${findings} objections of the guard  ${set.workspace}`);
    }
    if (sets.length === 0) talk('no change set waits');
  });
  add('show', 'Show what a change set would do.')
    .argument('<id>')
    .action((id: string, options: SandboxOptions) => {
      const { store, directory } = open(options);
      const set = readOrExit(store, id);
      if (options.json === true) return dataJson(set);
      for (const { change, kind, size, shown } of set.changes)
        data(oneLine(`${change.padEnd(8)}  ${kind.padEnd(9)}  ${String(size).padStart(10)}  ${shown}`));
      for (const { rule, path } of set.findings) data(oneLine(`guard     ${rule}  ${path}`));
      talk(`to compare contents: diff -r ${set.workspace} ${join(directory, id, 'tree')}`);
    });
  add('apply', 'Apply a change set to its workspace. Exit 1 when it is refused; then nothing was changed.')
    .argument('<id>')
    .option('--despite-guard', 'apply what the guard objects to')
    .action(async (id: string, options: SandboxOptions & { readonly despiteGuard?: boolean }) => {
      const { store } = open(options);
      readOrExit(store, id);
      const applied = await store
        .apply(id, { despiteGuard: options.despiteGuard === true })
        .catch((error: unknown) => failed(error));
      if (options.json === true) dataJson(applied);
      else if (applied.kind === 'applied') data(`applied ${applied.changes} changes`);
      else {
        data(`refused: ${WHY[applied.why]}`);
        for (const path of applied.paths) data(oneLine(`  ${path}`));
      }
      await leave(applied.kind === 'applied' ? EXIT.done : EXIT.failed);
    });
  add('discard', 'Throw a change set away.')
    .argument('<id>')
    .action(async (id: string, options: SandboxOptions) => {
      const { store } = open(options);
      readOrExit(store, id);
      const discarded = store.discard(id);
      if (options.json === true) dataJson({ discarded });
      else data(`discarded ${id}`);
      await leave(discarded ? EXIT.done : EXIT.failed);
    });
  return command;
}

const WHY = {
  unknown: 'there is no such change set',
  conflict: 'these changed in the workspace meanwhile; discard it, or put them back',
  forbidden: 'the sandbox’s user may not change these',
  guard: 'the guard objects to these; look at them, then repeat with --despite-guard',
} as const;

function open(options: SandboxOptions): { readonly store: ChangeStore; readonly directory: string } {
  const directory = changesDirectory(sandboxSettingsOrExit(options).stateDir);
  return { store: createChangeStore({ directory, ...COPY_LIMITS }), directory };
}

function readOrExit(store: ChangeStore, id: string): ChangeSet {
  let set: ChangeSet | undefined;
  try {
    set = store.read(id);
  } catch (error) {
    failed(error);
  }
  if (set !== undefined) return set;
  talk('there is no such change set; "sluice sandbox changes list" names them');
  process.exit(EXIT.unusable);
}

/** What a change set holds was written by whoever ran inside: of an error only its code is told. */
function failed(error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
  talk(`the change set could not be handled (${code})`);
  process.exit(EXIT.failed);
}

function summarise(set: ChangeSet) {
  return { id: set.id, workspace: set.workspace, changes: set.changes.length, findings: set.findings.length };
}

/** `sluice sandbox`: everything an operator asks of the sandbox, one file per question. */
import { Command } from 'commander';
import { attackCommand } from './sandbox-attack.ts';
import { changesCommand } from './sandbox-changes.ts';
import { explainToolCommand } from './sandbox-explain.ts';
import { runCommand, verifyCommand } from './sandbox-run.ts';
import { listCommand, pruneCommand, recreateCommand } from './sandbox-scopes.ts';

export function sandboxCommand(): Command {
  const command = new Command('sandbox').description('Run tools in the sandbox, prove it, attack it, explain it.');
  for (const each of [
    runCommand(),
    verifyCommand(),
    attackCommand(),
    explainToolCommand(),
    listCommand(),
    pruneCommand(),
    recreateCommand(),
    changesCommand(),
  ])
    command.addCommand(each);
  return command;
}

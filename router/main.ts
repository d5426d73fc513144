#!/usr/bin/env node
/** The command line: one file per command. stdout is data, stderr is talk; exit 0 done, 1 a finding or a failure, 2 unusable input. */
import { Command } from 'commander';
import { checkCommand } from './commands/check.ts';
import { classifyCommand } from './commands/classify.ts';
import { feedbackCommand } from './commands/feedback.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { explainCommand } from './commands/explain.ts';
import { replayCommand } from './commands/replay.ts';
import { sandboxCommand } from './commands/sandbox.ts';
import { auditCommand } from './commands/audit.ts';
import { keysCommand } from './commands/keys.ts';
import { serveCommand } from './commands/serve.ts';
import { EXIT, outliveReaders, printable } from './commands/terminal.ts';
import { tuneCommand } from './commands/tune.ts';

outliveReaders();
const program = new Command('sluice')
  .description('Privacy router: sensitive prompts stay on a local model, tool calls run in a sandbox.')
  .version('0.1.0');
for (const command of [
  serveCommand(),
  checkCommand(),
  explainCommand(),
  classifyCommand(),
  evaluateCommand(),
  tuneCommand(),
  keysCommand(),
  feedbackCommand(),
  replayCommand(),
  auditCommand(),
  sandboxCommand(),
])
  program.addCommand(command);
understood(program, 'sluice');
await program.parseAsync();

/** understood makes a command that was not understood exit 2 and name its help: 1 means that something was found, and a script must not take a typo for it. */
function understood(command: Command, name: string): void {
  // What was typed is repeated, and may have come from a file or another program.
  command.configureOutput({ writeErr: (text) => void process.stderr.write(printable(text)) });
  command.showHelpAfterError(`(${name} --help says what it takes)`);
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.done : EXIT.unusable));
  for (const inner of command.commands) understood(inner, `${name} ${inner.name()}`);
}

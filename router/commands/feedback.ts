/** `sluice feedback export`: marks with a text as labelled rows on stdout, for evaluate and tune. It prints people's text, so it asks for the state directory's key and nothing less. */
import { Command } from 'commander';
import { stateDirOf } from '../../config/load.ts';
import { FeedbackStore } from '../feedback/feedback-store.ts';
import { loadOrCreateKey } from '../sessions/key.ts';
import { data, EXIT, leave, loadOrExit, talk } from './terminal.ts';

export function feedbackCommand(): Command {
  const command = new Command('feedback').description('Decisions that people marked as wrong.');
  command
    .command('export')
    .description('Print marks with a text as rows for evaluate and tune (JSON lines).')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .action(async (options: { readonly config?: string }) => {
      const { config } = loadOrExit(options.config);
      const stateDir = stateDirOf(config, process.env);
      const store = new FeedbackStore(stateDir, loadOrCreateKey(stateDir));
      const { rows, unreadable } = store.read();
      const lines = store.labelledRows();
      if (lines !== '') data(lines);
      talk(`${rows.length} marks, ${rows.filter((row) => row.text !== undefined).length} with a text`);
      if (unreadable > 0) talk(`${unreadable} lines do not decrypt with this installation's key`);
      await leave(unreadable > 0 ? EXIT.failed : EXIT.done);
    });
  return command;
}

/** `sluice feedback export | erase`: marks with a text as labelled rows on stdout, for evaluate and tune; or all of them gone. Needs the store and its key, as the server does. */
import { Command } from 'commander';
import { FeedbackStore } from '../feedback/feedback-store.ts';
import { openState } from '../store/open-state.ts';
import { data, EXIT, leave, loadOrExit, talk, talkProblems } from './terminal.ts';

interface Options {
  readonly config?: string;
}

export function feedbackCommand(): Command {
  const command = new Command('feedback').description('Decisions that people marked as wrong.');
  command
    .command('export')
    .description('Print marks with a text as rows for evaluate and tune (JSON lines).')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .action((options: Options) =>
      withFeedback(options, async (feedback) => {
        const { rows, unreadable } = await feedback.read();
        const lines = await feedback.labelledRows();
        if (lines !== '') data(lines);
        talk(`${rows.length} marks, ${rows.filter((row) => row.text !== undefined).length} with a text`);
        if (unreadable > 0) talk(`${unreadable} do not open with this installation's key`);
        return unreadable > 0 ? EXIT.failed : EXIT.done;
      }),
    );
  command
    .command('erase')
    .description('Delete every mark, with its text.')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .action((options: Options) =>
      withFeedback(options, async (feedback) => {
        talk(`${await feedback.erase()} marks erased`);
        return EXIT.done;
      }),
    );
  return command;
}

async function withFeedback(options: Options, work: (feedback: FeedbackStore) => Promise<number>): Promise<void> {
  const { config, file } = loadOrExit(options.config);
  const state = await openState({ config, environment: process.env });
  if (state.kind === 'invalid') {
    talkProblems(file, state.problems);
    process.exit(EXIT.unusable);
  }
  const code = await work(new FeedbackStore(state.store, config.telemetry.feedbackDays));
  await state.store.close();
  await leave(code);
}

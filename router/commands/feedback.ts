/** `sluice feedback export | erase`: marks with a text, or samples of traffic, as labelled rows on stdout, for evaluate and tune; or all of them gone. Needs the store and its key, as the server does. */
import { Command } from 'commander';
import { FeedbackStore } from '../feedback/feedback-store.ts';
import { openState } from '../store/open-state.ts';
import { data, EXIT, leave, loadOrExit, talk, talkProblems } from './terminal.ts';

interface Options {
  readonly config?: string;
  readonly samples?: boolean;
}

export function feedbackCommand(): Command {
  const command = new Command('feedback').description('Decisions that people marked as wrong, and samples of traffic.');
  command
    .command('export')
    .description('Print marks with a text as rows for evaluate and tune (JSON lines).')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--samples', 'the samples that telemetry.sampling took, not the marks')
    .action((options: Options) =>
      withFeedback(options, async ({ marks, samples }) => {
        const feedback = options.samples === true ? samples : marks;
        const { rows, unreadable } = await feedback.read();
        const lines = await feedback.labelledRows();
        if (lines !== '') data(lines);
        talk(
          `${rows.length} ${options.samples === true ? 'samples' : 'marks'}, ${rows.filter((row) => row.text !== undefined).length} with a text`,
        );
        if (unreadable > 0) talk(`${unreadable} do not open with this installation's key`);
        return unreadable > 0 ? EXIT.failed : EXIT.done;
      }),
    );
  command
    .command('erase')
    .description('Delete every mark, with its text, and every sample.')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--samples', 'only the samples')
    .action((options: Options) =>
      withFeedback(options, async ({ marks, samples }) => {
        if (options.samples !== true) talk(`${await marks.erase()} marks erased`);
        talk(`${await samples.erase()} samples erased`);
        return EXIT.done;
      }),
    );
  return command;
}

interface Rows {
  readonly marks: FeedbackStore;
  readonly samples: FeedbackStore;
}

async function withFeedback(options: Options, work: (rows: Rows) => Promise<number>): Promise<void> {
  const { config, file } = loadOrExit(options.config);
  const state = await openState({ config, environment: process.env });
  if (state.kind === 'invalid') {
    talkProblems(file, state.problems);
    process.exit(EXIT.unusable);
  }
  const { feedbackDays, sampling } = config.telemetry;
  const code = await work({
    marks: new FeedbackStore(state.store, feedbackDays),
    samples: new FeedbackStore(state.store, sampling.days, 'samples'),
  });
  await state.store.close();
  await leave(code);
}

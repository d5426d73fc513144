/** `sluice classify`: what the classifiers find in a text. Prints positions, entities and steps, no value. Exit 1 when the text is not clean, so scripts can ask. */
import { Command } from 'commander';
import { buildClassifier } from '../provision.ts';
import { data, EXIT, leave, loadOrExit, readInput, talk, talkProblems } from './terminal.ts';

export function classifyCommand(): Command {
  return new Command('classify')
    .description('Classify a text (file or standard input). Exit 1 when it is not clean.')
    .argument('[file]', 'text; standard input when absent or -')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--near-misses', 'also say what was almost found')
    .option('--json', 'print JSON')
    .action(
      async (
        file: string | undefined,
        options: { readonly config?: string; readonly nearMisses?: boolean; readonly json?: boolean },
      ) => {
        const loaded = loadOrExit(options.config);
        const built = buildClassifier(loaded.config);
        if (built.kind === 'invalid') {
          talkProblems(loaded.file, built.problems);
          process.exit(EXIT.unusable);
        }
        let text: string;
        try {
          text = new TextDecoder('utf-8', { fatal: true }).decode(readInput(file));
        } catch {
          talk('the text is not valid UTF-8');
          process.exit(EXIT.unusable);
        }
        const { verdict, signals, nearMisses } = await built.classifier.classify(
          [{ pointer: '', role: 'user', form: 'text', text, hint: '', flow: -1 }],
          [],
          {
            signal: new AbortController().signal,
            nearMisses: options.nearMisses === true ? 'collect' : 'omit',
          },
        );
        if (options.json === true) data(JSON.stringify({ verdict, signals, nearMisses }, null, 2));
        else {
          data(`${verdict.kind} (${verdict.label})`);
          for (const finding of verdict.findings)
            data(
              `finding    ${finding.entity} ${finding.score.toFixed(2)} [${finding.span.start}, ${finding.span.end}) by ${finding.recognizer}`,
            );
          if (verdict.kind === 'unknown')
            for (const gap of verdict.gaps) data(`gap        ${gap.cause} (${gap.classifier})`);
          for (const signal of signals) data(`signal     ${signal.kind}:${signal.name} ${signal.score.toFixed(2)}`);
          for (const miss of nearMisses)
            data(
              `near miss  ${miss.entity} ${miss.score.toFixed(2)} [${miss.span.start}, ${miss.span.end}) by ${miss.recognizer}: ${miss.cause}`,
            );
        }
        await leave(verdict.kind === 'clean' ? EXIT.done : EXIT.failed);
      },
    );
}

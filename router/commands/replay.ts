/** `sluice replay`: what another policy would have made of the requests in an exported audit. Sends nothing, needs no text. Exit 0 when it could be said, 2 when the input cannot be used. */
import { Command } from 'commander';
import type { Config } from '../../config/schema.ts';
import { parseRecord } from '../audit/segment.ts';
import { table } from '../evaluation/table.ts';
import { standInUpstreams } from '../provision.ts';
import { compilePolicy } from '../policy/compile.ts';
import { provePolicy } from '../policy/prove.ts';
import { changesBetween } from '../shadow/config-change.ts';
import { needsTexts, replayReceipt, type ReplayPolicy } from '../shadow/replay.ts';
import { data, dataJson, EXIT, leave, loadOrExit, printable, readInput, talk, talkProblems } from './terminal.ts';

const MOST_TOLD = 1_000;

export function replayCommand(): Command {
  return new Command('replay')
    .description('Decide the requests of an exported audit again under another policy, where receipts say enough.')
    .argument('<file>', 'receipts as `sluice audit export` prints them (JSON lines), or - for standard input')
    .requiredOption('--policy <file>', 'the other configuration')
    .option('-c, --config <file>', 'the configuration the receipts were written under')
    .option('--json', 'print JSON')
    .action((file: string, options: { readonly policy: string; readonly config?: string; readonly json?: boolean }) =>
      replay(file, options),
    );
}

async function replay(
  file: string,
  options: { readonly policy: string; readonly config?: string; readonly json?: boolean },
): Promise<void> {
  const before = policyOrExit(options.config);
  const after = policyOrExit(options.policy);
  const blind = changesBetween(before.config, after.config).filter(needsTexts);
  for (const { key } of blind)
    talk(`${key} changes what is found, which no receipt tells: shadow it on live traffic, or evaluate it on rows`);
  const counts = { requests: 0, same: 0, differing: 0, undecidable: 0 };
  const why = new Map<string, number>();
  const moves = new Map<string, number>();
  const differences: { id: string; at: number; from: string; to: string }[] = [];
  for (const [index, line] of readInput(file).toString('utf8').split('\n').entries()) {
    if (line.trim() === '') continue;
    const record = parseRecord(line);
    if (record === undefined) {
      talk(`${file}:${index + 1}: is no receipt`);
      return leave(EXIT.unusable);
    }
    if (record.kind !== 'request') continue;
    counts.requests += 1;
    const replayed = replayReceipt(record, before, after);
    switch (replayed.kind) {
      case 'same':
        counts.same += 1;
        break;
      case 'undecidable':
        counts.undecidable += 1;
        why.set(replayed.why, (why.get(replayed.why) ?? 0) + 1);
        break;
      case 'differs': {
        counts.differing += 1;
        const move = `${replayed.from} -> ${replayed.to}`;
        moves.set(move, (moves.get(move) ?? 0) + 1);
        if (differences.length < MOST_TOLD)
          differences.push({ id: record.id, at: record.at, from: replayed.from, to: replayed.to });
      }
    }
  }
  if (options.json === true) {
    dataJson({
      ...counts,
      moves: Object.fromEntries(moves),
      why: Object.fromEntries(why),
      notReplayed: blind.map(({ key }) => key),
      differences,
    });
    return leave(EXIT.done);
  }
  for (const { id, from, to } of differences) data(printable(`${id}  ${from}  ->  ${to}`));
  for (const line of table(
    ['requests', 'same', 'differ', 'not to be said'],
    [[counts.requests, counts.same, counts.differing, counts.undecidable].map(String)],
  ))
    data(line);
  for (const [move, times] of moves) data(printable(`  ${times} x ${move}`));
  for (const [reason, times] of why) data(`  ${times} x not to be said: ${reason}`);
  return leave(EXIT.done);
}

function policyOrExit(file: string | undefined): ReplayPolicy {
  const loaded = loadOrExit(file);
  const config: Config = loaded.config;
  const upstreams = config.upstreams.some((each) => each.kind !== 'ollama')
    ? config.upstreams
    : standInUpstreams(config);
  const problems = provePolicy(config, upstreams);
  if (problems.length > 0) {
    talkProblems(loaded.file, problems);
    process.exit(EXIT.unusable);
  }
  return { config, policy: compilePolicy(config, upstreams) };
}

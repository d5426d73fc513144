/** Where the time of one request goes, stage by stage, in this process: `node test/bench/stages.ts chat-2k 600`. The best tenth tells what it costs, the median what neighbours took. Run it under --cpu-prof to see deeper. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../config/load.ts';
import { scoreComplexity } from '../../classifiers/complexity/score.ts';
import { KnownValues } from '../../router/json/known-values.ts';
import { parseJson } from '../../router/json/parse.ts';
import { complexityInput } from '../../router/pipeline/complexity-input.ts';
import { prepare } from '../../router/pipeline/prepare.ts';
import { openaiChat } from '../../router/protocols/openai-chat.ts';
import { IN_MESSAGES } from '../../router/protocols/whereabouts.ts';
import { provision } from '../../router/provision.ts';
import { traceConversation } from '../../router/sessions/memory.ts';
import { createLog } from '../../router/telemetry/log.ts';
import { bodyOf, type Shape } from './proxy/bodies.ts';

const shape = (process.argv[2] ?? 'chat-2k') as Shape;
const runs = Number(process.argv[3] ?? 300);
const state = mkdtempSync(join(tmpdir(), 'sluice-stages-'));
const loaded = parseConfig(
  `stateDir: "${state}"\nupstreams: [{ kind: openai, name: sky, url: "http://127.0.0.1:1/v1", model: m, sees: public }, { kind: ollama, name: home, url: "http://127.0.0.1:1", sees: restricted }]`,
  'bench',
  {},
);
if (loaded.kind === 'invalid') throw new Error('configuration');
const provisioned = await provision({
  config: loaded.config,
  digest: loaded.digest,
  environment: {},
  log: createLog('silent'),
  models: 'configured',
  sandbox: 'off',
});
if (provisioned.kind === 'invalid') throw new Error('provision');
const { context } = provisioned;
const scope = {
  id: 'req_bench',
  principal: 'bench',
  agent: 'main',
  conversationIds: [],
  features: [],
  signal: new AbortController().signal,
};

const spent = new Map<string, number[]>();
async function time<T>(stage: string, work: () => T | Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  const took = performance.now() - startedAt;
  const known = spent.get(stage);
  if (known) known.push(took);
  else spent.set(stage, [took]);
  return result;
}

const recall = { values: new KnownValues(), cut: openaiChat.cut ?? new Set<string>(), owner: '' };
const warmUp = Math.floor(runs / 3);
for (let index = 0; index < runs; index += 1) {
  if (index === warmUp) spent.clear();
  const body = bodyOf(shape, index + 1);
  const parsed = await time('parse', () => parseJson(body, { maxDepth: 64, maxLeaves: 500_000 }, recall));
  if (parsed.kind === 'problem') throw new Error(parsed.problem.code);
  const read = await time('read', () => openaiChat.read(parsed.document));
  if (read.kind === 'problem') throw new Error(read.problem.code);
  const { blocks } = read;
  if (blocks === undefined) throw new Error('blocks');
  for (const stage of ['classify, first seen', 'classify, seen'])
    await time(stage, () =>
      context.classifier.classifyBlocks(blocks.blocks, blocks.gaps, { signal: scope.signal, nearMisses: 'omit' }),
    );
  const trace = await time('trace', () =>
    traceConversation(context.key, 'bench', read.chat.messages, [], blocks.messageKeys),
  );
  await time('recall', () => context.memory.recall(trace));
  const envelope = {
    id: 'x',
    protocol: 'openai-chat',
    principal: 'bench',
    model: 'auto',
    document: parsed.document,
    segments: read.segments,
    gaps: read.gaps,
    chat: read.chat,
    where: IN_MESSAGES,
  } as const;
  await time('complexity', () => scoreComplexity(complexityInput(envelope, context.config, blocks.messageKeys)));
  const out = await time('forUpstream', () =>
    openaiChat.forUpstream(parsed.document, { model: 'm', stream: false, includeUsage: false }),
  );
  for (const stage of ['rescan, new message', 'rescan, seen'])
    await time(stage, () => context.classifier.rescan(out, 'public'));
  // Its own memory, so the first time everything new is new to it.
  for (const stage of ['prepare whole, first seen', 'prepare whole, seen'])
    await time(stage, () => prepare(body, openaiChat, scope, context, { pass: 'first', nearMisses: 'omit' }));
}
process.stdout.write(`${'stage'.padEnd(26)} best tenth    median, µs\n`);
for (const [stage, times] of spent) {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number): string => ((sorted[Math.floor(sorted.length * share)] ?? 0) * 1000).toFixed(0);
  process.stdout.write(`${stage.padEnd(26)} ${at(0.1).padStart(10)} ${at(0.5).padStart(9)}\n`);
}
await provisioned.close();
rmSync(state, { recursive: true, force: true });

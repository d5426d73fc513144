/** From `classify.deep` to the models it names, and the classifier that asks them. Fails closed: what is named and cannot be had is a problem, and nothing starts. */
import { dirname } from 'node:path';
import type { Classifier } from '../../classifiers/classifier.ts';
import { type DeepModel, withDeepTier } from '../../classifiers/deep/deep-tier.ts';
import type { ConfigProblem } from '../../config/explain.ts';
import type { Config } from '../../config/schema.ts';
import type { LocalUpstream } from '../upstreams/upstream.ts';
import { createOllamaJudge } from './ollama-judge.ts';
import { openTokenModel } from './token-model.ts';

export async function openDeepTier(
  classifier: Classifier,
  config: Config,
  locals: ReadonlyMap<string, LocalUpstream>,
): Promise<
  | { readonly kind: 'classifier'; readonly classifier: Classifier }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] }
> {
  const { deep } = config.classify;
  const models: DeepModel[] = [];
  const problems: ConfigProblem[] = [];
  if (deep.judge !== undefined) {
    const { upstream: name, model } = deep.judge;
    const upstream = name === undefined ? [...locals.values()][0] : locals.get(name);
    if (upstream !== undefined) models.push(createOllamaJudge(upstream, model));
    else
      problems.push({
        path: 'classify.deep.judge.upstream',
        message: name === undefined ? 'no local upstream is configured' : `no local upstream is named "${name}"`,
      });
  }
  if (deep.tokenModel !== undefined) {
    const opened = await openTokenModel(deep.tokenModel, [process.cwd(), dirname(deep.tokenModel.model)]);
    if (opened.kind === 'model') models.push(opened.model);
    else problems.push({ path: opened.path, message: opened.message });
  }
  if (problems.length > 0) return { kind: 'invalid', problems };
  if (models.length === 0) return { kind: 'classifier', classifier };
  return { kind: 'classifier', classifier: withDeepTier(classifier, models, deep, config.classify, config.labels) };
}

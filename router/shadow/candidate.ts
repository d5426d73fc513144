/** A policy that may one day be in force: proved and built like the live one, with upstreams it never sends to. Fails closed: what could leak is no candidate. */
import type { Classifier } from '../../classifiers/classifier.ts';
import type { ConfigProblem } from '../../config/explain.ts';
import type { Config } from '../../config/schema.ts';
import { compilePolicy } from '../policy/compile.ts';
import type { CompiledPolicy } from '../policy/decide.ts';
import { provePolicy } from '../policy/prove.ts';
import { buildClassifier, standInUpstreams } from '../provision.ts';

export interface Candidate {
  readonly config: Config;
  readonly digest: string;
  readonly policy: CompiledPolicy;
  readonly classifier: Classifier;
}

export function createCandidate(
  config: Config,
  digest: string,
  demo: boolean,
):
  | { readonly kind: 'candidate'; readonly candidate: Candidate }
  | { readonly kind: 'invalid'; readonly problems: readonly ConfigProblem[] } {
  const upstreams = demo ? standInUpstreams(config) : config.upstreams;
  const proof = provePolicy(config, upstreams);
  const built = buildClassifier(config);
  const problems = [...proof, ...(built.kind === 'invalid' ? built.problems : [])];
  if (built.kind === 'invalid' || problems.length > 0) return { kind: 'invalid', problems };
  return {
    kind: 'candidate',
    candidate: { config, digest, policy: compilePolicy(config, upstreams), classifier: built.classifier },
  };
}

/** Upstream configurations to upstreams. Opens no connection. Fails closed: an address or a key that cannot be honoured is a problem, never an upstream without it. */
import type { ConfigProblem } from '../../config/explain.ts';
import { type Environment, resolveSecret } from '../../config/load.ts';
import type { PoolConfig, ProviderConfig, UpstreamConfig } from '../../config/upstream-schema.ts';
import { DoorFault } from './failure.ts';
import { Gate } from './gate.ts';
import { type CountOutcome, gatedCloud } from './gated-cloud.ts';
import { createLocalPool } from './local-pool.ts';
import { createPool, type Pool } from './pool.ts';
import { createOllamaUpstream } from './ollama.ts';
import { createCloudUpstream } from './cloud.ts';
import { createOpenAIUpstream } from './openai.ts';
import { profileOf } from './provider.ts';
import { createCloudStandIn, createLocalStandIn } from './stand-in.ts';
import type { CloudUpstream, LocalUpstream } from './upstream.ts';

export interface OpenUpstreams {
  readonly locals: ReadonlyMap<string, LocalUpstream>;
  readonly clouds: ReadonlyMap<string, CloudUpstream>;
  readonly pools: ReadonlyMap<string, Pool>;
  readonly gates: ReadonlyMap<string, Gate>;
  readonly problems: readonly ConfigProblem[];
}

export interface OpenOptions {
  readonly providers?: Readonly<Record<string, ProviderConfig>>;
  readonly pools?: Readonly<Record<string, PoolConfig>>;
  readonly count?: CountOutcome;
}

const URL_FAULTS: Readonly<Partial<Record<DoorFault['code'], string>>> = {
  invalid_url: 'is no http or https URL that can be sent to',
  not_local: "is Ollama's cloud: an upstream of kind ollama has to be a server of your own",
};

export function openUpstreams(
  configs: readonly UpstreamConfig[],
  environment: Environment,
  { providers = {}, pools: groups = {}, count = () => {} }: OpenOptions = {},
): OpenUpstreams {
  const locals = new Map<string, LocalUpstream>();
  const clouds = new Map<string, CloudUpstream>();
  const problems: ConfigProblem[] = [];
  for (const config of configs) {
    try {
      open(config);
    } catch (error) {
      if (!(error instanceof DoorFault)) throw error;
      problems.push({ path: `upstreams.${config.name}.url`, message: URL_FAULTS[error.code] ?? error.code });
    }
  }
  const gates = new Map<string, Gate>();
  for (const config of configs)
    if (config.kind !== 'stand-in')
      gates.set(config.name, new Gate({ maxConcurrent: config.maxConcurrent, ...config.breaker }));
  for (const [name, upstream] of clouds) {
    const gate = gates.get(name);
    if (gate !== undefined) clouds.set(name, gatedCloud(upstream, gate, count));
  }
  const pools = new Map<string, Pool>();
  for (const [name, group] of Object.entries(groups)) {
    const pool = createPool(name, group, gates);
    const servers = new Map(
      group.members.flatMap((member) => locals.get(member) ?? []).map((each) => [each.name, each]),
    );
    // Whether they are all of one side is for the proof to say (policy/prove.ts); a mixed pool serves nobody.
    if (servers.size === 0) pools.set(name, pool);
    else if (servers.size === group.members.length) locals.set(name, createLocalPool(pool, servers, gates));
  }
  return { locals, clouds, pools, gates, problems };

  function open(config: UpstreamConfig): void {
    switch (config.kind) {
      case 'ollama':
        locals.set(config.name, createOllamaUpstream(config));
        return;
      case 'openai':
      case 'azure':
      case 'anthropic':
      case 'provider': {
        const profile = profileOf(config, providers);
        if (profile === undefined) {
          problems.push({
            path: `upstreams.${config.name}.provider`,
            message: `"${config.kind === 'provider' ? config.provider : ''}" is not described under providers`,
          });
          return;
        }
        const apiKey = config.apiKey === undefined ? undefined : resolveSecret(config.apiKey, environment);
        if (config.apiKey !== undefined && apiKey === undefined)
          problems.push({
            path: `upstreams.${config.name}.apiKey`,
            message: `${config.apiKey} is not set or cannot be read`,
          });
        else
          clouds.set(
            config.name,
            config.kind === 'openai'
              ? createOpenAIUpstream(config, apiKey)
              : createCloudUpstream(config, profile, apiKey),
          );
        return;
      }
      case 'stand-in':
        if (config.name === 'local') locals.set(config.name, createLocalStandIn(config));
        else clouds.set(config.name, createCloudStandIn(config));
    }
  }
}

/** anyModelIn: whether a cloud upstream is configured or a local server answers with a model. */
export async function anyModelIn({ locals, clouds }: Pick<OpenUpstreams, 'locals' | 'clouds'>): Promise<boolean> {
  if (clouds.size > 0) return true;
  const answers = await Promise.all([...locals.values()].map((upstream) => upstream.models()));
  return answers.some((answer) => answer.kind === 'models' && answer.models.length > 0);
}

export async function closeUpstreams({ locals, clouds }: OpenUpstreams): Promise<void> {
  await Promise.all([...locals.values(), ...clouds.values()].map((each) => each.close()));
}

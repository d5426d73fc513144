/**
 * A context narrowed to what one key allows: lower ceilings, fewer routes, models and tools. Everything downstream (decision, door, fallback, catalogue, sandbox) reads the narrowed one, so
 * there is no second place to ask. Fails closed: what a key's terms name and the policy does not know takes away all it stands for.
 */
import type { KeyTerms } from '../../config/access-schema.ts';
import type { ToolExecutor } from '../../sandbox/executor.ts';
import { narrowClouds } from '../audit/audited-upstream.ts';
import type { Context } from '../pipeline/context.ts';
import { matchesName } from '../pipeline/tool-actions.ts';
import { isPattern, offers } from '../policy/offers.ts';
import type { UpstreamView } from '../policy/decide.ts';
import type { CloudUpstream, LocalUpstream } from '../upstreams/upstream.ts';
import type { Principal } from './principal.ts';

const narrowed = new WeakMap<Context, Map<string, Context>>();

/** contextOf answers the context this principal works in: the very same one for whoever has no key. Behind a key nothing that is remembered of texts is shared with others. */
export function contextOf(principal: Principal, context: Context): Context {
  const { terms } = principal;
  if (principal.keyId === '' && !takesAway(terms)) return context;
  let known = narrowed.get(context);
  if (known === undefined) narrowed.set(context, (known = new Map()));
  // Terms of a key never change: a key with others is another key.
  let own = known.get(principal.keyId);
  if (own === undefined) {
    const apart = { ...context, classifier: context.classifier.apart?.(principal.id) ?? context.classifier };
    known.set(principal.keyId, (own = takesAway(terms) ? narrow(terms, apart) : apart));
  }
  return own;
}

function takesAway({ ceilings, routes, models, tools }: KeyTerms): boolean {
  return [ceilings.cloud, ceilings.local, routes, models, tools].some((each) => each !== undefined);
}

function narrow(terms: KeyTerms, context: Context): Context {
  const { routes, models, tools } = terms;
  const allows = (route: 'local' | 'cloud' | 'cloud-masked'): boolean => routes === undefined || routes.includes(route);
  const honours = (model: string): boolean => models === undefined || models.some((each) => matchesName(each, model));
  const { ladder } = context.policy;
  const views = context.policy.upstreams.flatMap((view): readonly UpstreamView[] => {
    if (!allows(view.kind)) return [];
    const sees = lower(
      ladder,
      view.sees,
      view.kind === 'cloud' ? [terms.ceilings.cloud, terms.ceilings.local] : [terms.ceilings.local],
    );
    if (sees === undefined) return [];
    if (view.kind === 'local') return [{ ...view, sees }];
    const named = [
      ...view.models.filter(honours),
      // What a pattern of the upstream takes and the key names.
      ...(models ?? []).filter((each) => !isPattern(each) && !view.models.includes(each) && offers(view.models, each)),
    ];
    return models !== undefined && named.length === 0 ? [] : [{ ...view, sees, models: named }];
  });
  const names = new Set(views.map((view) => view.name));
  const masking = allows('cloud-masked') ? context.policy.policy.masking : 'off';
  return {
    ...context,
    policy: {
      ...context.policy,
      upstreams: views,
      aliases: Object.fromEntries(Object.entries(context.policy.aliases).filter(([name]) => honours(name))),
      policy: { ...context.policy.policy, masking },
    },
    locals: new Map(
      [...context.locals]
        .filter(([name]) => names.has(name))
        .map(([name, upstream]) => [name, models === undefined ? upstream : localWith(upstream, honours)]),
    ),
    clouds: narrowClouds(context.clouds, (upstream) =>
      names.has(upstream.name) ? modelsOf(upstream, honours) : undefined,
    ),
    executor:
      tools === undefined
        ? context.executor
        : toolsWith(context.executor, (tool) => tools.some((each) => matchesName(each, tool))),
  };
}

/** The lowest of them; `undefined` when one is not on the ladder, because nobody can say what it would let through. */
function lower(ladder: readonly string[], sees: string, ceilings: readonly (string | undefined)[]): string | undefined {
  const ranks = [sees, ...ceilings].flatMap((each) => (each === undefined ? [] : [ladder.indexOf(each)]));
  return ladder[Math.min(...ranks)];
}

function localWith(upstream: LocalUpstream, honours: (model: string) => boolean): LocalUpstream {
  return {
    ...upstream,
    async models() {
      const answer = await upstream.models();
      return answer.kind === 'models'
        ? { ...answer, models: answer.models.filter((each) => honours(each.id)) }
        : answer;
    },
  };
}

function modelsOf(
  { models, defaultModel }: CloudUpstream,
  honours: (model: string) => boolean,
): Pick<CloudUpstream, 'models' | 'defaultModel'> {
  const honoured = models.filter(honours);
  const [first = defaultModel] = honoured.filter((each) => !isPattern(each));
  // Which of a pattern's names may be asked for was decided by the views.
  const kept = models.filter((each) => isPattern(each) && !honoured.includes(each));
  return { models: [...honoured, ...kept], defaultModel: honours(defaultModel) ? defaultModel : first };
}

function toolsWith(executor: ToolExecutor, allowed: (tool: string) => boolean): ToolExecutor {
  return {
    status: () => executor.status(),
    verify: () => executor.verify(),
    close: () => executor.close(),
    offered: (agent) => executor.offered(agent).filter((tool) => allowed(tool.name)),
    run(request, options) {
      if (allowed(request.tool)) return executor.run(request, options);
      const { backend, policyDigest } = executor.status();
      return Promise.resolve({
        kind: 'refused',
        code: 'denied-by-policy',
        message: 'The API key in use does not allow this tool. This is policy: go on without it.',
        receipt: { tool: request.tool, backend, policyDigest, probeAgeMs: -1, attested: {}, durationMs: 0 },
      });
    },
  };
}

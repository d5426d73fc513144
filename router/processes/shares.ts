/** Bounds of the configuration that are of a whole instance, as each of its processes keeps them. */
import type { ConfigProblem } from '../../config/explain.ts';
import type { Config } from '../../config/schema.ts';

/** shareOut answers the configuration of one of `processes`. Shares are rounded up; one body always fits. */
export function shareOut(config: Config, processes: number): Config {
  const share = (whole: number): number => Math.ceil(whole / processes);
  return {
    ...config,
    listen: {
      ...config.listen,
      maxOpenBytes: Math.max(config.listen.maxBodyBytes, share(config.listen.maxOpenBytes)),
      maxConnections: share(config.listen.maxConnections),
    },
    // 0 is no bound, and stays so.
    upstreams: config.upstreams.map((each) =>
      'maxConcurrent' in each ? { ...each, maxConcurrent: share(each.maxConcurrent) } : each,
    ),
    // The first process holds the decisions people look at, and prunes.
    telemetry: { ...config.telemetry, decisions: 0 },
    audit: { ...config.audit, retentionDays: 0 },
  };
}

/** What several processes cannot keep apart each for itself. */
export function processProblems(config: Config): readonly ConfigProblem[] {
  if (config.listen.processes === 1 || config.surfaces.responses.store !== 'memory') return [];
  return [
    {
      path: 'surfaces.responses.store',
      message:
        'memory is of one process, and listen.processes asks for several: a reply kept by one would not be found by the next. Choose store (sealed, shared) or off.',
    },
  ];
}

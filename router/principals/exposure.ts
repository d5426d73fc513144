/** Whether this Sluice may listen where it is told to: an address that others reach needs a key that agents show. Asked at start; the gate itself never depends on it. */
import type { ConfigProblem } from '../../config/explain.ts';
import { isLoopbackListener } from '../http/host-guard.ts';
import type { Context } from '../pipeline/context.ts';

export function exposureProblems({ config, keys }: Context): readonly ConfigProblem[] {
  const { host } = config.listen;
  if (isLoopbackListener(host) || keys.hasLive('agent')) return [];
  return [
    {
      path: 'listen.host',
      message: `${host} is not a loopback address and there is no live API key: nobody could be told apart, so nobody is served. Make one with \`sluice keys create NAME\`, or listen on 127.0.0.1`,
    },
  ];
}

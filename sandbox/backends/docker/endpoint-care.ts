/**
 * What an operator asks of endpoints beside a running service: whether they answer, what of ours is there, and to remove what
 * nobody can be waiting for. Fails safe: a container that cannot be told from one in use is left alone.
 */
import { z } from 'zod';
import { earliestNow } from '../../../config/clock.ts';
import type { SandboxEndpoint } from '../../../config/sandbox-endpoint-schema.ts';
import { connectEndpoint } from './connect.ts';
import { explainEngineFault } from './engine.ts';
import type { Engine } from './engine.ts';
import { isLeftOver, OWNER_LABEL, removeLeftovers } from './leftovers.ts';

export interface EndpointContents {
  readonly name: string;
  /** Why it does not answer; empty when it does. */
  readonly reason: string;
  /** Containers of any Sluice, witnesses among them. */
  readonly containers: number;
  readonly leftovers: number;
  /** Removed now; 0 unless that was asked for. */
  readonly removed: number;
}

const listed = z.array(z.object({ Labels: z.record(z.string(), z.string()).nullish() }));

export function careForEndpoints(
  endpoints: readonly SandboxEndpoint[],
  options: { readonly remove: boolean },
): Promise<readonly EndpointContents[]> {
  return Promise.all(
    endpoints.map(async (endpoint) => {
      const { engine, close } = connectEndpoint(endpoint);
      try {
        const removed = options.remove ? await removeLeftovers(engine) : 0;
        return { name: endpoint.name, reason: '', ...(await contentsOf(engine)), removed };
      } catch (error) {
        const reason = explainEngineFault(error, engine.place);
        return { name: endpoint.name, reason, containers: 0, leftovers: 0, removed: 0 };
      } finally {
        await close();
      }
    }),
  );
}

async function contentsOf(engine: Engine): Promise<Pick<EndpointContents, 'containers' | 'leftovers'>> {
  const filters = encodeURIComponent(JSON.stringify({ label: [OWNER_LABEL] }));
  const rows = listed.parse(await engine.ask({ method: 'GET', path: `/containers/json?all=1&filters=${filters}` }));
  return {
    containers: rows.length,
    leftovers: rows.filter(({ Labels }) => isLeftOver(Labels ?? {}, earliestNow())).length,
  };
}

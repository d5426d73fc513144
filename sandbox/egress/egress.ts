/**
 * Opens the egress proxy of one call and closes it with the call. Fails closed: a plan whose proxy cannot be opened is not
 * run, and a socket outside this executor's own directory is not opened.
 */
import { dirname } from 'node:path';
import type { Bound } from '../broker/executor-service.ts';
import type { EgressOpener } from '../broker/plan-runner.ts';
import { sandboxOwner } from '../broker/sandbox-owner.ts';
import { readCredentials } from './credentials.ts';
import type { EgressEvent } from './egress-event.ts';
import { makeEgressRoot } from './egress-root.ts';
import { EgressTally } from './egress-tally.ts';
import { openEgressProxy } from './proxy.ts';
import { systemLookup } from './resolve.ts';

export function createEgress(bound: Bound, report: (event: EgressEvent) => void): EgressOpener {
  const owner = sandboxOwner(bound.sandbox.uid);
  let root: Promise<void> | undefined;
  const rules = bound.sandbox.egress.allow;
  const { workspaceRoot, agents } = bound.sandbox;
  const roots = [workspaceRoot, ...Object.values(agents).map((agent) => agent.workspaceRoot ?? '')];
  // Mounted in some sandbox, where a program could read the file itself.
  const visible = ['/usr', '/bin', '/lib', '/lib64', '/sbin', bound.scopesRoot, ...roots.filter((path) => path !== '')];
  return {
    async open(plan, watch) {
      if (plan.egress.kind !== 'proxy' || dirname(plan.egress.socket) !== bound.egressRoot)
        throw new Error('the egress socket is not of this executor');
      await (root ??= makeEgressRoot(bound.egressRoot));
      const { scopeKey, tool } = plan;
      const tally = new EgressTally((sum) => report({ scopeKey, tool, ...sum }));
      const proxy = await openEgressProxy({
        socket: plan.egress.socket,
        ...(owner === undefined ? {} : { owner }),
        rules,
        credentials: readCredentials(rules, visible),
        lookup: systemLookup,
        inspector: () => watch.outgoing(),
        report: (passage) => {
          watch.connection(passage.code);
          tally.add(passage);
        },
      });
      return {
        async close() {
          await proxy.close();
          tally.close();
        },
      };
    },
  };
}

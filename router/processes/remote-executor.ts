/**
 * The sandbox as a process that serves sees it: one broker for all, started and held by the first process. Calls go there; what may be offered and what is proved comes from there. Fails closed: without
 * the first process nothing is offered, and a call is refused.
 */
import type { SandboxStatus, ToolDefinition, ToolExecutor, ToolOutcome, ToolRequest } from '../../sandbox/executor.ts';
import { type Line, LineCut } from './line.ts';

/** What changes without anybody asking. */
export interface SandboxView {
  readonly status: SandboxStatus;
  readonly everyone: readonly ToolDefinition[];
  readonly agents: Readonly<Record<string, readonly ToolDefinition[]>>;
}

/** viewOf is asked by the first process; `agents` are those the configuration names. */
export function viewOf(executor: ToolExecutor, agents: readonly string[]): SandboxView {
  return {
    status: executor.status(),
    // No name of the configuration is empty.
    everyone: executor.offered(''),
    agents: Object.fromEntries(agents.map((agent) => [agent, executor.offered(agent)])),
  };
}

/** serveTools answers one process's calls with the first's executor; what still runs when that process ends is ended. */
export function serveTools(line: Line, executor: ToolExecutor, view: () => SandboxView): () => void {
  const running = new Map<number, AbortController>();
  line.answer('tool', async ({ call, request, requestId }) => {
    const cancelled = new AbortController();
    running.set(call, cancelled);
    try {
      return await executor.run(request, { signal: cancelled.signal, requestId });
    } finally {
      running.delete(call);
    }
  });
  line.hear('tool-abort', (call) => running.get(call)?.abort());
  line.answer('verify', async () => {
    await executor.verify();
    return view();
  });
  return () => {
    for (const each of running.values()) each.abort();
  };
}

export function createRemoteExecutor(line: Line, first: SandboxView): ToolExecutor {
  let view = first;
  let calls = 0;
  let closed = false;
  line.hear('sandbox', (now) => (view = now));
  const cut = (request: ToolRequest, startedAt: number): ToolOutcome => ({
    kind: 'refused',
    code: 'broker-unavailable',
    message:
      'The process that holds the sandbox stopped during this call and its result is lost. The command may have begun; check before you repeat it.',
    receipt: {
      tool: request.tool.slice(0, 64),
      backend: view.status.backend,
      policyDigest: view.status.policyDigest,
      probeAgeMs: -1,
      attested: {},
      durationMs: performance.now() - startedAt,
    },
  });
  return {
    offered: (agent) =>
      closed || !view.status.usable
        ? []
        : ((Object.hasOwn(view.agents, agent) ? view.agents[agent] : undefined) ?? view.everyone),
    status: () => view.status,
    async run(request, { signal, requestId = '' }) {
      const startedAt = performance.now();
      calls += 1;
      const call = calls;
      const abort = (): void => line.tell('tool-abort', call);
      try {
        const answered = line.ask('tool', { call, request, requestId });
        if (signal.aborted) abort();
        else signal.addEventListener('abort', abort, { once: true });
        return await answered;
      } catch (error) {
        if (!(error instanceof LineCut)) throw error;
        return cut(request, startedAt);
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
    async verify() {
      try {
        view = await line.ask('verify', null);
      } catch (error) {
        if (!(error instanceof LineCut)) throw error;
      }
      return view.status;
    },
    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}

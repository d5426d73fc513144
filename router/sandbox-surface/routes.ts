/** Where the sandbox is served. Every path ends in the one executor of the context. */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import type { AppEnv } from '../http/app-env.ts';
import { type Exchange, serveExchange, type Surface } from './exchange.ts';
import { describeStatus, listTools, runTool, SANDBOX_SURFACE, verifyClaims } from './http.ts';
import type { Peers } from '../processes/peers.ts';
import { MCP_SURFACE, type Running, serveMcp } from './mcp.ts';

/** `peers`: other processes behind the same port, any of which may be told to cancel what runs here. */
export function addSandboxRoutes(app: Hono<AppEnv>, peers: Peers | undefined): void {
  const running: Running = new Map();
  peers?.hear('cancel', (key) => running.get(key)?.abort());
  const add = (
    method: 'GET' | 'POST',
    path: string,
    surface: Surface,
    work: (exchange: Exchange) => Promise<void> | void,
  ): void => {
    // One listener for all methods: a wrong one is told in the surface's own words.
    app.all(path, async ({ env: { incoming, outgoing }, var: { caller } }) => {
      await serveExchange(incoming, outgoing, surface, caller, (exchange) =>
        incoming.method === method ? work(exchange) : exchange.fail('method_not_allowed', '', { allow: method }),
      );
      return RESPONSE_ALREADY_SENT;
    });
  };
  add('GET', '/sandbox/v1/tools', SANDBOX_SURFACE, listTools);
  add('GET', '/sandbox/v1/status', SANDBOX_SURFACE, describeStatus);
  add('POST', '/sandbox/v1/verify', SANDBOX_SURFACE, verifyClaims);
  add('POST', '/sandbox/v1/run', SANDBOX_SURFACE, runTool);
  add('POST', '/mcp', MCP_SURFACE, (exchange) => serveMcp(exchange, running));
}

/**
 * The HTTP edge: paths, methods, the Host guard. Hono only routes; bodies and replies move over the raw Node request and response, because fetch and web
 * streams cost five to eight times as much. Fails closed: a path that is not served is refused, never passed on.
 */
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { type ErrorCode, publicError } from './errors.ts';
import { hostAllowed } from './http/host-guard.ts';
import type { Context } from './pipeline/context.ts';
import { serveChat } from './pipeline/serve-chat.ts';
import { openaiErrorReply } from './protocols/openai-error.ts';
import { openaiChat } from './protocols/openai-chat.ts';
import { listModels } from './pipeline/models.ts';
import { describeHealth, describeReadiness } from './pipeline/readiness.ts';

type Env = { Bindings: HttpBindings };

/** Gauges that mirror state are read when somebody looks. */
function refreshGauges(context: Context): Context['metrics'] {
  const { metrics } = context;
  metrics.sessionMarks.set(context.memory.size);
  metrics.sandboxClaim.reset();
  for (const claim of context.executor.status().claims)
    metrics.sandboxClaim.set({ claim: claim.claim }, claim.proved ? 1 : 0);
  return metrics;
}

/** `current` is asked per request, so that a reload takes effect between requests and never inside one. */
export function createApp(current: () => Context): Hono<Env> {
  const app = new Hono<Env>();
  const error = (code: ErrorCode): Response => {
    const id = 'none';
    const reply = openaiErrorReply(publicError(code), id);
    return new Response(reply.body, {
      status: reply.status,
      headers: { 'content-type': reply.contentType, 'x-sluice-request-id': id },
    });
  };

  app.use(async (c, next) => {
    if (!hostAllowed(c.env.incoming.headers.host, current().config.listen.host)) return error('host_not_allowed');
    return next();
  });
  app.post('/v1/chat/completions', async (c) => {
    await serveChat(c.env.incoming, c.env.outgoing, openaiChat, 'local', current());
    return RESPONSE_ALREADY_SENT;
  });
  app.get('/v1/models', async (c) => c.json({ object: 'list', data: await listModels(current()) }));
  // Ids may hold slashes, encoded or not.
  app.get('/v1/models/*', async (c) => {
    const path = c.req.path.slice('/v1/models/'.length);
    let id: string;
    try {
      id = decodeURIComponent(path);
    } catch {
      return error('model_not_found');
    }
    const model = (await listModels(current())).find((each) => each.id === id);
    return model === undefined ? error('model_not_found') : c.json(model);
  });
  app.get('/healthz', (c) => c.json(describeHealth(current())));
  app.get('/readyz', async (c) => {
    const readiness = await describeReadiness(current());
    return c.json(readiness, readiness.ready ? 200 : 503);
  });
  app.get('/metrics', async (c) => {
    const { registry } = refreshGauges(current());
    return c.text(await registry.metrics(), 200, { 'content-type': registry.contentType });
  });
  app.all('/v1/chat/completions', () => error('method_not_allowed'));
  app.notFound(() => error('not_found'));
  app.onError((fault) => {
    current().log.error({ err: fault, event: 'fault' }, 'fault');
    return error('internal');
  });
  return app;
}

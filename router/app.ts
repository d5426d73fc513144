/**
 * The HTTP edge: paths, methods, the Host guard. Hono only routes; bodies and replies move over the raw Node request and response, because fetch and web
 * streams cost five to eight times as much. Fails closed: a path that is not served is refused, never passed on.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { type ErrorCode, publicError } from './errors.ts';
import type { AppEnv } from './http/app-env.ts';
import type { Context } from './pipeline/context.ts';
import { serveChat } from './pipeline/serve-chat.ts';
import { serveCompletions } from './pipeline/serve-completions.ts';
import { serveCount } from './pipeline/serve-count.ts';
import { serveEmbed } from './pipeline/serve-embed.ts';
import { anthropicErrorReply } from './protocols/anthropic-error.ts';
import { anthropicCount, anthropicMessages } from './protocols/anthropic-messages.ts';
import { ollamaChat } from './protocols/ollama-chat.ts';
import { ollamaEmbed, ollamaEmbeddings } from './protocols/ollama-embed.ts';
import { ollamaErrorReply } from './protocols/ollama-error.ts';
import { ollamaGenerate } from './protocols/ollama-generate.ts';
import { openaiEmbeddings } from './protocols/openai-embeddings.ts';
import { openaiErrorReply } from './protocols/openai-error.ts';
import { openaiChat } from './protocols/openai-chat.ts';
import type { EmbedProtocol, Protocol } from './protocols/protocol.ts';
import { describeForAnthropic, listForAnthropic, listModels } from './pipeline/models.ts';
import { listRunning, listTags, OLLAMA_VERSION, showModel } from './pipeline/ollama-models.ts';
import { letIn } from './principals/let-in.ts';
import { describeHealth, describeReadiness } from './pipeline/readiness.ts';
import { addResponseRoutes } from './responses/routes.ts';
import { addSandboxRoutes } from './sandbox-surface/routes.ts';
import { refreshGauges } from './telemetry/refresh-gauges.ts';

/** Paths that are answered by a model, each to its own protocol's letter. */
const CHATS: readonly (readonly [string, Protocol])[] = [
  ['/v1/chat/completions', openaiChat],
  ['/v1/messages', anthropicMessages],
  ['/api/chat', ollamaChat],
  ['/api/generate', ollamaGenerate],
];
const EMBEDDINGS: readonly (readonly [string, EmbedProtocol])[] = [
  ['/api/embed', ollamaEmbed],
  ['/api/embeddings', ollamaEmbeddings],
  ['/v1/embeddings', openaiEmbeddings],
];

/** Console and admin API, and where this process is one of several also the metrics of all. */
export interface AdminSide {
  serve(incoming: IncomingMessage, outgoing: ServerResponse, context: Context): Promise<void>;
  readonly metrics?: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;
  /** Ends every open stream. */
  close(): void;
}

/** `admin` absent: there is no admin side. `current` is asked per request, so that a reload takes effect between requests and never inside one. */
export function createApp(current: () => Context, admin?: AdminSide): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  const error = (code: ErrorCode, path: string, pointer = ''): Response => {
    const id = 'none';
    const inForm = path.startsWith('/api/')
      ? ollamaErrorReply
      : /^\/v1\/messages(?:\/|$)/.test(path)
        ? anthropicErrorReply
        : openaiErrorReply;
    const reply = inForm(publicError(code, pointer), id);
    return new Response(reply.body, {
      status: reply.status,
      headers: { 'content-type': reply.contentType, 'x-sluice-request-id': id },
    });
  };

  app.use(async (c, next) => {
    const entered = await letIn(c.env.incoming, c.req.path, current());
    if (entered.kind === 'refused') return error(entered.code, c.req.path);
    if (entered.kind === 'caller') c.set('caller', entered.caller);
    return next();
  });
  for (const [path, protocol] of CHATS) {
    app.post(path, async (c) => {
      await serveChat(c.env.incoming, c.env.outgoing, protocol, c.var.caller);
      return RESPONSE_ALREADY_SENT;
    });
    app.all(path, () => error('method_not_allowed', path));
  }
  app.post('/v1/messages/count_tokens', async (c) => {
    await serveCount(c.env.incoming, c.env.outgoing, anthropicCount, c.var.caller);
    return RESPONSE_ALREADY_SENT;
  });
  app.all('/v1/messages/count_tokens', () => error('method_not_allowed', '/v1/messages/count_tokens'));
  app.post('/v1/completions', async (c) => {
    await serveCompletions(c.env.incoming, c.env.outgoing, c.var.caller);
    return RESPONSE_ALREADY_SENT;
  });
  app.all('/v1/completions', () => error('method_not_allowed', '/v1/completions'));
  for (const [path, protocol] of EMBEDDINGS) {
    app.post(path, async (c) => {
      await serveEmbed(c.env.incoming, c.env.outgoing, protocol, c.var.caller);
      return RESPONSE_ALREADY_SENT;
    });
    app.all(path, () => error('method_not_allowed', path));
  }
  // Clients of Ollama look for it here before anything else.
  app.get('/', (c) => c.text('Ollama is running'));
  app.get('/api/version', (c) => c.json({ version: OLLAMA_VERSION }));
  app.get('/api/tags', async (c) => c.json({ models: await listTags(c.var.caller.context) }));
  app.get('/api/ps', async (c) => c.json({ models: await listRunning(c.var.caller.context) }));
  app.post('/api/show', async (c) => {
    const shown = await showModel(c.env.incoming, c.var.caller.context);
    return shown.kind === 'shown' ? c.json(shown.fields) : error(shown.code, c.req.path, shown.pointer);
  });
  for (const path of ['/api/version', '/api/tags', '/api/ps', '/api/show'])
    app.all(path, () => error('method_not_allowed', path));
  app.get('/v1/models', async (c) => {
    const models = await listModels(c.var.caller.context);
    // Clients of the Messages API ask the same path, and say which they are.
    if (c.req.header('anthropic-version') === undefined) return c.json({ object: 'list', data: models });
    return c.json(listForAnthropic(models));
  });
  // Ids may hold slashes, encoded or not.
  app.get('/v1/models/*', async (c) => {
    const path = c.req.path.slice('/v1/models/'.length);
    let id: string;
    try {
      id = decodeURIComponent(path);
    } catch {
      return error('model_not_found', c.req.path);
    }
    const model = (await listModels(c.var.caller.context)).find((each) => each.id === id);
    if (model === undefined) return error('model_not_found', c.req.path);
    return c.json(c.req.header('anthropic-version') === undefined ? model : describeForAnthropic(model));
  });
  app.get('/healthz', (c) => c.json(describeHealth(current())));
  app.get('/readyz', async (c) => {
    const readiness = await describeReadiness(current());
    return c.json(readiness, readiness.ready ? 200 : 503);
  });
  app.get('/metrics', async (c) => {
    if (admin?.metrics !== undefined) {
      await admin.metrics(c.env.incoming, c.env.outgoing);
      return RESPONSE_ALREADY_SENT;
    }
    const { registry } = refreshGauges(current());
    return c.text(await registry.metrics(), 200, { 'content-type': registry.contentType });
  });
  addResponseRoutes(app, error);
  addSandboxRoutes(app, current().peers);
  for (const path of admin === undefined ? [] : ['/admin/v1/*', '/console', '/console/*'])
    app.all(path, async (c) => {
      await admin?.serve(c.env.incoming, c.env.outgoing, current());
      return RESPONSE_ALREADY_SENT;
    });
  app.notFound((c) => error('not_found', c.req.path));
  app.onError((fault, c) => {
    current().log.error({ err: fault, event: 'fault' }, 'fault');
    return error('internal', c.req.path);
  });
  return app;
}

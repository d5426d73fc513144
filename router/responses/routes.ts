/** Kept replies of /responses over HTTP: retrieve, list their input, delete. Answered here and nowhere else. Fails closed: what is not there, or is another principal's, is not found. */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context as Http, Hono } from 'hono';
import type { ErrorCode } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';
import { serveCompaction } from '../pipeline/serve-compaction.ts';
import { serveResponsesCount } from '../pipeline/serve-count.ts';
import { serveResponses } from '../pipeline/serve-responses.ts';
import type { Awaitable } from '../store/database.ts';
import { listInput } from './list-input.ts';
import type { ResponseStore } from './response-store.ts';

type Refuse = (code: ErrorCode, path: string, pointer?: string) => Response;

const PATH = '/v1/responses';

export function addResponseRoutes(app: Hono<AppEnv>, error: Refuse): void {
  const found = async (
    c: Http<AppEnv>,
    answer: (id: string, principal: string, kept: ResponseStore) => Awaitable<Response | undefined>,
  ): Promise<Response> => {
    const { principal, context } = c.var.caller;
    const id = c.req.param('id') ?? '';
    await context.responses.recall(principal.id, id);
    return (await answer(id, principal.id, context.responses)) ?? error('response_not_found', PATH);
  };

  app.post(PATH, async (c) => {
    await serveResponses(c.env.incoming, c.env.outgoing, c.var.caller);
    return RESPONSE_ALREADY_SENT;
  });
  app.post(`${PATH}/compact`, async (c) => {
    await serveCompaction(c.env.incoming, c.env.outgoing, c.var.caller);
    return RESPONSE_ALREADY_SENT;
  });
  app.post(`${PATH}/input_tokens`, async (c) => {
    await serveResponsesCount(c.env.incoming, c.env.outgoing, c.var.caller);
    return RESPONSE_ALREADY_SENT;
  });
  app.all(`${PATH}/input_tokens`, () => error('method_not_allowed', PATH));
  app.all(`${PATH}/compact`, () => error('method_not_allowed', PATH));
  app.get(`${PATH}/:id`, (c) => {
    if (c.req.query('stream') === 'true') return error('unsupported_value', PATH);
    return found(c, (id, principal, responses) => {
      const kept = responses.find(principal, id);
      return kept === undefined ? undefined : c.body(kept.body, 200, { 'content-type': 'application/json' });
    });
  });
  app.delete(`${PATH}/:id`, (c) =>
    found(c, async (id, principal, responses) =>
      (await responses.forget(principal, id)) ? c.json({ id, object: 'response', deleted: true }) : undefined,
    ),
  );
  app.get(`${PATH}/:id/input_items`, (c) =>
    found(c, (id, principal, responses) => {
      const kept = responses.find(principal, id);
      if (kept === undefined) return undefined;
      const listed = listInput(kept, {
        limit: c.req.query('limit'),
        order: c.req.query('order'),
        after: c.req.query('after'),
      });
      return listed.kind === 'problem'
        ? error(listed.code, PATH)
        : c.body(listed.body, 200, { 'content-type': 'application/json' });
    }),
  );
  // Replies are made while their client waits: there is never one left to cancel.
  app.post(`${PATH}/:id/cancel`, (c) =>
    found(c, (id, principal, responses) =>
      responses.find(principal, id) === undefined ? undefined : error('not_cancellable', PATH),
    ),
  );
  for (const path of [PATH, `${PATH}/:id`, `${PATH}/:id/input_items`, `${PATH}/:id/cancel`])
    app.all(path, () => error('method_not_allowed', PATH));
}

/**
 * The admin side: `/admin/v1/*` and `/console`. One table of paths; every one but the page's own files, the session and the login passes the gate first.
 * Fails closed: what is not in the table is not found, and a fault answers without a word of its cause.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Context } from '../pipeline/context.ts';
import type { LiveContext } from '../reload.ts';
import type { SessionState } from './api.ts';
import { proveAudit, searchReceipts, verifyAudit } from './audit.ts';
import type { AdminAuthority } from './authority.ts';
import { serveConsole } from './console-files.ts';
import { getDecision, listDecisions, listSessions, Viewers } from './decisions.ts';
import { AdminExchange } from './exchange.ts';
import { classify, explain } from './explain.ts';
import { addFeedback, eraseFeedback, listFeedback } from './feedback.ts';
import { admit, isCrossSite, loginOf, sessionCookie, sessionIdOf, show } from './gate.ts';
import { Logins } from './logins.ts';
import { describeShadow, startShadow, stopShadow } from './shadow.ts';
import { describeConfig, describeHealth, describeSandbox } from './state.ts';
import { evaluate, TuneSets } from './tune.ts';

export interface AdminOptions {
  readonly authority: AdminAuthority;
  /** Absent where there is nothing to reload, as in tests. */
  readonly live?: LiveContext;
}

const LoginBody = z.strictObject({ key: z.string().min(1).max(512) });
const ReloadBody = z.strictObject({ dryRun: z.boolean().default(false) });
/** What leaves a mark on what others see or on what decides; a reload has a record of its own. */
const CHANGES: ReadonlySet<string> = new Set([
  '/admin/v1/login',
  '/admin/v1/shadow',
  '/admin/v1/feedback',
  '/admin/v1/sandbox/verify',
]);
type Handler = (exchange: AdminExchange) => Promise<void> | void;

export class Admin {
  readonly #authority: AdminAuthority;
  readonly #live: LiveContext | undefined;
  readonly #logins = new Logins();
  readonly #viewers = new Viewers();
  readonly #sets = new TuneSets();
  readonly #routes: Readonly<Record<string, Handler>>;

  constructor({ authority, live }: AdminOptions) {
    this.#authority = authority;
    this.#live = live;
    const configFile = live?.configFile ?? '';
    this.#routes = {
      'GET /admin/v1/health': (exchange) => describeHealth(exchange, configFile),
      'GET /admin/v1/config': (exchange) => describeConfig(exchange, configFile),
      'POST /admin/v1/reload': (exchange) => this.#reload(exchange),
      'POST /admin/v1/classify': classify,
      'POST /admin/v1/explain': explain,
      'POST /admin/v1/evaluate': evaluate,
      'POST /admin/v1/tune/sets': (exchange) => this.#sets.load(exchange),
      'POST /admin/v1/tune/outcome': (exchange) => this.#sets.outcome(exchange),
      'GET /admin/v1/decisions': listDecisions,
      'GET /admin/v1/decisions/stream': (exchange) => this.#viewers.stream(exchange),
      'GET /admin/v1/sessions': listSessions,
      'GET /admin/v1/sandbox': describeSandbox,
      'POST /admin/v1/sandbox/verify': async (exchange) => {
        await exchange.context.executor.verify();
        await describeSandbox(exchange);
      },
      'GET /admin/v1/shadow': describeShadow,
      'POST /admin/v1/shadow': (exchange) => startShadow(exchange, this.#live),
      'DELETE /admin/v1/shadow': stopShadow,
      'GET /admin/v1/audit': searchReceipts,
      'POST /admin/v1/audit/verify': verifyAudit,
      'POST /admin/v1/audit/prove': proveAudit,
      'GET /admin/v1/feedback': listFeedback,
      'POST /admin/v1/feedback': addFeedback,
      'DELETE /admin/v1/feedback': eraseFeedback,
      'POST /admin/v1/logout': (exchange) => this.#logout(exchange),
    };
  }

  /** Ends every open stream, so that a drain does not wait for viewers. */
  close(): void {
    this.#viewers.closeAll();
    this.#logins.closeAll();
  }

  async serve(request: IncomingMessage, response: ServerResponse, context: Context): Promise<void> {
    const exchange = new AdminExchange(request, response, context);
    const isPage = exchange.path === '/console' || exchange.path.startsWith('/console/');
    try {
      if (isPage) return this.#page(exchange);
      await this.#api(exchange);
    } catch (error) {
      context.log.error({ id: exchange.id, err: error, event: 'fault' }, 'fault');
      exchange.fail('internal');
      if (!response.writableEnded) response.destroy();
    } finally {
      if (!isPage) {
        context.metrics.adminRequests.inc({ outcome: exchange.outcome });
        const { id, principal, outcome } = exchange;
        const path = this.#known(exchange);
        // Reading is not worth a line; what changes something, and what was refused, is.
        if (request.method !== 'GET' || outcome !== 'ok')
          context.log.info({ event: 'admin', id, principal, path, outcome }, 'admin');
        if (CHANGES.has(path) && request.method !== 'GET' && principal !== '')
          context.audit.log.append({
            kind: 'admin',
            action: `${request.method} ${path}`,
            target: id,
            by: principal,
            outcome,
          });
        else if (principal === '' && outcome !== 'ok') context.audit.turnedAway(outcome);
      }
    }
  }

  #page(exchange: AdminExchange): void {
    const { method } = exchange.request;
    if (method === 'GET' || method === 'HEAD') serveConsole(exchange);
    else exchange.fail('method_not_allowed', '', { allow: 'GET, HEAD' });
  }

  async #api(exchange: AdminExchange): Promise<void> {
    const { request, path } = exchange;
    const key = `${request.method} ${path}`;
    if (key === 'GET /admin/v1/session') return this.#session(exchange);
    if (key === 'POST /admin/v1/login') return this.#login(exchange);
    const admission = await admit(request, this.#authority, this.#logins);
    if (admission.kind === 'refused') {
      exchange.fail(
        admission.code,
        '',
        admission.code === 'admin_unauthorized' ? { 'www-authenticate': 'Bearer' } : {},
      );
      return;
    }
    exchange.principal = admission.principal;
    const handler =
      this.#routes[key] ??
      (request.method === 'GET' && /^\/admin\/v1\/decisions\/req_[0-9a-f]{1,64}$/.test(path) ? getDecision : undefined);
    if (handler !== undefined) return handler(exchange);
    const others = Object.keys(this.#routes).flatMap((each) =>
      each.endsWith(` ${path}`) ? [each.slice(0, each.indexOf(' '))] : [],
    );
    if (others.length > 0) exchange.fail('method_not_allowed', '', { allow: others.join(', ') });
    else exchange.fail('not_found');
  }

  #session(exchange: AdminExchange): void {
    if (isCrossSite(exchange.request)) return exchange.fail('admin_forbidden');
    const login = loginOf(exchange.request, this.#logins);
    const { context } = exchange;
    const state: SessionState = {
      access: login === undefined ? 'login' : 'granted',
      way: this.#authority.way,
      principal: login?.principal ?? '',
      csrf: login?.csrf ?? '',
      policy: login === undefined ? '' : context.policyDigest.slice(0, 12),
      mode: context.demo ? 'demo' : 'configured',
    };
    exchange.reply(state);
  }

  async #login(exchange: AdminExchange): Promise<void> {
    if (isCrossSite(exchange.request)) return exchange.fail('admin_forbidden');
    const body = await exchange.read(LoginBody);
    if (body === undefined) return;
    const shown = await show(body.key, exchange.request, this.#authority, this.#logins);
    if (shown.kind === 'refused') return exchange.fail(shown.code);
    exchange.principal = shown.principal;
    // A new session for every login: one that was planted before it is never raised.
    const { id } = this.#logins.open(shown.principal);
    exchange.reply({ principal: shown.principal }, 200, { 'set-cookie': sessionCookie(id) });
  }

  #logout(exchange: AdminExchange): void {
    const id = sessionIdOf(exchange.request);
    if (id !== undefined) this.#logins.close(id);
    exchange.reply({}, 200, { 'set-cookie': sessionCookie('') });
  }

  async #reload(exchange: AdminExchange): Promise<void> {
    const body = await exchange.read(ReloadBody);
    if (body === undefined) return;
    if (this.#live === undefined) return exchange.fail('admin_unavailable');
    exchange.reply(await this.#live.reload(body.dryRun ? 'dry-run' : 'apply'));
  }

  /** The path when it is one of ours; a stranger's path is text of a request. */
  #known({ request, path }: AdminExchange): string {
    const key = `${request.method} ${path}`;
    return Object.hasOwn(this.#routes, key) || key === 'POST /admin/v1/login' ? path : 'other';
  }
}

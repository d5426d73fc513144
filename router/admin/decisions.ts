/**
 * The ring of decisions over HTTP: a page of it, one of it, and as it grows. Records hold no text, so neither does anything here. A viewer that does not
 * read is not waited for: past a bound its events are dropped and it is told how many.
 */
import type { DecisionFilter } from '../telemetry/decision-ring.ts';
import { passes } from '../telemetry/decision-ring.ts';
import type { RequestRecord } from '../telemetry/request-record.ts';
import type { SessionView } from './api.ts';
import { type AdminExchange, GUARDS } from './exchange.ts';

const MOST = 1_000;
const VIEWERS = 32;
/** Unsent bytes of one viewer. */
const LAG_BYTES = 1024 * 1024;
const ALIVE_MS = 15_000;

export function listDecisions(exchange: AdminExchange): void {
  const limit = Math.min(MOST, Math.max(1, Number(exchange.query.get('limit') ?? 200) || 200));
  exchange.reply({ decisions: exchange.context.telemetry.decisions.newest(filterOf(exchange.query), limit) });
}

export function getDecision(exchange: AdminExchange): void {
  const id = exchange.path.slice(exchange.path.lastIndexOf('/') + 1);
  const record = exchange.context.telemetry.decisions.find(id);
  if (record === undefined) return exchange.fail('decision_not_found');
  exchange.reply(record);
}

export class Viewers {
  readonly #ends = new Set<() => void>();

  /** stream keeps the reply open until the viewer goes or `closeAll` ends it. */
  stream(exchange: AdminExchange): Promise<void> {
    const { response, context, query } = exchange;
    if (this.#ends.size >= VIEWERS) {
      exchange.fail('admin_rate_limited');
      return Promise.resolve();
    }
    const filter = filterOf(query);
    let dropped = 0;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      ...GUARDS,
    });
    response.write(': decisions\n\n');
    const send = (record: RequestRecord): void => {
      if (!passes(record, filter)) return;
      if (response.writableLength > LAG_BYTES) {
        dropped += 1;
        return;
      }
      if (dropped > 0) response.write(`event: dropped\ndata: ${dropped}\n\n`);
      dropped = 0;
      response.write(`event: decision\nid: ${record.id}\ndata: ${JSON.stringify(record)}\n\n`);
    };
    const stop = context.telemetry.decisions.listen(send);
    const alive = setInterval(() => response.write(': alive\n\n'), ALIVE_MS);
    return new Promise((resolve) => {
      const end = (): void => {
        stop();
        clearInterval(alive);
        this.#ends.delete(end);
        response.end();
        resolve();
      };
      this.#ends.add(end);
      response.once('close', end);
    });
  }

  closeAll(): void {
    for (const end of this.#ends) end();
  }
}

/** Conversations of the decisions that are held, the latest first. */
export function listSessions(exchange: AdminExchange): void {
  const sessions = new Map<
    string,
    SessionView & { readonly entities: string[]; readonly routes: Record<string, number> }
  >();
  const ladder = exchange.context.config.labels;
  for (const record of exchange.context.telemetry.decisions.newest({}, MOST * 100)) {
    if (record.session === '') continue;
    const key = `${record.principal} ${record.session}`;
    const known = sessions.get(key);
    const entities = record.findings.map((finding) => finding.entity);
    sessions.set(key, {
      session: record.session,
      principal: record.principal,
      label:
        known === undefined || ladder.indexOf(record.label) > ladder.indexOf(known.label) ? record.label : known.label,
      first: record.at,
      last: known?.last ?? record.at,
      requests: (known?.requests ?? 0) + 1,
      routes: { ...known?.routes, [record.route]: (known?.routes[record.route] ?? 0) + 1 },
      entities: [...new Set([...(known?.entities ?? []), ...entities])],
      tools: (known?.tools ?? 0) + record.tools.length,
    });
  }
  exchange.reply({ marks: exchange.context.memory.size, sessions: [...sessions.values()].slice(0, MOST) });
}

function filterOf(query: URLSearchParams): DecisionFilter {
  const filter: Record<string, string | boolean> = {};
  for (const key of ['route', 'label', 'entity', 'outcome', 'principal', 'session']) {
    const value = query.get(key);
    if (value !== null && value !== '') filter[key] = value;
  }
  if (query.get('held') === 'true') filter['held'] = true;
  return filter;
}

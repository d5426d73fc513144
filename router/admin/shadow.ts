/** The candidate policy over HTTP: put one beside the live one, look at what differs, take it away. Fails closed: a candidate that could leak is refused, as it would be at start. */
import { z } from 'zod';
import { loadConfig } from '../../config/load.ts';
import { createCandidate } from '../shadow/candidate.ts';
import { overlay } from '../shadow/config-change.ts';
import type { AdminExchange } from './exchange.ts';
import type { LiveContext } from '../reload.ts';
import { unusable } from './tune.ts';

const Started = z.union([
  z.strictObject({ source: z.literal('file') }),
  z.strictObject({ source: z.literal('fragment'), fragment: z.string().max(200_000) }),
]);

export function describeShadow(exchange: AdminExchange): void {
  exchange.reply(exchange.context.shadow.report());
}

export async function startShadow(exchange: AdminExchange, live: LiveContext | undefined): Promise<void> {
  const asked = await exchange.read(Started);
  if (asked === undefined) return;
  const { context } = exchange;
  const file = live?.configFile ?? '';
  if (asked.source === 'file' && (file === '' || live === undefined)) return exchange.fail('admin_unavailable');
  const loaded =
    asked.source === 'file' && live !== undefined
      ? loadConfig(file, live.environment)
      : overlay(context.config, 'fragment' in asked ? asked.fragment : '', file);
  if (loaded.kind === 'invalid') return unusable(exchange, loaded.problems);
  const { listen } = context.config;
  const config = { ...loaded.config, listen: { ...loaded.config.listen, host: listen.host, port: listen.port } };
  const created = createCandidate(config, loaded.digest, context.demo);
  if (created.kind === 'invalid') return unusable(exchange, created.problems);
  context.shadow.start(created.candidate, context.config, asked.source);
  context.fleet?.compare({ config, digest: loaded.digest, source: asked.source });
  exchange.reply(context.shadow.report());
}

export function stopShadow(exchange: AdminExchange): void {
  exchange.context.shadow.stop();
  exchange.context.fleet?.compare(undefined);
  exchange.reply(exchange.context.shadow.report());
}

/**
 * How each cloud API wants to be asked: header of its key, fixed headers, paths, and what it calls otherwise or refuses. Everything here comes from this file and the
 * configuration; nothing is made of a request but the choice among configured models.
 */
import type { CloudConfig, ProviderConfig } from '../../config/upstream-schema.ts';
import type { Cleared } from '../clearance.ts';
import type { WireName } from '../protocols/wire.ts';
import { explainAnthropic } from './explain-anthropic.ts';
import type { FailureCode } from './failure.ts';
import { explainOpenAI } from './explain-openai.ts';
import type { BodyQuirks } from './upstream.ts';

export interface ProviderProfile {
  readonly wire: WireName;
  readonly url: string;
  readonly auth: { readonly header: string; readonly scheme: string };
  readonly headers: Readonly<Record<string, string>>;
  readonly featureHeader?: string;
  readonly address: (cleared: Cleared) => string;
  readonly quirks: BodyQuirks;
  readonly explain: (status: number, body: string) => FailureCode;
}

const BEARER = { header: 'authorization', scheme: 'Bearer' };
const NO_QUIRKS: BodyQuirks = { rename: {}, drop: [] };
/** The one version of the Messages API there is. */
const ANTHROPIC = { headers: { 'anthropic-version': '2023-06-01' }, featureHeader: 'anthropic-beta' };
const OWN_PATH = ({ path }: Cleared): string => path;

/** profileOf is undefined for a provider that is not described. */
export function profileOf(
  config: CloudConfig,
  providers: Readonly<Record<string, ProviderConfig>>,
): ProviderProfile | undefined {
  switch (config.kind) {
    case 'openai':
      return {
        wire: config.api === 'responses' ? 'openai-responses' : 'openai-chat',
        url: config.url,
        auth: BEARER,
        headers: {},
        address: OWN_PATH,
        quirks: NO_QUIRKS,
        explain: explainOpenAI,
      };
    case 'azure':
      return {
        wire: 'openai-chat',
        url: config.url,
        auth: { header: 'api-key', scheme: '' },
        headers: {},
        address: ({ path, model = '' }) => {
          if (config.apiVersion === undefined) return `/openai/v1${path}`;
          const deployment = Object.hasOwn(config.deployments, model) ? config.deployments[model] : model;
          return `/openai/deployments/${encodeURIComponent(deployment ?? '')}${path}?api-version=${config.apiVersion}`;
        },
        quirks: NO_QUIRKS,
        explain: explainOpenAI,
      };
    case 'anthropic':
      return {
        wire: 'anthropic-messages',
        url: config.url,
        auth: { header: 'x-api-key', scheme: '' },
        ...ANTHROPIC,
        address: OWN_PATH,
        quirks: NO_QUIRKS,
        explain: explainAnthropic,
      };
    case 'provider': {
      const described = Object.hasOwn(providers, config.provider) ? providers[config.provider] : undefined;
      return described === undefined ? undefined : describedProfile(described, config.url);
    }
  }
}

function describedProfile(provider: ProviderConfig, url: string | undefined): ProviderProfile {
  const isAnthropic = provider.api === 'anthropic-messages';
  const query = new URLSearchParams(provider.query).toString();
  return {
    wire: provider.api,
    url: url ?? provider.url ?? '',
    auth: { header: provider.auth.header.toLowerCase(), scheme: provider.auth.scheme },
    headers: { ...(isAnthropic ? ANTHROPIC.headers : {}), ...provider.headers },
    ...(isAnthropic ? { featureHeader: ANTHROPIC.featureHeader } : {}),
    address: ({ path, model = '' }) =>
      (provider.path ?? path).replaceAll('{model}', encodeURIComponent(model)) + (query === '' ? '' : `?${query}`),
    quirks: { rename: provider.rename, drop: provider.drop },
    explain: isAnthropic ? explainAnthropic : explainOpenAI,
  };
}

/** Real agents, run headless: what to install, how to point each at Sluice, and how to keep it from talking to anybody else. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface AgentRun {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface Agent {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  readonly bin: string;
  /** Path of Sluice it asks. */
  readonly surface: string;
  /** Which fake cloud stands behind Sluice. */
  readonly cloud: 'anthropic' | 'openai-chat';
  prepare(options: {
    readonly url: string;
    readonly home: string;
    readonly workspace: string;
    readonly prompt: string;
  }): AgentRun;
}

const writeJson = (path: string, value: unknown): void => {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, JSON.stringify(value));
};

/** codex asks its own provider over a WebSocket unless that is refused, and any other where its configuration says so. */
const codex = (name: string, surface: string, more: string): Agent => ({
  name,
  package: '@openai/codex',
  version: '0.169.0',
  bin: 'codex',
  surface,
  cloud: 'openai-chat',
  prepare: ({ url, home, prompt }) => {
    mkdirSync(join(home, 'codex'), { recursive: true });
    writeFileSync(
      join(home, 'codex/config.toml'),
      `model = "auto"\nmodel_provider = "sluice"\ncheck_for_update_on_startup = false\n[analytics]\nenabled = false\n[model_providers.sluice]\nname = "Sluice"\nbase_url = "${url}/v1"\nwire_api = "responses"\nenv_key = "SLUICE_KEY"\n${more}`,
    );
    return {
      args: ['exec', '--skip-git-repo-check', '--sandbox', 'danger-full-access', prompt],
      environment: { CODEX_HOME: join(home, 'codex'), SLUICE_KEY: 'not-a-key' },
    };
  },
});

export const AGENTS: readonly Agent[] = [
  {
    name: 'claude-code',
    package: '@anthropic-ai/claude-code',
    version: '2.1.332',
    bin: 'claude',
    surface: '/v1/messages',
    cloud: 'anthropic',
    prepare: ({ url, home, prompt }) => ({
      args: ['-p', prompt, '--allowedTools', 'Read', '--model', 'claude-fake'],
      environment: {
        ANTHROPIC_BASE_URL: url,
        ANTHROPIC_API_KEY: 'not-a-key',
        CLAUDE_CONFIG_DIR: join(home, 'claude'),
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_TELEMETRY: '1',
        DISABLE_ERROR_REPORTING: '1',
        DISABLE_AUTOUPDATER: '1',
      },
    }),
  },
  codex('codex', '/v1/responses', ''),
  codex('codex-websocket', '/v1/responses (WebSocket)', 'supports_websockets = true\n'),
  {
    name: 'opencode',
    package: 'opencode-ai',
    version: '1.18.33',
    bin: 'opencode',
    surface: '/v1/chat/completions',
    cloud: 'openai-chat',
    prepare: ({ url, home, prompt }) => {
      writeJson(join(home, 'opencode.json'), {
        autoupdate: false,
        share: 'disabled',
        provider: {
          sluice: {
            npm: '@ai-sdk/openai-compatible',
            name: 'Sluice',
            options: { baseURL: `${url}/v1`, apiKey: 'not-a-key' },
            models: { auto: { name: 'auto', limit: { context: 200_000, output: 8_192 } } },
          },
        },
      });
      return {
        args: ['run', '--auto', '-m', 'sluice/auto', prompt],
        environment: {
          OPENCODE_CONFIG: join(home, 'opencode.json'),
          OPENCODE_DISABLE_AUTOUPDATE: '1',
          OPENCODE_DISABLE_MODELS_FETCH: '1',
          OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
        },
      };
    },
  },
  {
    name: 'pi',
    package: '@mariozechner/pi-coding-agent',
    version: '0.73.1',
    bin: 'pi',
    surface: '/v1/chat/completions',
    cloud: 'openai-chat',
    prepare: ({ url, home, prompt }) => {
      writeJson(join(home, 'pi/models.json'), {
        providers: {
          sluice: {
            baseUrl: `${url}/v1`,
            api: 'openai-completions',
            apiKey: 'not-a-key',
            models: [{ id: 'auto', contextWindow: 200_000, maxTokens: 8_192 }],
          },
        },
      });
      return {
        args: ['-p', '--provider', 'sluice', '--model', 'auto', '--no-session', prompt],
        environment: { PI_CODING_AGENT_DIR: join(home, 'pi'), PI_OFFLINE: '1', PI_TELEMETRY: '0' },
      };
    },
  },
  {
    name: 'qwen-code',
    package: '@qwen-code/qwen-code',
    version: '0.24.4',
    bin: 'qwen',
    surface: '/v1/chat/completions',
    cloud: 'openai-chat',
    prepare: ({ url, home, prompt }) => {
      writeJson(join(home, '.qwen/settings.json'), {
        telemetry: { enabled: false },
        privacy: { usageStatisticsEnabled: false },
        general: { enableAutoUpdate: false, disableAutoUpdate: true },
        security: { auth: { selectedType: 'openai' } },
      });
      return {
        args: ['--yolo', '-m', 'auto', '--chat-recording=false', prompt],
        environment: { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: 'not-a-key', OPENAI_MODEL: 'auto' },
      };
    },
  },
  {
    name: 'openclaw',
    package: 'openclaw',
    version: '2026.9.6',
    bin: 'openclaw',
    surface: '/v1/chat/completions',
    cloud: 'openai-chat',
    prepare: ({ url, home, workspace, prompt }) => {
      writeJson(join(home, 'openclaw/openclaw.json'), {
        models: {
          mode: 'merge',
          providers: {
            sluice: {
              baseUrl: `${url}/v1`,
              apiKey: 'not-a-key',
              api: 'openai-completions',
              models: [{ id: 'auto', name: 'auto', contextWindow: 200_000, maxTokens: 8_192 }],
            },
          },
        },
        agents: { defaults: { workspace, model: { primary: 'sluice/auto' } } },
        update: { checkOnStart: false },
      });
      return {
        args: ['agent', '--local', '--session-id', 'compat', '--message', prompt],
        environment: {
          OPENCLAW_STATE_DIR: join(home, 'openclaw'),
          OPENCLAW_CONFIG_PATH: join(home, 'openclaw/openclaw.json'),
          OPENCLAW_DISABLE_TELEMETRY: '1',
        },
      };
    },
  },
];

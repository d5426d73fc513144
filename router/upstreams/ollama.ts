/**
 * The local upstream: Ollama's native /api/chat. It may see everything, so its one duty is to be local: the name, the
 * server's own description of the model and every frame of the answer are checked for a remote host, and the prompt is
 * not sent before the first two agree. Fails closed: any doubt is an `error` event with a code; a prompt that does not
 * fit is refused or gets a larger window, and is never cut in silence.
 */
import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import type { OllamaUpstream } from '../../config/upstream-schema.ts';
import type { ChatRequest, ReplyEvent, UpstreamFailure } from '../chat.ts';
import {
  ContextWindow,
  estimateTokens,
  mayOverflow,
  readTooLittle,
  type TokenEstimate,
  type WindowLimits,
} from './context-window.ts';
import { openLocalDoor, type LocalDoor } from './door.ts';
import { failure, failureOf, type FailureCode } from './failure.ts';
import { OllamaCatalogue, unpinned, type LocalModel } from './ollama-catalogue.ts';
import { readLines } from './ollama-lines.ts';
import { ChoiceReader, explainOllama, readFrame, type NativeFrame } from './ollama-reply.ts';
import { embedLocally } from './ollama-embed.ts';
import { keepAliveOf, nativeRequest } from './ollama-request.ts';
import type { LocalUpstream } from './upstream.ts';

type Config = z.infer<typeof OllamaUpstream>;

export interface OllamaHealth {
  readonly kind: 'reachable' | 'unreachable';
  /** Empty unless reachable and told. */
  readonly version: string;
  /** Names of models that are really local. */
  readonly models: readonly string[];
}

export interface OllamaLocal extends LocalUpstream {
  /** Never throws. */
  health(): Promise<OllamaHealth>;
}

export interface OllamaClock {
  /** Milliseconds, monotonic. */
  now(): number;
}

/** createOllamaUpstream connects nothing yet. Throws DoorFault for a URL that names Ollama's cloud. */
export function createOllamaUpstream(config: Config, clock: OllamaClock = performance): OllamaLocal {
  const door = openLocalDoor({
    name: config.name,
    url: config.url,
    connectTimeoutMs: config.connectTimeoutMs,
    firstByteTimeoutMs: config.firstByteTimeoutMs,
    idleTimeoutMs: config.idleTimeoutMs,
    explain: explainOllama,
  });
  const now = (): number => clock.now();
  const catalogue = new OllamaCatalogue(config.url, door.fetch, now);
  const window = new ContextWindow(now);
  return {
    kind: 'local',
    name: config.name,
    standIn: false,
    send: (chat, options) => new OllamaReply(config, door, catalogue, window, chat, options).events(),
    models: () => catalogue.list(),
    embed: (request, { model, signal }) =>
      embedLocally(door, catalogue, request, {
        upstream: config.name,
        model,
        keepAlive: keepAliveOf(config.keepAlive),
        signal,
      }),
    show: (model) => catalogue.details(model),
    running: () => catalogue.running(),
    async health() {
      const [list, version] = await Promise.all([catalogue.list(), catalogue.version()]);
      if (list.kind === 'unreachable') return { kind: 'unreachable', version: '', models: [] };
      return { kind: 'reachable', version, models: list.models.map((model) => model.id) };
    },
    close: () => door.close(),
  };
}

interface SendOptions {
  readonly model: string;
  readonly signal: AbortSignal;
}

/** How one request for one choice ended. */
type Attempt =
  | { readonly kind: 'done'; readonly last: NativeFrame }
  /** `passed`: something of it was already passed on. */
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure; readonly passed: boolean };

class OllamaReply {
  readonly #config: Config;
  readonly #door: LocalDoor;
  readonly #catalogue: OllamaCatalogue;
  readonly #window: ContextWindow;
  readonly #chat: ChatRequest;
  readonly #options: SendOptions;
  readonly #callIds = new Set<string>();
  #started = false;

  constructor(
    config: Config,
    door: LocalDoor,
    catalogue: OllamaCatalogue,
    window: ContextWindow,
    chat: ChatRequest,
    options: SendOptions,
  ) {
    this.#config = config;
    this.#door = door;
    this.#catalogue = catalogue;
    this.#window = window;
    this.#chat = chat;
    this.#options = options;
  }

  async *events(): AsyncGenerator<ReplyEvent, void, undefined> {
    const named = await this.#resolve();
    if (named.kind === 'refused') {
      yield this.#unsent(named.code);
      return;
    }
    const { name, model } = named;
    const limits: WindowLimits = { ...this.#config, trainedTokens: model.trainedTokens };
    const estimate = estimateTokens(this.#chat);
    let tokens: number | 'too-long' | undefined = this.#window.choose(
      name,
      estimate,
      this.#chat.sampling.maxTokens,
      limits,
    );
    let inputTokens = 0;
    let outputTokens = 0;
    // Ollama answers once; n choices are n requests, one after the other.
    for (let choice = 0; choice < Math.max(1, this.#chat.choices); choice += 1) {
      for (;;) {
        if (tokens === 'too-long') {
          yield this.#unsent('context_too_long');
          return;
        }
        const attempt: Attempt = yield* this.#attempt(model, choice, tokens, estimate);
        if (attempt.kind === 'done') {
          if (choice === 0) inputTokens = attempt.last.promptTokens;
          outputTokens += attempt.last.outputTokens;
          break;
        }
        const larger: number | undefined =
          attempt.failure.code === 'context_too_long' && !attempt.passed
            ? this.#window.larger(name, tokens, limits)
            : undefined;
        if (larger === undefined) {
          yield { kind: 'error', failure: attempt.failure };
          return;
        }
        tokens = larger;
      }
    }
    yield { kind: 'usage', usage: { inputTokens, outputTokens, cachedInputTokens: 0, reasoningTokens: 0 } };
    yield { kind: 'end' };
  }

  async #resolve(): Promise<
    | { readonly kind: 'model'; readonly name: string; readonly model: LocalModel & { kind: 'local' } }
    | { readonly kind: 'refused'; readonly code: FailureCode }
  > {
    if (this.#options.signal.aborted) return { kind: 'refused', code: 'aborted' };
    let name = this.#options.model === '' ? this.#config.model : this.#options.model;
    if (name === '') {
      const first = await this.#catalogue.first();
      if (first.kind === 'refused') return first;
      name = first.name;
    }
    const model = await this.#catalogue.describe(name);
    if (model.kind === 'refused') return model;
    return this.#options.signal.aborted ? { kind: 'refused', code: 'aborted' } : { kind: 'model', name, model };
  }

  /** One request. Yields its events; a whole reply is held until its counters show that the whole prompt was read. */
  async *#attempt(
    model: LocalModel & { kind: 'local' },
    choice: number,
    contextTokens: number,
    estimate: TokenEstimate,
  ): AsyncGenerator<ReplyEvent, Attempt, undefined> {
    const { name } = this.#config;
    const native = nativeRequest(this.#chat, {
      model: model.wireName,
      contextTokens,
      keepAlive: this.#config.keepAlive,
      capabilities: model.capabilities,
      choice,
    });
    if (native.kind === 'unsupported')
      return { kind: 'failed', failure: failure(name, 'unsupported_by_model', false), passed: false };
    const reply = await this.#door.send('/api/chat', native.body, { signal: this.#options.signal });
    if (reply.kind === 'failed') return { kind: 'failed', failure: reply.failure, passed: false };

    const reader = new ChoiceReader(choice, this.#callIds);
    const held: ReplyEvent[] = [];
    let opened = this.#started;
    let passed = false;
    let done = false;
    const broken = (code: FailureCode): Attempt => ({
      kind: 'failed',
      failure: failure(name, code, true, { status: reply.status }),
      passed,
    });
    try {
      for await (const line of readLines(reply.body)) {
        if (line === 'malformed') return broken('upstream_malformed');
        const read = readFrame(line.text);
        if (read.kind === 'failed') return broken(read.code);
        const { frame } = read;
        // Loading and unloading answer an empty chat, and nothing else.
        const isLoading = frame.doneReason === 'load' || frame.doneReason === 'unload';
        if (frame.done && isLoading !== (this.#chat.messages.length === 0)) return broken('upstream_malformed');
        if (frame.done && (await this.#wasTruncated(frame, model, contextTokens, estimate)))
          return broken('context_too_long');
        if (!opened) {
          opened = true;
          held.push(startOf(frame));
        }
        held.push(...reader.events(frame));
        done = frame.done;
        if (this.#chat.stream || done) {
          passed ||= held.length > 0;
          this.#started = true;
          yield* held.splice(0);
        }
        if (done) return { kind: 'done', last: frame };
      }
      return broken('upstream_truncated');
    } catch (error) {
      return { kind: 'failed', failure: failureOf(error, name), passed };
    } finally {
      if (done) reply.body.release();
      else reply.body.destroy();
    }
  }

  /** A short count counts only where the prompt may have been too long: for the window asked for, the trained one, or the one really made. */
  async #wasTruncated(
    last: NativeFrame,
    model: LocalModel & { kind: 'local' },
    contextTokens: number,
    estimate: TokenEstimate,
  ): Promise<boolean> {
    if (!readTooLittle(estimate, last.promptTokens)) return false;
    if (mayOverflow(estimate, contextTokens)) return true;
    const allocated = await this.#catalogue.allocated(model.wireName);
    return allocated > 0 && mayOverflow(estimate, allocated);
  }

  #unsent(code: FailureCode): ReplyEvent {
    return { kind: 'error', failure: failure(this.#config.name, code, false) };
  }
}

function startOf(frame: NativeFrame): ReplyEvent {
  return {
    kind: 'start',
    id: `chatcmpl-${randomBytes(12).toString('hex')}`,
    model: unpinned(frame.model),
    createdSeconds: frame.createdSeconds,
  };
}

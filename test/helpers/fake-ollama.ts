/**
 * A fake of an Ollama server, shaped so that the official `ollama` client works against it: the native API here, the
 * OpenAI-compatible one in fake-ollama-v1.ts. It reproduces what the real server does and its documentation does not
 * say: 400s, truncation in both forms, reloads, cloud stubs that forward the prompt, the Host check. Replies are
 * scripted in order; the last one repeats.
 *
 *     const fake = await startFakeOllama({ models: [{ name: 'small:latest' }], replies: [{ text: 'Hello' }, 'no-done'] });
 *     fake.url;            // http://127.0.0.1:PORT
 *     fake.requests;       // every request, with headers, body and raw bytes
 *     fake.chats();        // bodies of /api/chat, parsed
 *     fake.forwarded;      // prompts it passed on to somebody else's machine
 *     fake.loads;          // `model@num_ctx` of every (re)load
 *     await fake.close();
 */
import {
  countTokens,
  find,
  framesOf,
  full,
  json,
  NDJSON,
  NOW,
  prepare,
  refusal,
  whole,
  type FakeModel,
  type FakeOllamaAnswer,
  type FakeOllamaFault,
  type FakeOllamaOptions,
  type FakeOllamaReply,
  type FakeState,
  type Frame,
  type NativeChat,
} from './fake-ollama-model.ts';
import { answerV1 } from './fake-ollama-v1.ts';
import {
  breaking,
  isBreak,
  type RecordedRequest,
  type RudeReply,
  type RudeServer,
  startRudeServer,
} from './rude-server.ts';

export interface FakeOllama extends RudeServer {
  readonly forwarded: readonly RecordedRequest[];
  readonly loads: readonly string[];
  chats(): readonly Readonly<Record<string, unknown>>[];
  /** Adds replies to the script. */
  script(...replies: readonly FakeOllamaReply[]): void;
  /** Replaces a model, as `ollama rm` and `ollama pull` would behind our back. */
  replace(model: FakeModel): void;
}

export async function startFakeOllama(options: FakeOllamaOptions = {}): Promise<FakeOllama> {
  const script = [...(options.replies ?? [])];
  let next = 0;
  const models = (options.models ?? [{ name: 'small:latest' }]).map((model) => [full(model.name), model] as const);
  const state: FakeState = {
    options,
    models: new Map(models),
    forwarded: [],
    loads: [],
    loaded: new Map(),
    next(request) {
      const reply = options.reply?.(request) ??
        script[Math.min(next, script.length - 1)] ?? { text: 'Hello from the fake' };
      next += 1;
      return reply;
    },
  };
  const server = await startRudeServer((request) => route(request, state), options.port);
  return Object.assign(server, {
    forwarded: state.forwarded,
    loads: state.loads,
    chats: () =>
      server.requests
        .filter((request) => request.path === '/api/chat')
        .map((request) => JSON.parse(request.body) as Readonly<Record<string, unknown>>),
    script: (...replies: readonly FakeOllamaReply[]) => void script.push(...replies),
    replace: (model: FakeModel) => void state.models.set(full(model.name), model),
  });
}

async function route(request: RecordedRequest, state: FakeState): Promise<RudeReply> {
  if (!isOwnHost(request.headers['host'] ?? '')) return { kind: 'answer', status: 403, body: '' };
  const key = `${request.method === 'HEAD' ? 'GET' : request.method} ${request.path}`;
  const broken = state.options.catalogue;
  if (broken !== undefined && /\/api\/(?:show|tags)$/.test(key)) {
    if (broken === 'hang' || broken === 'reset') return { kind: broken };
    return broken === 'not-json'
      ? { kind: 'answer', status: 200, body: '<html>' }
      : refusal(500, 'something went wrong');
  }
  switch (key) {
    case 'GET /':
      return { kind: 'answer', status: 200, headers: { 'content-type': 'text/plain' }, body: 'Ollama is running' };
    case 'GET /api/version':
      return json({ version: '0.31.2' });
    case 'GET /api/tags':
      return json({ models: [...state.models.values()].map(tagOf) });
    case 'GET /api/ps':
      return json({
        models: [...state.loaded].map(([name, context]) => ({
          name,
          model: name,
          size: 1,
          size_vram: 0,
          expires_at: '2026-11-23T19:00:00Z',
          context_length: context,
        })),
      });
    case 'POST /api/show':
      return show(request, state);
    case 'POST /api/embed':
      return embed(request, state);
    case 'POST /api/chat':
      return chat(request, state);
    default:
      return request.path.startsWith('/v1/')
        ? answerV1(request, state)
        : { kind: 'answer', status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found' };
  }
}

function tagOf(model: FakeModel): unknown {
  const name = full(model.name);
  return {
    name,
    model: name,
    modified_at: model.modifiedAt ?? '2026-11-01T12:00:00.123456789+02:00',
    size: model.remoteHost === undefined ? 4_000_000_000 : 384,
    digest: 'f'.repeat(64),
    details: {
      parent_model: '',
      format: 'gguf',
      family: 'fake',
      families: ['fake'],
      parameter_size: '8B',
      quantization_level: 'Q4_K_M',
    },
    ...remote(model),
  };
}

function remote(model: FakeModel): Readonly<Record<string, string>> {
  return model.remoteHost === undefined
    ? {}
    : { remote_model: model.name.replace(/:.*/, ''), remote_host: model.remoteHost };
}

function show(request: RecordedRequest, state: FakeState): RudeReply {
  const { model: asked = '' } = JSON.parse(request.body) as { model?: string };
  const found = find(asked, state);
  if (typeof found === 'string')
    return refusal(
      found === 'invalid' ? 400 : 404,
      found === 'invalid' ? 'invalid model name' : `model '${asked}' not found`,
    );
  return json({
    license: 'fake',
    modelfile: '# fake',
    parameters: 'stop "<|eot_id|>"\nnum_ctx 4096',
    template: '{{ .Prompt }}',
    details: { format: 'gguf', family: 'fake' },
    model_info: { 'general.architecture': 'fake', 'fake.context_length': found.contextLength ?? 131_072 },
    capabilities: found.capabilities ?? ['completion', 'tools'],
    ...remote(found),
  });
}

/** Vectors of three numbers that tell texts apart. */
function embed(request: RecordedRequest, state: FakeState): RudeReply {
  const asked = JSON.parse(request.body) as { model?: string; input?: string | readonly string[] };
  const found = find(asked.model ?? '', state);
  if (typeof found === 'string') return refusal(404, `model '${asked.model ?? ''}' not found`);
  if (found.remoteHost !== undefined) state.forwarded.push(request);
  if (found.capabilities?.includes('embedding') === false)
    return refusal(400, `"${found.name}" does not support embeddings`);
  const texts = typeof asked.input === 'string' ? [asked.input] : (asked.input ?? []);
  const scripted = state.options.embed?.(texts);
  return json(
    scripted ?? {
      model: asked.model,
      embeddings: texts.map((text) => [text.length, text.charCodeAt(0) / 7, -0.5]),
      total_duration: 1_000,
      prompt_eval_count: countTokens(texts.join(' ')),
      ...remote(found),
    },
  );
}

async function chat(request: RecordedRequest, state: FakeState): Promise<RudeReply> {
  const prepared = await prepare(JSON.parse(request.body) as NativeChat, request, state);
  if (prepared.kind === 'refused') return prepared.reply;
  const { asked, model, promptTokens } = prepared;
  if (prepared.empty)
    return json({
      model: asked.model,
      created_at: NOW,
      message: { role: 'assistant', content: '' },
      done: true,
      done_reason: asked.keep_alive === 0 ? 'unload' : 'load',
    });
  const reply = state.next(request);
  if (typeof reply === 'string' || 'fault' in reply) return fault(reply, asked, request);
  const frames = framesOf(
    reply,
    asked.model ?? '',
    { ...(prepared.forwarded ? remote(model) : {}) },
    reply.promptTokens ?? promptTokens,
  );
  if (asked.stream === false) return json(whole(frames));
  return {
    kind: 'stream',
    headers: NDJSON,
    pieces: lines(frames, reply),
    ...(reply.gapMs === undefined ? {} : { gapMs: reply.gapMs }),
  };
}

async function* lines(frames: readonly Frame[], reply: FakeOllamaAnswer): AsyncGenerator<string> {
  for (const frame of frames) {
    if (frame.message.tool_calls !== undefined && reply.gapBeforeToolCallMs !== undefined)
      await new Promise((resolve) => setTimeout(resolve, reply.gapBeforeToolCallMs));
    yield `${JSON.stringify(frame)}\n`;
  }
}

function fault(name: FakeOllamaFault, asked: NativeChat, request: RecordedRequest): RudeReply {
  if (typeof name !== 'string') return { kind: 'answer', status: 307, headers: { location: name.to }, body: '' };
  const started = framesOf({ text: 'Hello from the fake' }, asked.model ?? '', {}, 12)
    .slice(0, 2)
    .map((frame) => `${JSON.stringify(frame)}\n`);
  const stream = { kind: 'stream', headers: NDJSON } as const;
  if (isBreak(name)) return breaking(name, NDJSON, started);
  switch (name) {
    case 'no-done':
      return { ...stream, pieces: started };
    case 'error-line':
      return {
        ...stream,
        pieces: [...started, '{"error":"an error was encountered while running the model: unexpected EOF"}\n'],
      };
    case 'error-line-first':
      return { ...stream, pieces: ['{"error":"model runner has unexpectedly stopped"}\n'] };
    case 'bad-json-line':
      return { ...stream, pieces: [...started, '{"model":"small","message":{"content":"x\n', ...started] };
    case 'not-a-frame':
      return { ...stream, pieces: ['[]\n'] };
    case 'content-is-no-string':
      return { ...stream, pieces: [...started, '{"model":"small","message":{"content":["x"]},"done":false}\n'] };
    case 'bad-utf8':
      return { ...stream, pieces: [...started, Buffer.from([0x7b, 0xff, 0xfe, 0x7d, 0x0a])] };
    case 'silent-200':
      return { kind: 'answer', status: 200, headers: NDJSON, body: '' };
    case 'server-error':
      return refusal(500, 'llama runner process has terminated: exit status 2');
    case 'queue-full':
      return refusal(503, 'server busy, please try again.  maximum pending requests exceeded');
    case 'no-memory':
      return refusal(500, 'model requires more system memory (9.1 GiB) than is available (3.2 GiB)');
    case 'lost-user-turn':
      return refusal(500, 'no user query found in messages');
    case 'cancelled':
      return refusal(499, 'request canceled');
    case 'cloud-disabled':
      return refusal(403, 'ollama cloud is disabled: remote inference is unavailable');
    case 'unauthorized':
      return {
        kind: 'answer',
        status: 401,
        body: JSON.stringify({ error: 'unauthorized', signin_url: 'https://ollama.com/connect?key=x' }),
      };
    case 'quotes-the-prompt':
      return refusal(400, `template: :3: executing "" at <${request.body}>`);
  }
}

/** As the server when bound to loopback; a browser page on another host gets 403 with no body. */
function isOwnHost(host: string): boolean {
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  return (
    name === 'localhost' || /^(?:127\.|10\.|192\.168\.)/.test(name) || /\.(?:localhost|local|internal)$/.test(name)
  );
}

/** What the tests of the door share: a door, a fake behind it, and a client's view of it. Everything opened is closed after each test. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach } from 'vitest';
import type { UpstreamFailure } from '../../../router/chat.ts';
import type { Cleared } from '../../../router/clearance.ts';
import { openCloudDoor, type CloudDoor, type DoorOptions } from '../../../router/upstreams/door.ts';
import { failureOf } from '../../../router/upstreams/failure.ts';
import { explainOpenAI } from '../../../router/upstreams/explain-openai.ts';
import type { PipeOptions, PipeOutcome } from '../../../router/upstreams/pipe-sink.ts';
import { startFakeOpenAI, type FakeOpenAI, type FakeOpenAIReply } from '../../helpers/fake-openai.ts';

export const CANARY = 'canary-7f3a';
export const BODY = { model: 'gpt-fake', messages: [{ role: 'user', content: CANARY }] };

export const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

export function door(url: string, more: Partial<DoorOptions> = {}): CloudDoor {
  const opened = openCloudDoor({
    name: 'cloud',
    url,
    connectTimeoutMs: 2_000,
    firstByteTimeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    explain: explainOpenAI,
    ...more,
  });
  closers.push(() => opened.close());
  return opened;
}

export async function fakeWith(...replies: readonly FakeOpenAIReply[]): Promise<FakeOpenAI> {
  const fake = await startFakeOpenAI({ replies });
  closers.push(() => fake.close());
  return fake;
}

export const never = (): AbortSignal => new AbortController().signal;

export async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

export async function outcome(
  opened: CloudDoor,
  cleared: Cleared,
  signal = never(),
): Promise<{ readonly text: string } | { readonly failure: UpstreamFailure }> {
  const reply = await opened.sendCleared(cleared, { signal });
  if (reply.kind === 'failed') return { failure: reply.failure };
  try {
    return { text: await textOf(reply.body) };
  } catch (error) {
    return { failure: failureOf(error, 'cloud') };
  }
}

/** A client's view of pipeRaw: a real HTTP server whose every request is piped from the door. */
export async function piping(
  opened: CloudDoor,
  cleared: () => Cleared,
  more: Partial<PipeOptions> = {},
): Promise<{ readonly url: string; readonly outcomes: PipeOutcome[]; readonly server: Server }> {
  const outcomes: PipeOutcome[] = [];
  const server = createServer((_request, response) => {
    void opened
      .pipeRaw(cleared(), response, {
        onHead: (headers) => ({ ...headers, 'x-sluice-route': 'cloud' }),
        close: (cause) => (cause === undefined ? '' : 'data: {"error":true}\n\ndata: [DONE]\n\n'),
        ...more,
      })
      .then((result) => {
        outcomes.push(result);
        if (result.kind === 'failed' && !response.headersSent) response.writeHead(502).end(result.failure.code);
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    outcomes,
    server,
  };
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliProcess, startServe } from '../../helpers/cli.ts';
import { type FakeOllama, startFakeOllama } from '../../helpers/fake-ollama.ts';
import { type FakeOpenAI, startFakeOpenAI } from '../../helpers/fake-openai.ts';
import { startPostgres, type TestPostgres, WITHOUT_POSTGRES } from '../../helpers/postgres.ts';
import { CARD, COMPLEX, say } from '../../helpers/sluice.ts';

/** Long enough for its lines to be marked; said slowly, so that the stream is still open when the process dies. */
const PIECES = [
  'Noted: the card of that customer is blocked now, ',
  'and a new one is on its way.\n',
  'More.',
  ' More.',
];

const directory = mkdtempSync(join(tmpdir(), 'killed-'));
const running: CliProcess[] = [];
let postgres: TestPostgres | undefined;
let cloud: FakeOpenAI;
let local: FakeOllama;
beforeAll(async () => {
  if (WITHOUT_POSTGRES === '') postgres = await startPostgres();
  cloud = await startFakeOpenAI({});
  local = await startFakeOllama({ replies: [{ pieces: PIECES, gapMs: 300 }] });
}, 120_000);
afterAll(async () => {
  for (const each of running) each.child.kill('SIGKILL');
  await Promise.all(running.map((each) => each.exited));
  await Promise.all([cloud.close(), local.close()]);
  await postgres?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function serve(store: string): Promise<CliProcess & { readonly url: string }> {
  const file = join(directory, `${running.length}.yaml`);
  writeFileSync(
    file,
    `stateDir: ${join(directory, 'state')}
${store}
sandbox: { mode: deny }
upstreams:
  - { kind: ollama, name: home, url: "${local.url}", sees: restricted }
  - { kind: openai, name: sky, url: "${cloud.url}", model: gpt-fake, sees: public }
`,
  );
  const started = await startServe(['-c', file], { DATABASE: postgres?.url ?? '' });
  running.push(started);
  return started;
}
const ask = (url: string, body: object, session: string): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-session-id': session },
    body: JSON.stringify(body),
  });
const routeOf = async (url: string, body: object, session: string): Promise<string> => {
  const response = await ask(url, body, session);
  await response.text();
  return response.headers.get('x-sluice-route') ?? '';
};

describe.each([
  ['SQLite', 'store: { kind: sqlite }', true],
  ['PostgreSQL', 'store: { kind: postgres, url: env:DATABASE }', WITHOUT_POSTGRES === ''],
] as const)('an instance on %s killed while it answers', (_, store, available) => {
  it.skipIf(!available)('loses no label: the other one knows the conversation', async () => {
    const [one, two] = await Promise.all([serve(store), serve(store)]);
    const response = await ask(one.url, say(`Block ${CARD} please`, { stream: true }), 'agent-7');
    expect(response.headers.get('x-sluice-route')).toBe('local');
    const reader = response.body!.getReader();
    await reader.read();
    one.child.kill('SIGKILL');
    await one.exited;
    await reader.cancel().catch(() => undefined);
    // The same conversation goes on elsewhere, compacted to words that give nothing away.
    expect(await routeOf(two.url, say(COMPLEX), 'agent-7')).toBe('local');
    expect(await routeOf(two.url, say(`${COMPLEX} Begin with the last.`), 'agent-8')).toBe('cloud');
    expect(cloud.wire().toString()).not.toContain(CARD);
    two.child.kill('SIGTERM');
    await two.exited;
  });
});

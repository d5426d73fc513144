/** The local server dies in the middle of an answer and comes back on its port: whoever was listening is told by the last word of his own protocol that this was no whole answer, and the next turn is served. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FakeOllama, startFakeOllama } from '../helpers/fake-ollama.ts';
import { CARD, startSluice, type TestSluice } from '../helpers/sluice.ts';
import { endsProperly } from '../helpers/stream-ending.ts';
import { MODELS, SURFACES } from '../leaks/hunt/surfaces.ts';

let ollama: FakeOllama;
let sluice: TestSluice;
/** Says a few words and then thinks for longer than anybody here waits. */
const slow = { pieces: ['The first words, ', 'and then ', 'nothing.'], gapMs: 400 };
const restart = async (reply: typeof slow | { readonly text: string }): Promise<void> => {
  const { port } = ollama;
  await ollama.close();
  ollama = await startFakeOllama({ models: MODELS, port, reply: () => reply });
};

beforeAll(async () => {
  ollama = await startFakeOllama({ models: MODELS, reply: () => slow });
  sluice = await startSluice({ localUrl: ollama.url });
});
afterAll(async () => {
  await sluice.close();
  await ollama.close();
});

/** What only a whole answer has. */
const WHOLE = /"finish_reason":"(?:stop|length|tool_calls)"|"status":"completed"|"stop_reason":"end_turn"|"done":true/;
const TALKING = SURFACES.filter(({ home, sealed }) => home !== true && sealed !== true);

it.each(TALKING.map((surface) => [surface.name, surface] as const))('%s', async (name, surface) => {
  const ask = (stream: boolean, opening: string) =>
    fetch(`${sluice.url}${surface.path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-session-id': `of ${name}` },
      body: JSON.stringify(surface.body(opening, stream)),
    });
  await restart(slow);
  const streamed = await ask(true, `my card is ${CARD}`);
  expect([streamed.status, streamed.headers.get('x-sluice-route')]).toEqual([200, 'local']);
  const reader = streamed.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  await restart(slow);
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  expect(endsProperly(text) || /data: \{"error":[^\n]*\n\n$/.test(text), text).toBe(true);
  expect(text).toContain('error');
  expect(text).not.toMatch(WHOLE);

  const whole = ask(false, `my card is ${CARD}`);
  await expect.poll(() => ollama.chats().length, { timeout: 5_000 }).toBeGreaterThan(0);
  await restart({ text: 'back again' });
  const failed = await whole;
  const body = await failed.text();
  expect([failed.status, WHOLE.test(body)], body).toEqual([502, false]);
  expect(body).not.toContain(CARD);

  // The conversation is still known, and served by the server that came back.
  const after = await ask(false, 'Prove step by step that there are infinitely many primes.');
  expect([after.status, after.headers.get('x-sluice-route'), await after.text()]).toEqual([
    200,
    'local',
    expect.stringContaining('back again'),
  ]);
  expect(sluice.cloud.requests).toEqual([]);
});

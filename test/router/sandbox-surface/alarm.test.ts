/** An alarm of the sandbox's watch on the router's side: the conversation's label rises before anything of the result moves on. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ToolExecutor } from '../../../sandbox/executor.ts';
import { COMPLEX, recordingExecutor, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());

/** Harmless output; every call named `loud` raises an alarm. */
function alarming(raiseTo: string): ReturnType<typeof recordingExecutor> {
  const base = recordingExecutor(() => 'done');
  const executor: ToolExecutor = {
    ...base,
    async run(request, options) {
      const outcome = await base.run(request, options);
      if (!request.arguments.includes('loud')) return outcome;
      return { ...outcome, watched: { alerts: ['canary-read'], raiseTo, ended: false } };
    },
  };
  return Object.assign(executor, { requests: base.requests });
}
const call = (command: string) => ({ toolCalls: [{ name: 'exec', arguments: { command } }] });

describe('a call that raised an alarm', () => {
  it.each([
    ['loud', 1, 'answered at home'],
    ['quiet', 2, 'answered in the cloud'],
  ])('%s: its clean result goes to whoever may still see this conversation', async (command, clouds, text) => {
    sluice = await startSluice({
      config: 'tools: { offer: [exec] }\npolicy: { masking: "off" }',
      sandbox: alarming('restricted'),
      cloud: { replies: [call(command), { text: 'answered in the cloud' }] },
      local: { replies: [{ text: 'answered at home' }] },
    });
    const response = await sluice.ask(say(COMPLEX));
    expect(await response.text()).toContain(text);
    expect(sluice.cloud.requests).toHaveLength(clouds);
  });

  it('over HTTP: raises its session, and no other', async () => {
    const executor = alarming('restricted');
    sluice = await startSluice({ sandbox: executor });
    const run = async (command: string, session: string) =>
      (await (
        await fetch(`${sluice?.url}/sandbox/v1/run`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ tool: 'exec', arguments: { command }, session }),
        })
      ).json()) as { classification: { label: string }; watched?: object };
    const loud = await run('loud', 'a');
    expect(loud.classification.label).toBe('restricted');
    expect(loud.watched).toEqual({ alerts: ['canary-read'], raiseTo: 'restricted', ended: false });
    await run('quiet', 'a');
    await run('quiet', 'b');
    expect(executor.requests.map(({ label }) => label)).toEqual(['public', 'restricted', 'public']);
  });
});

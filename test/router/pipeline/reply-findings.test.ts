/** What a cloud says that it was never told: counted and logged by entity, never by value, and only where the policy asks for it. */
import { afterEach, describe, expect, it } from 'vitest';
import { CARD, COMPLEX, say, startSluice, type TestSluice } from '../../helpers/sluice.ts';

let sluice: TestSluice | undefined;
afterEach(() => sluice?.close());
const MAIL = 'jane.roe@corp-mail.example';
const OTHER = 'someone.else@other-corp.example';

async function found(config: string, reply: string, prompt: string): Promise<{ metrics: string; logged: string }> {
  const running = await startSluice({
    config,
    cloud: { replies: [{ text: reply }] },
    local: { reply: () => ({ text: reply }) },
  });
  sluice = running;
  for (const stream of [false, true]) {
    const text = await (await running.ask(say(prompt, { stream }))).text();
    expect(text).toContain('answer');
  }
  // Looked at after the reply is out.
  await expect.poll(() => running.logged().split('"event":"request"').length).toBe(3);
  return { metrics: await (await fetch(`${running.url}/metrics`)).text(), logged: running.logged() };
}

describe('policy.replyFindings', () => {
  it('flag: a value nobody sent is counted and logged by its kind alone', async () => {
    const { metrics, logged } = await found('policy: { replyFindings: flag }', `answer: write to ${OTHER}`, COMPLEX);
    expect(metrics).toMatch(/sluice_reply_findings_total\{[^}]*entity="EMAIL_ADDRESS"[^}]*\} 2/);
    expect(logged).toContain('"event":"reply-finding"');
    expect(logged).not.toContain(OTHER);
  });

  it.each([
    [
      'a value of the request, masked and put back',
      'policy: { replyFindings: flag }',
      `answer: ${MAIL}`,
      `${COMPLEX} ${MAIL}`,
    ],
    ['what a local model says', 'policy: { replyFindings: flag }', `answer: ${OTHER}`, `my card ${CARD}`],
    ['anything, by default', '', `answer: ${OTHER}`, COMPLEX],
  ])('leaves alone %s', async (_, config, reply, prompt) => {
    const { metrics, logged } = await found(config, reply, prompt);
    expect(metrics).not.toMatch(/sluice_reply_findings_total\{/);
    expect(logged).not.toContain('reply-finding');
  });
});

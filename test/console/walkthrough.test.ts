/**
 * The operator's walk of docs/walkthrough.md, from the command line to the proof, in a real browser against a real process. With SLUICE_SCREENSHOTS=1 it
 * writes the pictures of that page and of docs/console.md.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axe, MISSING, startBrowser, visit } from '../helpers/browser.ts';
import { type CliProcess, startServe } from '../helpers/cli.ts';
import { type FakeOllama, startFakeOllama } from '../helpers/fake-ollama.ts';
import { type FakeOpenAI, startFakeOpenAI } from '../helpers/fake-openai.ts';
import { CARD, COMPLEX } from '../helpers/sluice.ts';

const PICTURES = process.env['SLUICE_SCREENSHOTS'] === '1';
const IMAGES = join(import.meta.dirname, '../../docs/images');
const ADDRESS = 'help@ours.example';

describe.skipIf(MISSING !== '')('the operator’s walk', () => {
  let browser: Browser;
  let cloud: FakeOpenAI;
  let local: FakeOllama;
  let sluice: CliProcess & { readonly url: string };
  let directory = '';
  let page: Page;
  const file = (): string => join(directory, 'sluice.yaml');

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'walk-'));
    [browser, cloud, local] = await Promise.all([
      startBrowser(),
      startFakeOpenAI({ reply: () => ({ text: 'ok', usage: { prompt: 900, completion: 120 } }) }),
      startFakeOllama({ replies: [{ text: 'ok' }] }),
    ]);
    writeFileSync(
      file(),
      `stateDir: "${directory}/state"
upstreams:
  - { kind: ollama, name: home, url: "${local.url}", sees: restricted }
  - { kind: openai, name: sky, url: "${cloud.url}", model: gpt-fake, sees: public }
policy: { masking: "off" }
sandbox: { mode: deny }
audit: { required: true }
telemetry: { prices: [{ model: "gpt-*", input: 1.25, output: 10 }] }
`,
    );
    sluice = await startServe(['--config', file(), '--no-watch']);
  });
  afterAll(async () => {
    sluice.child.kill('SIGTERM');
    await sluice.exited;
    await browser.close();
    await Promise.all([cloud.close(), local.close()]);
    rmSync(directory, { recursive: true, force: true });
  });

  const ask = async (content: string): Promise<string> => {
    const response = await fetch(`${sluice.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', messages: [{ role: 'user', content }] }),
    });
    await response.text();
    return response.headers.get('x-sluice-route') ?? '';
  };
  const go = async (name: string): Promise<void> => {
    await page.evaluate(`location.hash = '#/${name}'`);
    await page.locator(`#nav-${name}[aria-current]`).waitFor();
  };
  const picture = async (name: string, whole = false): Promise<void> => {
    expect(await axe(page), name).toEqual([]);
    if (!PICTURES) return;
    mkdirSync(IMAGES, { recursive: true });
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(IMAGES, `${name}.png`), fullPage: whole });
  };

  it('starts, and the link that it prints opens the console', async () => {
    const link = /console +(\S+)/.exec(sluice.stdout())?.[1] ?? '';
    expect(link).toContain('/console#');
    const visited = await visit(browser, sluice.url, { width: 1280, height: 800 });
    page = visited.page;
    await page.goto(link);
    await page.getByText('No traffic yet').waitFor();
    await picture('walk-1-empty');
  });

  it('traffic comes in, and one question stays although it should not have', async () => {
    const routes: string[] = [];
    for (const content of [
      'hello, who are you?',
      `My card is ${CARD}, it was charged twice. What should I do?`,
      COMPLEX,
      'Translate "good morning" into French.',
      `Our public address ${ADDRESS} gets spam. ${COMPLEX}`,
    ])
      routes.push(await ask(content));
    expect(routes).toEqual(['local', 'local', 'cloud', 'local', 'local']);
    await expect.poll(() => page.locator('.row-link').count()).toBe(5);
    await page.locator('.row-link').first().click();
    const detail = page.getByRole('complementary', { name: 'Decision' });
    await detail.getByText('would have been cloud but for EMAIL_ADDRESS').first().waitFor();
    await picture('walk-2-live');
  });

  it('explain shows the span, the reason and the key to change', async () => {
    await go('explain');
    await page.getByLabel('Text to explain').fill(`Our public address ${ADDRESS} gets spam. ${COMPLEX}`);
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => page.locator('mark.found').allTextContents()).toEqual([`${ADDRESS}EMAIL_ADDRESS`]);
    await expect.poll(() => page.getByText('classify.allow', { exact: true }).count()).toBe(1);
    await picture('walk-3-explain', true);
  });

  it('the file is changed, and shadow shows what that would do before it does anything', async () => {
    writeFileSync(file(), `${readFileSync(file(), 'utf8')}classify: { allow: ["${ADDRESS}"] }\n`);
    await go('shadow');
    await page.getByRole('button', { name: 'Shadow the file' }).click();
    await page.getByText('What the candidate changes').waitFor();
    expect(await ask(`Mail to ${ADDRESS} bounces. ${COMPLEX}`)).toBe('local');
    expect(await ask(`Another card of mine is ${CARD}. ${COMPLEX}`)).toBe('local');
    await page.getByRole('region', { name: 'Differences' }).waitFor();
    await expect
      .poll(() =>
        page
          .locator('.tile', { hasText: /^Compared/ })
          .locator('.tile-value')
          .textContent(),
      )
      .toBe('2');
    expect(
      await page
        .locator('.tile', { hasText: /^Differ/ })
        .locator('.tile-value')
        .textContent(),
    ).toBe('1');
    await picture('walk-4-shadow', true);
  });

  it('reload puts it in force, between two requests', async () => {
    await page.getByRole('button', { name: 'What would change?' }).click();
    await page.getByText('This would change:').waitFor();
    await page.getByRole('button', { name: 'Reload' }).click();
    await page.getByText('In force.', { exact: true }).waitFor();
    await picture('walk-5-reload');
    expect(await ask(`Is ${ADDRESS} a good address? ${COMPLEX}`)).toBe('cloud');
    expect(await ask(`A third card is ${CARD}. ${COMPLEX}`)).toBe('local');
  });

  it('and the audit proves that nothing confidential left', async () => {
    await go('audit');
    await page.getByRole('button', { name: 'Check every signature' }).click();
    await page.getByText('The chain is whole.').waitFor();
    await page.getByRole('button', { name: 'Prove', exact: true }).click();
    await page.getByText('Proved: nothing labelled confidential or higher was sent to a cloud.').waitFor();
    await picture('walk-6-proof', true);
    expect(cloud.wire().toString()).not.toContain(CARD);
    expect(cloud.wire().toString()).toContain(ADDRESS);
  });

  it('the pages the walk did not need have their picture too', async () => {
    await go('tune');
    await page.getByRole('button', { name: 'Try an example' }).click();
    await page.locator('#t-EMAIL_ADDRESS').focus();
    await page.keyboard.press('End');
    await page.getByRole('region', { name: 'Rows that move' }).waitFor();
    await page.getByLabel('Keys laid over the policy in force').fill('complexity: { threshold: 0.2 }');
    await page.getByRole('button', { name: 'Compare' }).click();
    await expect
      .poll(() => page.getByRole('region', { name: 'Policies side by side' }).locator('tbody tr').count())
      .toBe(3);
    await page.evaluate('scrollTo(0, 0)');
    await picture('page-tune', true);
    await go('health');
    await page.getByText('Routes since the start').waitFor();
    await picture('page-health', true);
  });
});

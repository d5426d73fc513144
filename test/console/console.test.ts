/** The console in a real browser: every page, by keyboard, in light and dark, with nothing to complain about for axe or the page's own policy. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminSluice, keysOf, startAdmin } from '../helpers/admin.ts';
import { axe, MISSING, startBrowser, visit, type Visit } from '../helpers/browser.ts';
import { CARD, COMPLEX, recordingExecutor, say } from '../helpers/sluice.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('the files of the console', () => {
  it('are right by their types', () => {
    const run = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'console'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(run.stdout + run.stderr).toBe('');
  });

  it('are served with their types and a policy that lets nothing else run, to anybody: they hold nothing', async () => {
    const sluice = await startAdmin();
    try {
      const page = await sluice.raw('GET', '/console', undefined, {});
      expect(page.status).toBe(200);
      const policy = String(page.headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      expect(page.text).not.toMatch(/<script(?![^>]*src=)|style=|\son[a-z]+=/);
      const script = await sluice.raw('GET', '/console/main.ts', undefined, {});
      expect(script.headers['content-type']).toContain('text/javascript');
      expect(script.text).not.toContain('import type');
      const again = await sluice.raw('GET', '/console/main.ts', undefined, {
        'if-none-match': String(script.headers['etag']),
      });
      expect(again.status).toBe(304);
      for (const path of [
        '..%2fpackage.json',
        'tsconfig.json',
        '%2e%2e/package.json',
        'nothing.ts',
        '.git',
        '__proto__',
      ])
        expect((await sluice.raw('GET', `/console/${path}`, undefined, {})).status, path).toBe(404);
      expect((await sluice.raw('POST', '/console', '{}', { 'content-type': 'application/json' })).status).toBe(405);
    } finally {
      await sluice.close();
    }
  });
});

describe.skipIf(MISSING !== '')('the console in Chromium', () => {
  let browser: Browser;
  let sluice: AdminSluice;
  let directory = '';
  let seen: Visit;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'console-'));
    browser = await startBrowser();
    sluice = await startAdmin({
      configFile: join(directory, 'sluice.yaml'),
      config:
        'tools: { offer: [exec] }\ntelemetry: { feedback: text, prices: [{ model: "gpt-*", input: 100, output: 1000 }] }',
      cloud: { reply: () => ({ text: 'ok', usage: { prompt: 900, completion: 120 } }) },
      local: { replies: [{ toolCalls: [{ name: 'exec', arguments: { command: 'id' } }] }, { text: 'done' }] },
      sandbox: recordingExecutor(() => 'uid=1000'),
    });
    for (const content of ['hello', `my card is ${CARD}`, COMPLEX]) await (await sluice.ask(say(content))).text();
  });
  afterAll(async () => {
    await browser.close();
    await sluice.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const open = async (hash = '', options: Parameters<typeof visit>[2] = {}): Promise<Visit> => {
    const visited = await visit(browser, sluice.url, options);
    await visited.page.goto(`${sluice.url}/console#${sluice.authority.startToken}`);
    await visited.page.locator('nav').waitFor();
    if (hash !== '') await visited.page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    return visited;
  };
  const finish = async ({ context, complaints }: Visit): Promise<void> => {
    await context.close();
    expect(complaints).toEqual([]);
  };

  it('the link logs in and leaves no token in the address; without it there is a login', async () => {
    seen = await open();
    expect(seen.page.url()).not.toContain(sluice.authority.startToken);
    expect(await seen.page.locator('h1').textContent()).toBe('Live');
    const cookies = await seen.context.cookies();
    expect(cookies).toMatchObject([{ name: 'sluice_admin', httpOnly: true, sameSite: 'Strict' }]);
    await seen.page.getByRole('button', { name: 'Log out' }).click();
    await seen.page.getByLabel('Link or admin key').waitFor();
    expect(await axe(seen.page)).toEqual([]);
    await finish(seen);
  });

  it('an admin key logs in, a wrong one is told so', async () => {
    const own = await startAdmin({ keys: keysOf('the-admin-key') });
    const { page, context } = await visit(browser, own.url);
    await page.goto(`${own.url}/console`);
    await page.getByLabel('Admin key').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('That key does not open the console.').waitFor();
    await page.getByLabel('Admin key').fill('the-admin-key');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.getByRole('heading', { name: 'Live' }).isVisible()).toBe(true);
    await context.close();
    await own.close();
  });

  it.each([
    ['in light', { width: 1280, height: 800 }],
    ['in dark', { dark: true, width: 1280, height: 800 }],
    ['on a narrow screen', { width: 390, height: 800 }],
  ])('every page is clean for axe %s, does not scroll sideways and asks nobody else', async (_, options) => {
    const visited = await open('', options);
    for (const name of ['live', 'explain', 'tune', 'shadow', 'sandbox', 'audit', 'health']) {
      await visited.page.evaluate(`location.hash = '#/${name}'`);
      await visited.page.locator(`#nav-${name}[aria-current]`).waitFor();
      await visited.page.locator('.page').waitFor();
      // Each page asks once and then draws.
      await visited.page.waitForTimeout(150);
      expect(await axe(visited.page), name).toEqual([]);
      const wide = await visited.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      expect(wide, name).toBeLessThanOrEqual(0);
      const last = await visited.page.locator('#nav-health').boundingBox();
      expect((last?.x ?? Infinity) + (last?.width ?? 0), name).toBeLessThanOrEqual(options.width ?? 1280);
    }
    await finish(visited);
  });

  it('live shows a decision as it is made, in full, by keyboard, and marks it as wrong', async () => {
    const visited = await open('#/live');
    const { page } = visited;
    await page.getByText('live', { exact: true }).waitFor();
    const before = await page.locator('.row-link').count();
    await (await sluice.ask(say(`and my other card ${CARD}, please`))).text();
    await expect.poll(() => page.locator('.row-link').count()).toBe(before + 1);
    await page.locator('.row-link').first().focus();
    await page.keyboard.press('Enter');
    const detail = page.getByRole('complementary', { name: 'Decision' });
    await detail.getByText('would have been cloud but for CREDIT_CARD').first().waitFor();
    expect(await detail.textContent()).toContain('/messages/0/content');
    expect(await page.content()).not.toContain(CARD);
    expect(await axe(page)).toEqual([]);
    await detail.getByRole('button', { name: 'Flagged too much' }).click();
    await page.getByText('Marked as over-flagged').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.row-link').first().focus();
    await page.keyboard.press('ArrowDown');
    expect(await page.evaluate('document.activeElement.className')).toBe('row-link');
    await page.getByLabel('Any route').selectOption('cloud');
    await expect.poll(() => page.locator('.row-link').count()).toBe(1);
    await finish(visited);
  });

  it('explain highlights what is found and names the key to change', async () => {
    const visited = await open('#/explain');
    const { page } = visited;
    await page.getByLabel('Text to explain').fill(`pay with ${CARD} or 4539 5787 6362 1487`);
    await page.keyboard.press('Control+Enter');
    await page.locator('mark.found').waitFor();
    expect(await page.locator('mark.found').first().textContent()).toBe(`${CARD}CREDIT_CARD`);
    await page.getByText('classify.entities.CREDIT_CARD.threshold').waitFor();
    expect(await page.locator('.finding').first().textContent()).toContain('needs 0.50');
    expect(await page.getByRole('region', { name: 'Keys' }).textContent()).not.toContain('`');
    expect(await axe(page)).toEqual([]);
    await page.getByRole('button', { name: 'Something was missed' }).click();
    await page.getByText('Kept, encrypted, for tune and evaluate').waitFor();
    expect((await sluice.context.feedback.read()).rows.some((row) => row.text?.includes(CARD))).toBe(true);
    await page.getByRole('button', { name: 'A whole request (JSON)' }).click();
    await page
      .getByLabel('Text to explain')
      .fill(JSON.stringify({ model: 'm', max_tokens: 5, system: 'x', messages: [{ role: 'user', content: CARD }] }));
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await page.getByText('read as anthropic-messages').waitFor();
    await page.getByLabel('Wire').selectOption('openai-chat');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await page.getByText('read as openai-chat').waitFor();
    await page.getByLabel('Text to explain').fill('{"a":1,"a":2}');
    await page.keyboard.press('Control+Enter');
    await page.getByText('This would be refused as it stands').waitFor();
    await page.getByRole('button', { name: 'Try an example' }).click();
    await page.locator('mark.found').first().waitFor();
    // A refused request is answered with 400, which the browser reports.
    visited.complaints.length = 0;
    await finish(visited);
  });

  it('a text that is markup stays text', async () => {
    const visited = await open('#/explain');
    await visited.page
      .getByLabel('Text to explain')
      .fill(`<img src=x onerror=alert(1)> ${CARD} <script>alert(2)</script>`);
    await visited.page.keyboard.press('Control+Enter');
    await visited.page.locator('mark.found').waitFor();
    expect(await visited.page.locator('.marked img, .marked script').count()).toBe(0);
    await finish(visited);
  });

  it('tune moves all numbers with a slider and hands the keys to shadow', async () => {
    const visited = await open('#/tune');
    const { page } = visited;
    await page.getByRole('button', { name: 'Try an example' }).click();
    const recall = page.locator('.tile', { hasText: 'Recall' }).locator('.tile-value');
    await expect.poll(() => recall.textContent()).toBe('100 %');
    await page.locator('#t-EMAIL_ADDRESS').focus();
    await page.keyboard.press('End');
    await expect.poll(() => recall.textContent()).toBe('75.0 %');
    expect(await axe(page)).toEqual([]);
    await page.getByRole('button', { name: 'Measure exactly' }).click();
    await page.getByText('Measured: exactly as shown').waitFor();
    await page.getByText('sensitive rows reached at each threshold').waitFor();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    expect(file.suggestedFilename()).toBe('sluice-tuned.yaml');
    expect(readFileSync(await file.path(), 'utf8')).toContain('threshold: 1');
    await page.getByRole('button', { name: 'Shadow it on live traffic' }).click();
    await page.getByRole('button', { name: 'Shadow these keys' }).click();
    await page.getByText('classify.entities.EMAIL_ADDRESS.threshold').waitFor();
    await (await sluice.ask(say('mail jane.roe@corp-mail.example'))).text();
    await page.getByRole('region', { name: 'Differences' }).waitFor();
    expect(await axe(page)).toEqual([]);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('No candidate is running').waitFor();
    await finish(visited);
  });

  it('tune lays policies side by side, and a set in use outlives many comparisons', async () => {
    const visited = await open('#/tune');
    const { page } = visited;
    await page.getByRole('button', { name: 'Try an example' }).click();
    const rows = page.getByRole('region', { name: 'Policies side by side' }).locator('tbody tr');
    await expect.poll(() => rows.count()).toBe(1);
    const keys = page.getByLabel('Keys laid over the policy in force');
    const compare = page.getByRole('button', { name: 'Compare' });
    await keys.fill('classify: { entities: { CREDIT_CARD: { threshold: 1 }');
    await compare.click();
    await page.locator('.form-error:not(:empty)').waitFor();
    for (let times = 1; times <= 9; times += 1) {
      await keys.fill('classify: { entities: { EMAIL_ADDRESS: { label: confidential, threshold: 1 } } }');
      await compare.click();
      await expect.poll(() => rows.count()).toBe(1 + times);
    }
    expect(await rows.first().locator('td').nth(1).textContent()).toBe('100 %');
    expect(await rows.last().locator('td').nth(1).textContent()).toBe('75.0 %');
    await page.locator('#t-EMAIL_ADDRESS').focus();
    await page.keyboard.press('End');
    await expect.poll(() => rows.nth(1).locator('td').first().textContent()).toBe('the sliders');
    expect(await axe(page)).toEqual([]);
    // The first comparison was refused with 400, which the browser reports.
    visited.complaints.length = 0;
    await finish(visited);
  });

  it('sandbox proves again, health shows totals and a configuration without secrets', async () => {
    const visited = await open('#/sandbox');
    const { page } = visited;
    await page.getByRole('button', { name: 'Prove again' }).click();
    await page.getByText('tools run').waitFor();
    await page.evaluate("location.hash = '#/health'");
    await page.getByText('Configuration in force').waitFor();
    await page.getByText('Show all keys').click();
    expect(await page.content()).toContain('env:KEY');
    expect(await page.content()).not.toContain('upstream-key-of-the-test');
    await finish(visited);
  });

  it('sandbox shows a change set with its sizes, and no path of one pushes the page sideways', async () => {
    const visited = await open('', { width: 390, height: 800 });
    const { page } = visited;
    const long = 'a'.repeat(300);
    await page.route('**/admin/v1/sandbox', async (route) => {
      const response = await route.fetch();
      const view = (await response.json()) as object;
      const changes = [{ change: 'added', kind: 'file', size: 3, path: `${long}.txt` }];
      await route.fulfill({
        response,
        json: { ...view, changes: [{ id: long, workspace: `/state/${long}`, changes, objections: [] }] },
      });
    });
    await page.evaluate("location.hash = '#/sandbox'");
    await page.locator('.change-set summary').click();
    await page.getByText('3 B', { exact: true }).waitFor();
    expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    expect(await axe(page)).toEqual([]);
    await finish(visited);
  });

  it('says when Sluice does not answer, and goes on when it does', async () => {
    const visited = await open('#/health');
    const { page, context } = visited;
    await page.getByText('Routes since the start').waitFor();
    await context.setOffline(true);
    await page.getByText('Sluice does not answer.').waitFor();
    await context.setOffline(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => page.getByText('Routes since the start').isVisible()).toBe(true);
    await context.close();
  });
});

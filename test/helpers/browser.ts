/** Chromium for tests of the console: the one the system has, closed to the network. Without it the tests skip and say why. */
import { existsSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const CHROMIUM = PATHS.find((path) => existsSync(path));
/** Empty when there is a browser. */
export const MISSING =
  CHROMIUM === undefined ? 'no Chromium is installed (apt chromium): the console is not tested' : '';
if (MISSING !== '') process.stderr.write(`${MISSING}\n`);

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Console messages, page errors and requests that left for anywhere but `origin`. */
  readonly complaints: string[];
}

export async function visit(
  browser: Browser,
  origin: string,
  options: { readonly dark?: boolean; readonly width?: number; readonly height?: number } = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1360, height: options.height ?? 900 },
    colorScheme: options.dark === true ? 'dark' : 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) complaints.push(`asked for ${request.url()}`);
  });
  return { page, context, complaints };
}

/** axe names what is wrong for people who do not see, use no mouse or tell no colours apart; empty is clean. */
export async function axe(page: Page): Promise<readonly string[]> {
  // Evaluated by the debugger, which the page's own policy does not bind.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const tool = (
      globalThis as unknown as {
        axe: {
          run(): Promise<{
            violations: readonly { id: string; nodes: readonly { html: string; failureSummary?: string }[] }[];
          }>;
        };
      }
    ).axe;
    const { violations } = await tool.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary ?? ''}`),
    );
  });
}

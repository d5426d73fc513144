import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DECISION_HEADERS } from '../../router/http/decision-headers.ts';
import { ERRORS } from '../../router/errors.ts';
import { createMetrics } from '../../router/telemetry/metrics.ts';
import { ROOT, readSources } from './tree.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
/** First cells of a page's tables, without their code marks. */
function firstCells(page: string): readonly string[] {
  return [...read(page).matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] ?? '');
}

describe('docs are in step with the code, both ways', () => {
  it('error codes', () => {
    expect(firstCells('docs/errors.md').toSorted()).toEqual(Object.keys(ERRORS).toSorted());
    for (const [code, kind] of Object.entries(ERRORS))
      expect(read('docs/errors.md')).toContain(`| \`${code}\` | ${kind.status} | \`${kind.type}\` | ${kind.message} |`);
  });

  it('error codes are all used', () => {
    const text = readSources(['router'])
      .filter((file) => file.path !== 'router/errors.ts')
      .map((file) => file.text)
      .join('\n');
    expect(Object.keys(ERRORS).filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });

  it('metrics', async () => {
    const names = (await createMetrics().registry.getMetricsAsJSON()).map((metric) => metric.name);
    expect(names.length).toBeGreaterThan(5);
    expect(firstCells('docs/metrics.md').toSorted()).toEqual(names.toSorted());
  });

  it('headers and reason codes', () => {
    const page = firstCells('docs/headers.md');
    const sent = readSources(['router']).flatMap((file) =>
      [...file.text.matchAll(/'(x-sluice-[a-z-]+)'/g)].map((match) => match[1] ?? ''),
    );
    expect(new Set(page.filter((cell) => cell.startsWith('x-')))).toEqual(new Set([...DECISION_HEADERS, ...sent]));
    const reasons = new Set(
      [...read('router/decision.ts').matchAll(/code: '([a-z-]+)'/g)].map((match) => match[1] ?? ''),
    );
    const documented = new Set(
      [...read('docs/headers.md').matchAll(/`([a-z-]+)(?::[A-Z]+)?`(?=[ ,][^|]*\|[^|]*\|[^|]*\|$)/gm)].map(
        (match) => match[1] ?? '',
      ),
    );
    for (const reason of reasons) expect(documented, reason).toContain(reason);
  });

  it('links lead somewhere', () => {
    const pages = [
      'README.md',
      ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .map((name) => `docs/${name}`),
    ];
    const links = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map((match) => ({
        page,
        to: resolve(ROOT, dirname(page), match[1] ?? ''),
      })),
    );
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((link) => !existsSync(link.to))).toEqual([]);
  });
});

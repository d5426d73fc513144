/** What is shipped for Grafana and Prometheus names metrics and labels that exist; the rules pass promtool with their own tests. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Histogram } from 'prom-client';
import { parse } from 'yaml';
import { createMetrics } from '../../router/telemetry/metrics.ts';

const FOLDER = join(import.meta.dirname, '../../docs/observability');
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const dashboard = JSON.parse(read('grafana-dashboard.json')) as { readonly panels: readonly Panel[] };
const queries = dashboard.panels.flatMap((panel) =>
  (panel.targets ?? []).map(({ expr }) => [panel.title, expr] as const),
);
const rules = (
  parse(read('prometheus-rules.yaml')) as { groups: readonly { rules: readonly Rule[] }[] }
).groups.flatMap((group) => group.rules);

/** Metric name to its labels; histograms by all their series. */
const known = new Map<string, readonly string[]>();
beforeAll(() => {
  for (const metric of createMetrics().registry.getMetricsAsArray()) {
    const { name, labelNames } = metric as unknown as { name: string; labelNames: readonly string[] };
    known.set(name, labelNames);
    if ((metric as unknown) instanceof Histogram)
      for (const end of ['_bucket', '_sum', '_count']) known.set(name + end, [...labelNames, 'le']);
  }
});

/** Names that may be a metric: words with an underscore that are no function and no label in braces or a by-clause. */
function metricsIn(expr: string): readonly string[] {
  const bare = expr
    .replaceAll(/\{[^}]*\}/g, ' ')
    .replaceAll(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, ' ')
    .replaceAll(/\$\w+|"[^"]*"/g, ' ');
  return [...bare.matchAll(/\b[a-z][a-z0-9]*_[a-z0-9_]+\b/g)]
    .map(([name]) => name)
    .filter((name) => name !== 'histogram_quantile');
}
function labelsIn(expr: string): readonly string[] {
  return [
    ...[...expr.matchAll(/[{,]\s*([a-z_]+)\s*(?:=|!)/g)].map((match) => match[1] ?? ''),
    ...[...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap((match) =>
      (match[1] ?? '').split(',').map((each) => each.trim()),
    ),
  ];
}
/** Put on by Prometheus, not by us. */
const SCRAPED: ReadonlySet<string> = new Set(['instance', 'job', 'le']);

describe('the Grafana dashboard', () => {
  it('asks for most of what there is', () => {
    expect(queries.length).toBeGreaterThan(25);
    const asked = new Set(queries.flatMap(([, expr]) => metricsIn(expr)));
    const unseen = [...known.keys()].filter(
      (name) => !/_(bucket|sum|count)$/.test(name) && ![...asked].some((each) => each.startsWith(name)),
    );
    const all = [...known.keys()].filter((name) => !/_(bucket|sum|count)$/.test(name));
    expect(unseen.length, unseen.join(', ')).toBeLessThan(all.length / 4);
  });
  it.each(queries)('%s: %s', (_, expr) => {
    const names = metricsIn(expr);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect([...known.keys()], name).toContain(name);
    const labels = new Set([...SCRAPED, ...names.flatMap((name) => known.get(name) ?? [])]);
    for (const label of labelsIn(expr)) expect([...labels], label).toContain(label);
  });
  it('lays panels beside one another, not over one another', () => {
    const panels = dashboard.panels.map(({ title, gridPos }) => ({ title, ...gridPos }));
    for (const [index, one] of panels.entries()) {
      expect(one.x + one.w, one.title).toBeLessThanOrEqual(24);
      for (const other of panels.slice(index + 1)) {
        const apart =
          one.x + one.w <= other.x ||
          other.x + other.w <= one.x ||
          one.y + one.h <= other.y ||
          other.y + other.h <= one.y;
        expect(apart, `${one.title} and ${other.title}`).toBe(true);
      }
    }
  });
});

describe('the Prometheus rules', () => {
  it('are there', () => expect(rules.length).toBeGreaterThan(10));
  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s asks for what exists and says what to do',
    (_, rule) => {
      for (const name of metricsIn(rule.expr)) expect([...known.keys()], name).toContain(name);
      const labels = new Set([...SCRAPED, ...metricsIn(rule.expr).flatMap((name) => known.get(name) ?? [])]);
      for (const label of labelsIn(rule.expr)) expect([...labels], label).toContain(label);
      expect(rule.annotations.summary.length).toBeGreaterThan(10);
      expect(rule.annotations.description.length).toBeGreaterThan(10);
      expect(['critical', 'warning', 'info']).toContain(rule.labels.severity);
    },
  );

  const promtool = spawnSync('promtool', ['--version']);
  if (promtool.error !== undefined)
    process.stderr.write('promtool is not installed (apt prometheus): rules are read but not run\n');
  it.skipIf(promtool.error !== undefined).each([
    ['check', ['check', 'rules', 'prometheus-rules.yaml']],
    ['their own tests', ['test', 'rules', 'prometheus-rules.test.yaml']],
  ])('pass promtool: %s', (_, args) => {
    const run = spawnSync('promtool', args, { cwd: FOLDER, encoding: 'utf8' });
    expect(run.status, run.stdout + run.stderr).toBe(0);
  });
});

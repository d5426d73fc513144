/** Charts as SVG, each with its numbers in words for those who do not see it. Colours come from the style sheet by class. */
import { h, svg } from './dom.ts';
import { percent, ROUTES, routeName } from './format.ts';

/** One bar cut by share; the legend carries the numbers. */
export function shareBar(shares: Readonly<Record<string, number>>, label: string): HTMLElement {
  const total = Object.values(shares).reduce((sum, each) => sum + each, 0);
  const present = ROUTES.filter((route) => (shares[route] ?? 0) > 0);
  let x = 0;
  const said = present.map((route) => `${routeName(route)} ${percent(shares[route] ?? 0, total)}`).join(', ');
  return h(
    'figure',
    { class: 'share' },
    svg(
      'svg',
      {
        viewBox: '0 0 100 4',
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': `${label}: ${said || 'nothing yet'}`,
      },
      svg('rect', { class: 'track', x: 0, y: 0, width: 100, height: 4 }),
      present.map((route) => {
        const width = ((shares[route] ?? 0) / total) * 100;
        const rect = svg('rect', { class: `fill-${route}`, x, y: 0, width, height: 4 });
        x += width;
        return rect;
      }),
    ),
    h(
      'figcaption',
      { class: 'legend' },
      present.map((route) =>
        h(
          'span',
          { class: 'legend-item' },
          h('span', { class: `dot dot-${route}` }),
          `${routeName(route)} `,
          h('b', {}, String(shares[route] ?? 0)),
          h('span', { class: 'quiet' }, ` ${percent(shares[route] ?? 0, total)}`),
        ),
      ),
    ),
  );
}

/** Columns over time, stacked by route. `columns` oldest first. */
export function timeline(columns: readonly Readonly<Record<string, number>>[], label: string): SVGElement {
  const most = Math.max(1, ...columns.map((column) => Object.values(column).reduce((sum, each) => sum + each, 0)));
  const width = 100 / columns.length;
  return svg(
    'svg',
    { class: 'timeline', viewBox: '0 0 100 24', preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    svg('line', { class: 'axis', x1: 0, x2: 100, y1: 23.9, y2: 23.9 }),
    columns.map((column, index) => {
      let top = 24;
      return ROUTES.map((route) => {
        const height = ((column[route] ?? 0) / most) * 22;
        if (height === 0) return null;
        top -= height;
        return svg('rect', {
          class: `fill-${route}`,
          x: index * width + width * 0.1,
          y: top,
          width: width * 0.8,
          height,
        });
      });
    }),
  );
}

/** The steps of a score against its threshold. */
export function steps(scores: readonly number[], threshold: number): SVGElement {
  const at = (index: number): number => 4 + (index * 92) / Math.max(1, scores.length - 1);
  const y = (score: number): number => 26 - score * 22;
  const points = scores.map((score, index) => `${at(index)},${y(score)}`).join(' ');
  return svg(
    'svg',
    {
      class: 'steps',
      viewBox: '0 0 100 30',
      role: 'img',
      'aria-label': `score ${scores.map((score) => score.toFixed(2)).join(', then ')}; threshold ${threshold}`,
    },
    svg('line', { class: 'threshold', x1: 0, x2: 100, y1: y(threshold), y2: y(threshold) }),
    scores.length > 1 ? svg('polyline', { class: 'line', points }) : null,
    scores.map((score, index) =>
      svg('circle', { class: score >= threshold ? 'point over' : 'point', cx: at(index), cy: y(score), r: 2.6 }),
    ),
  );
}

/** Stages of one request on a common scale. */
export function stages(
  parts: readonly { readonly name: string; readonly from: number; readonly to: number }[],
  total: number,
): SVGElement {
  const height = parts.length * 9 + 2;
  const scale = total === 0 ? 1 : 100 / total;
  return svg(
    'svg',
    {
      class: 'stages',
      viewBox: `0 0 100 ${height}`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': parts.map(({ name, from, to }) => `${name} ${(to - from).toFixed(2)} ms`).join(', '),
    },
    parts.map(({ name, from, to }, index) =>
      svg('rect', {
        class: `stage stage-${name}`,
        x: from * scale,
        y: index * 9 + 1,
        width: Math.max(0.6, (to - from) * scale),
        height: 7,
      }),
    ),
  );
}

/** Two lines over a threshold axis, with the threshold that is chosen. Points are shares of 0 to 1. */
export function curve(
  points: readonly { readonly threshold: number; readonly caught: number; readonly flagged: number }[],
  sensitive: number,
  safe: number,
  threshold: number,
  label: string,
): SVGElement {
  // A step down at every score a row has: below it the row is reached, above it is not.
  const line = (pick: (point: (typeof points)[number]) => number): string => {
    let from = 0;
    const corners = points.flatMap((point) => {
      const y = 38 - pick(point) * 36;
      const pair = [`${from * 100},${y}`, `${point.threshold * 100},${y}`];
      from = point.threshold;
      return pair;
    });
    return [...corners, `${from * 100},38`, '100,38'].join(' ');
  };
  return svg(
    'svg',
    { class: 'curve', viewBox: '0 0 100 40', preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    svg('line', { class: 'axis', x1: 0, x2: 100, y1: 38, y2: 38 }),
    svg('polyline', {
      class: 'line caught',
      points: line((point) => (sensitive === 0 ? 0 : point.caught / sensitive)),
    }),
    svg('polyline', { class: 'line flagged', points: line((point) => (safe === 0 ? 0 : point.flagged / safe)) }),
    svg('line', { class: 'chosen', x1: threshold * 100, x2: threshold * 100, y1: 0, y2: 40 }),
  );
}

export function histogram(bins: readonly number[], threshold: number, label: string): SVGElement {
  const most = Math.max(1, ...bins);
  const width = 100 / bins.length;
  return svg(
    'svg',
    { class: 'curve', viewBox: '0 0 100 40', preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    bins.map((value, index) => {
      const height = (value / most) * 36;
      const over = (index + 0.5) / bins.length >= threshold;
      return svg('rect', {
        class: over ? 'fill-cloud' : 'fill-local',
        x: index * width + 0.4,
        y: 40 - height,
        width: width - 0.8,
        height,
      });
    }),
    svg('line', { class: 'chosen', x1: threshold * 100, x2: threshold * 100, y1: 0, y2: 40 }),
  );
}

/** Rows of names with bars. */
export function bars(rows: readonly (readonly [string, number])[], label: string): HTMLElement {
  const most = Math.max(1, ...rows.map(([, value]) => value));
  return h(
    'ul',
    { class: 'bars', 'aria-label': label },
    rows.map(([name, value]) =>
      h(
        'li',
        {},
        h('span', { class: 'bar-name' }, name),
        svg(
          'svg',
          { viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
          svg('rect', { class: 'track', x: 0, y: 0, width: 100, height: 6 }),
          svg('rect', { class: 'fill-accent', x: 0, y: 0, width: (value / most) * 100, height: 6 }),
        ),
        h('span', { class: 'bar-value' }, value.toLocaleString('en-US')),
      ),
    ),
  );
}

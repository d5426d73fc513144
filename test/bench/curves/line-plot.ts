/** A log-log plot as SVG text: points, a line through them, and a dashed line of what linear would be from the first point that counts. Nothing is fetched, nothing runs. */
export interface Point {
  readonly x: number;
  /** Microseconds. */
  readonly y: number;
}

export interface Plot {
  readonly title: string;
  readonly xName: string;
  readonly points: readonly Point[];
}

const WIDTH = 560;
const HEIGHT = 320;
const LEFT = 70;
const RIGHT = 20;
const TOP = 40;
const BOTTOM = 50;

export function drawPlot({ title, xName, points }: Plot): string {
  const xs = scale(
    points.map(({ x }) => x),
    LEFT,
    WIDTH - RIGHT,
  );
  const linear = points.map(({ x }) => ({ x, y: ((points.at(-1)?.y ?? 1) * x) / (points.at(-1)?.x ?? 1) }));
  const ys = scale(
    [...points, ...linear.filter(({ y }) => y >= lowest(points))].map(({ y }) => y),
    HEIGHT - BOTTOM,
    TOP,
  );
  const path = (list: readonly Point[]): string =>
    list.map(({ x, y }) => `${xs.at(x).toFixed(1)},${ys.at(y).toFixed(1)}`).join(' ');
  const text = (x: number, y: number, words: string, more = ''): string =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(words)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#333">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(8, 22, title, 'font-size="12" font-weight="bold"'),
    ...ys.ticks.flatMap((tick) => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${ys.at(tick).toFixed(1)}" y2="${ys.at(tick).toFixed(1)}" stroke="#ddd"/>`,
      text(LEFT - 8, ys.at(tick) + 4, micros(tick), 'text-anchor="end"'),
    ]),
    ...xs.ticks.flatMap((tick) => [
      `<line x1="${xs.at(tick).toFixed(1)}" x2="${xs.at(tick).toFixed(1)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="#eee"/>`,
      text(xs.at(tick), HEIGHT - BOTTOM + 18, count(tick), 'text-anchor="middle"'),
    ]),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, xName, 'text-anchor="middle"'),
    `<polyline points="${path(linear.filter(({ y }) => y >= lowest(points)))}" fill="none" stroke="#999" stroke-dasharray="5 4"/>`,
    `<polyline points="${path(points)}" fill="none" stroke="#1763b6" stroke-width="2"/>`,
    ...points.map(
      ({ x, y }) => `<circle cx="${xs.at(x).toFixed(1)}" cy="${ys.at(y).toFixed(1)}" r="3.5" fill="#1763b6"/>`,
    ),
    text(LEFT, HEIGHT - 12, 'dashed: linear', 'fill="#777"'),
    '</svg>',
    '',
  ].join('\n');
}

const lowest = (points: readonly Point[]): number => Math.min(...points.map(({ y }) => y)) / 2;

/** Powers of ten between the ends, and where a value stands. */
function scale(
  values: readonly number[],
  from: number,
  to: number,
): { at(value: number): number; readonly ticks: readonly number[] } {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  };
}

function micros(value: number): string {
  return value >= 1_000_000
    ? `${value / 1_000_000} s`
    : value >= 1_000
      ? `${value / 1_000} ms`
      : `${Number(value.toPrecision(1))} µs`;
}

function count(value: number): string {
  return value >= 1_000_000 ? `${value / 1_000_000} M` : value >= 1_000 ? `${value / 1_000} k` : String(value);
}

function escape(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** slopeOf is the exponent of the growth over the larger half of the points: 1 is linear, below it better. */
export function slopeOf(points: readonly Point[]): number {
  const half = points.slice(Math.floor(points.length / 2 - 0.5));
  const [first, last] = [half[0], half.at(-1)];
  if (first === undefined || last === undefined || first === last) return 0;
  return Math.log(last.y / first.y) / Math.log(last.x / first.x);
}

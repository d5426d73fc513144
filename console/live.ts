/** Live: decisions as they happen. What is shown is what the router knows of a request: codes, positions, counts, never its text. */
import type { RequestRecord } from '../router/admin/api.ts';
import { shareBar, timeline } from './charts.ts';
import { get } from './client.ts';
import { describeDecision } from './decision-detail.ts';
import { fill, h } from './dom.ts';
import { clock, count, milliseconds, percent, ROUTES, routeName } from './format.ts';
import { chip, empty, failed, page, routeBadge, tile } from './parts.ts';

const HELD = 400;
const SHOWN = 120;
const COLUMNS = 60;
const COLUMN_MS = 5_000;

export function live(root: HTMLElement, signal: AbortSignal): void {
  let records: RequestRecord[] = [];
  let paused = false;
  let waiting: RequestRecord[] = [];
  let selected = '';
  let drawn = false;
  const asked = new URLSearchParams(location.hash.split('?')[1] ?? '');
  const filter = { route: '', label: '', entity: '', session: asked.get('session') ?? '', held: false };

  const tiles = h('div', { class: 'tiles' });
  const chart = h('div', { class: 'card chart-card' });
  const list = h('div', {});
  const detail = h('aside', { class: 'detail', 'aria-label': 'Decision' });
  const layout = h('div', { class: 'split' }, list, detail);
  const state = h('span', { class: 'live-state', role: 'status' }, 'connecting');
  const pause = h('button', { class: 'button', 'aria-pressed': 'false', onclick: togglePause }, 'Pause');
  const select = (label: string, key: 'route' | 'label' | 'entity'): HTMLSelectElement => {
    const element = h(
      'select',
      { 'aria-label': label, onchange: () => change(key, element.value) },
      h('option', { value: '' }, label),
    );
    return element;
  };
  const routes = select('Any route', 'route');
  const labels = select('Any label', 'label');
  const entities = select('Any entity', 'entity');
  for (const route of ROUTES) routes.append(h('option', { value: route }, routeName(route)));
  const heldOnly = h('input', { type: 'checkbox', id: 'held', onchange: () => change('held', heldOnly.checked) });
  const sessionChip = h('span', {});

  fill(
    root,
    page(
      'Live',
      'Every decision as it is made, without a word of the request.',
      [state, pause],
      tiles,
      chart,
      h(
        'div',
        { class: 'filters', role: 'group', 'aria-label': 'Filters' },
        routes,
        labels,
        entities,
        h('label', { class: 'check', for: 'held' }, heldOnly, 'held by findings'),
        sessionChip,
      ),
      layout,
    ),
  );
  layout.addEventListener('keydown', moveByKey);
  void load();

  async function load(): Promise<void> {
    const answer = await get<{ readonly decisions: readonly RequestRecord[] }>(`decisions?limit=${HELD}`);
    if (signal.aborted) return;
    if (!answer.ok)
      return fill(
        list,
        failed(answer.message, () => void load()),
      );
    records = [...answer.value.decisions];
    draw();
    listen();
  }

  function listen(): void {
    const source = new EventSource('/admin/v1/decisions/stream');
    signal.addEventListener('abort', () => source.close());
    source.addEventListener('open', () => tell('live', 'ok'));
    source.addEventListener('error', () => tell('reconnecting', 'bad'));
    source.addEventListener('decision', (event) => {
      const record = JSON.parse((event as MessageEvent<string>).data) as RequestRecord;
      if (paused) waiting.push(record);
      else take([record]);
      if (paused) pause.textContent = `Resume (${waiting.length})`;
    });
    const timer = setInterval(drawTop, COLUMN_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
  }

  function tell(text: string, kind: string): void {
    state.textContent = text;
    state.className = `live-state ${kind}`;
  }
  function take(more: readonly RequestRecord[]): void {
    const known = new Set(records.map((record) => record.id));
    records = [...more.filter((record) => !known.has(record.id)).toReversed(), ...records].slice(0, HELD);
    // One drawing per frame, however many come.
    if (drawn) return;
    drawn = true;
    requestAnimationFrame(() => {
      drawn = false;
      if (!signal.aborted) draw();
    });
  }
  function togglePause(): void {
    paused = !paused;
    pause.textContent = paused ? 'Resume' : 'Pause';
    pause.setAttribute('aria-pressed', String(paused));
    if (!paused) take(waiting);
    if (!paused) waiting = [];
  }
  function change(key: keyof typeof filter, value: string | boolean): void {
    Object.assign(filter, { [key]: value });
    draw();
  }
  function passes(record: RequestRecord): boolean {
    return (
      (filter.route === '' || record.route === filter.route) &&
      (filter.label === '' || record.label === filter.label) &&
      (filter.entity === '' || record.findings.some((finding) => finding.entity === filter.entity)) &&
      (filter.session === '' || record.session === filter.session) &&
      (!filter.held || (record.verdict !== 'clean' && record.route !== 'cloud'))
    );
  }

  function draw(): void {
    offer(
      labels,
      records.map((record) => record.label),
    );
    offer(
      entities,
      records.flatMap((record) => record.findings.map((finding) => finding.entity)),
    );
    fill(
      sessionChip,
      filter.session === ''
        ? ''
        : h(
            'button',
            { class: 'chip-button', onclick: () => change('session', '') },
            `conversation ${filter.session} ×`,
          ),
    );
    drawTop();
    const shown = records.filter(passes).slice(0, SHOWN);
    if (records.length === 0)
      return fill(
        list,
        empty(
          'No traffic yet',
          'Point an agent at this Sluice and its decisions appear here.',
          h('pre', {}, `export OPENAI_BASE_URL=${location.origin}/v1`),
        ),
      );
    if (shown.length === 0) return fill(list, empty('Nothing passes the filters', 'Loosen one of them.'));
    const focused = document.activeElement?.id ?? '';
    fill(list, rows(shown));
    if (focused.startsWith('req_')) document.getElementById(focused)?.focus();
  }

  function drawTop(): void {
    const total = records.length;
    const byRoute: Record<string, number> = {};
    for (const record of records) byRoute[record.route] = (byRoute[record.route] ?? 0) + 1;
    const inside = (byRoute['local'] ?? 0) + (byRoute['refuse'] ?? 0);
    const added = records
      .flatMap(({ timings }) =>
        timings.read !== undefined && timings.dispatched !== undefined ? [timings.dispatched - timings.read] : [],
      )
      .toSorted((one, other) => one - other);
    const tokens = records.reduce(
      (sum, { usage }) => sum + (usage === undefined ? 0 : usage.inputTokens + usage.outputTokens),
      0,
    );
    fill(
      tiles,
      tile('Decisions shown', count(total), total === HELD ? 'the latest' : ''),
      tile('Stayed inside', percent(inside, total), `${count(inside)} of ${count(total)}`),
      tile('With findings', percent(records.filter((record) => record.verdict === 'sensitive').length, total)),
      tile(
        'Added by Sluice, median',
        added.length === 0 ? '–' : milliseconds(added[Math.floor(added.length / 2)] ?? 0),
      ),
      tile('Tokens', count(tokens)),
    );
    const now = Date.now();
    const columns = Array.from({ length: COLUMNS }, (): Record<string, number> => ({}));
    for (const record of records) {
      const column = columns[COLUMNS - 1 - Math.floor((now - record.at) / COLUMN_MS)];
      if (column !== undefined) column[record.route] = (column[record.route] ?? 0) + 1;
    }
    fill(
      chart,
      timeline(columns, 'Requests of the last five minutes, by route'),
      h('div', { class: 'chart-foot' }, h('span', {}, '5 min ago'), h('span', {}, 'now')),
      shareBar(byRoute, 'Routes'),
    );
  }

  function rows(shown: readonly RequestRecord[]): HTMLElement {
    return h(
      'div',
      { class: 'table-wrap' },
      h(
        'table',
        { class: 'rows' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ['Time', 'Route', 'Why', 'Found', 'Model', 'Took'].map((each) => h('th', { scope: 'col' }, each)),
          ),
        ),
        h(
          'tbody',
          {},
          shown.map((record) =>
            h(
              'tr',
              { class: record.id === selected ? 'selected' : '' },
              h(
                'td',
                {},
                h(
                  'button',
                  {
                    class: 'row-link',
                    id: record.id,
                    onclick: () => open(record),
                    'aria-expanded': String(record.id === selected),
                  },
                  clock(record.at),
                ),
              ),
              h('td', {}, routeBadge(record.route)),
              h(
                'td',
                { class: 'why' },
                record.reasons.slice(0, 2).map((reason) => chip(reason)),
                record.reasons.length === 0 ? chip(record.outcome, 'bad') : '',
              ),
              h('td', {}, entitiesOf(record)),
              h('td', { class: 'quiet' }, record.responseModel || record.requestModel),
              h('td', { class: 'number' }, milliseconds(record.timings.total)),
            ),
          ),
        ),
      ),
    );
  }

  function open(record: RequestRecord): void {
    selected = selected === record.id ? '' : record.id;
    layout.classList.toggle('open', selected !== '');
    draw();
    fill(detail, selected === '' ? '' : describeDecision(record, close, (session) => change('session', session)));
  }
  function close(): void {
    const back = selected;
    selected = '';
    layout.classList.remove('open');
    fill(detail);
    draw();
    document.getElementById(back)?.focus();
  }
  function moveByKey(event: KeyboardEvent): void {
    if (event.key === 'Escape' && selected !== '') return close();
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step === 0 || !(event.target instanceof HTMLElement) || !event.target.matches('.row-link')) return;
    event.preventDefault();
    const links = [...list.querySelectorAll<HTMLElement>('.row-link')];
    links[links.indexOf(event.target) + step]?.focus();
  }
}

function offer(select: HTMLSelectElement, values: readonly string[]): void {
  const known = new Set([...select.options].map((option) => option.value));
  for (const value of [...new Set(values)].toSorted())
    if (value !== '' && !known.has(value)) select.append(h('option', { value }, value));
}

function entitiesOf(record: RequestRecord): readonly HTMLElement[] {
  const counts = new Map<string, number>();
  for (const { entity } of record.findings) counts.set(entity, (counts.get(entity) ?? 0) + 1);
  const chips = [...counts]
    .slice(0, 3)
    .map(([entity, times]) => chip(times > 1 ? `${entity} ×${times}` : entity, 'entity'));
  return record.verdict === 'unknown' ? [...chips, chip('unread', 'bad')] : chips;
}

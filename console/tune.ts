/** Tune: thresholds moved against a labelled set, and what that does to recall, false alarms and routes at once. The rows stay in this page; the router keeps their scores. */
import type { TuneOutcome, TuneSet } from '../router/admin/api.ts';
import { curve, histogram, shareBar } from './charts.ts';
import { post } from './client.ts';
import { fill, h, toast } from './dom.ts';
import { count, percent } from './format.ts';
import { card, chip, copyButton, downloadButton, empty, page, table, tile } from './parts.ts';
import { type Comparison, comparison } from './tune-compare.ts';

const SLIDERS = 12;
const EXAMPLE = [
  ['sensitive', 'My card is 4539 5787 6362 1486 and it was charged twice.'],
  ['sensitive', 'Write to jane.roe@corp-mail.example about her claim.'],
  ['sensitive', 'The patient John Marlow was diagnosed with type 2 diabetes.'],
  ['sensitive', 'export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI7K9MDENGbPxRfiCY2aQkEyZp4Lq'],
  ['safe', 'What is the capital of France?'],
  ['safe', 'Order number 4539 0000 1111 2222 is a placeholder in our docs.'],
  ['safe', 'Prove step by step that there are infinitely many primes and derive a bound.'],
  ['safe', 'Refactor this function so that every invariant holds under concurrency; compare three designs.'],
]
  .map(([label, text], index) => JSON.stringify({ id: `example-${index + 1}`, label, text }))
  .join('\n');

/** What a colour of a graph means. */
function key(colour: 'local' | 'refuse' | 'cloud', meaning: string): HTMLElement {
  return h('span', { class: 'legend-item' }, h('span', { class: `dot dot-${colour}` }), meaning);
}

export function tune(root: HTMLElement, signal: AbortSignal): void {
  let rows = '';
  let set: TuneSet | undefined;
  let compared: Comparison | undefined;
  const thresholds = new Map<string, number>();
  let complexity: number | undefined;
  let asking = false;
  let again = false;

  const problem = h('p', { class: 'form-error', role: 'alert' });
  const body = h('div', {});
  const results = h('div', { 'aria-live': 'polite' });
  const file = h('input', {
    type: 'file',
    id: 'rows',
    accept: '.jsonl,.ndjson,.json,.txt',
    onchange: () => void pick(),
  });
  fill(
    root,
    page(
      'Tune',
      'Load labelled rows, move a threshold, and see at once what it catches, what it flags for nothing, and where requests would go.',
      [],
      card(
        'Rows',
        'JSON lines of {id, text | messages | request, label: sensitive | safe}',
        h(
          'div',
          { class: 'toolbar' },
          h('label', { class: 'button', for: 'rows' }, 'Choose a file'),
          file,
          h(
            'button',
            { class: 'button', onclick: () => void load('your marks', { feedback: true }) },
            'Rows marked in this console',
          ),
          h('button', { class: 'button', onclick: () => void load('samples', { samples: true }) }, 'Sampled requests'),
          h('button', { class: 'button', onclick: () => take('example', EXAMPLE) }, 'Try an example'),
        ),
        problem,
      ),
      body,
    ),
  );
  fill(body, empty('No rows loaded', 'Fifty rows of your own say more than any benchmark.'));

  async function pick(): Promise<void> {
    const chosen = file.files?.[0];
    if (chosen !== undefined) take(chosen.name, await chosen.text());
  }
  function take(name: string, text: string): void {
    rows = text;
    void load(name, { rows });
  }
  async function load(
    name: string,
    what: {
      readonly rows?: string;
      readonly feedback?: boolean;
      readonly samples?: boolean;
      readonly fragment?: string;
    },
  ): Promise<void> {
    fill(problem);
    fill(results, h('p', { class: 'quiet' }, 'Reading…'));
    const answer = await post<TuneSet>('tune/sets', { name, ...what });
    if (signal.aborted) return;
    if (!answer.ok) return fill(problem, answer.message);
    set = answer.value;
    // Marks stay in the router: what was loaded before them is not theirs to be measured by.
    if (what.feedback === true) rows = '';
    thresholds.clear();
    complexity = undefined;
    compared = comparison(what, set, ask);
    draw(set);
  }

  function draw(loaded: TuneSet): void {
    const entities = loaded.entities.slice(0, SLIDERS);
    fill(
      body,
      results,
      h(
        'p',
        { class: 'legend quiet' },
        key('local', 'sensitive rows reached at each threshold'),
        key('refuse', 'safe rows reached'),
        h('span', { class: 'legend-item' }, 'dashed: the threshold chosen'),
      ),
      h(
        'div',
        { class: 'sliders' },
        entities.map((entity) => {
          const graph = h('div', {});
          const shown = h('output', {}, entity.threshold.toFixed(2));
          const slider = h('input', {
            type: 'range',
            min: 0,
            max: 1,
            step: 0.01,
            value: entity.threshold,
            id: `t-${entity.entity}`,
            oninput: move,
          });
          const paint = (at: number): void =>
            fill(
              graph,
              curve(
                entity.curve,
                loaded.sensitive,
                loaded.safe,
                at,
                `${entity.entity}: rows reached at each threshold`,
              ),
            );
          paint(entity.threshold);
          function move(): void {
            const at = Number(slider.value);
            shown.textContent = at.toFixed(2);
            paint(at);
            if (at === entity.threshold) thresholds.delete(entity.entity);
            else thresholds.set(entity.entity, at);
            ask();
          }
          return h(
            'div',
            { class: 'card slider' },
            h(
              'label',
              { for: `t-${entity.entity}` },
              chip(entity.entity, 'entity'),
              h('span', { class: 'quiet small' }, ` ${entity.label}`),
              shown,
            ),
            graph,
            slider,
            h('div', { class: 'quiet small' }, `in ${entity.sensitiveRows} sensitive and ${entity.safeRows} safe rows`),
          );
        }),
        complexitySlider(loaded),
      ),
      compared?.element,
    );
    show(loaded.now);
  }

  function complexitySlider(loaded: TuneSet): HTMLElement {
    const { threshold, histogram: bins } = loaded.complexity;
    const graph = h('div', {});
    const shown = h('output', {}, threshold.toFixed(2));
    const slider = h('input', {
      type: 'range',
      min: 0,
      max: 1,
      step: 0.01,
      value: threshold,
      id: 't-complexity',
      oninput: () => {
        complexity = Number(slider.value);
        shown.textContent = complexity.toFixed(2);
        fill(graph, histogram(bins, complexity, 'Rows by complexity'));
        ask();
      },
    });
    fill(graph, histogram(bins, threshold, 'Rows by complexity'));
    return h(
      'div',
      { class: 'card slider' },
      h('label', { for: 't-complexity' }, chip('complexity'), shown),
      graph,
      slider,
      h('div', { class: 'legend quiet' }, key('local', 'rows that count as simple'), key('cloud', 'as complex')),
    );
  }

  /** One question at a time; what moved meanwhile is asked next. */
  function ask(): void {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    void post<TuneOutcome>('tune/outcome', {
      set: set?.set ?? '',
      thresholds: Object.fromEntries(thresholds),
      ...(complexity === undefined ? {} : { complexity }),
    }).then((answer) => {
      asking = false;
      if (signal.aborted) return;
      if (answer.ok) show(answer.value);
      else fill(problem, answer.message);
      if (again) {
        again = false;
        ask();
      }
    });
  }

  function show(outcome: TuneOutcome): void {
    if (set === undefined) return;
    compared?.show(outcome);
    const { now } = set;
    const precision = (each: TuneOutcome): string => percent(each.caught, each.caught + each.flagged);
    const moved = (before: string, after: string): string => (before === after ? 'as now' : `now ${before}`);
    fill(
      results,
      h(
        'div',
        { class: 'tiles' },
        tile(
          'Recall',
          percent(outcome.caught, outcome.sensitive),
          moved(percent(now.caught, now.sensitive), percent(outcome.caught, outcome.sensitive)),
        ),
        tile('Precision', precision(outcome), moved(precision(now), precision(outcome))),
        tile(
          'Safe rows flagged',
          `${outcome.flagged} of ${outcome.safe}`,
          moved(String(now.flagged), String(outcome.flagged)),
        ),
        tile(
          'Rows that move',
          count(outcome.changedCount),
          `of ${count(set.rows)}${set.skipped > 0 ? `, ${set.skipped} skipped` : ''}`,
        ),
      ),
      card('Routes', 'of all rows', shareBar(outcome.routes, 'Routes')),
      outcome.fragment === ''
        ? h('p', { class: 'quiet' }, 'Move a slider: what would change in the file appears here.')
        : h(
            'div',
            { class: 'columns' },
            card(
              'For the configuration file',
              [copyButton(() => outcome.fragment), ' ', downloadButton(() => outcome.fragment, 'sluice-tuned.yaml')],
              h('pre', { tabindex: 0 }, outcome.fragment),
              h(
                'div',
                { class: 'actions' },
                h(
                  'button',
                  { class: 'button', onclick: () => toShadow(outcome.fragment) },
                  'Shadow it on live traffic',
                ),
                rows === ''
                  ? ''
                  : h('button', { class: 'button', onclick: () => void measure(outcome) }, 'Measure exactly'),
              ),
            ),
            card(
              'Rows that move',
              `${count(outcome.changedCount)}`,
              table(
                'Rows that move',
                ['Row', 'Is', 'From', 'To'],
                outcome.changed.slice(0, 20).map((row) => [h('code', {}, row.id), row.truth, row.from, row.to]),
              ),
            ),
          ),
    );
  }

  function toShadow(fragment: string): void {
    sessionStorage.setItem('fragment', fragment);
    location.hash = '#/shadow';
  }
  /** Reads the rows again under the fragment: where findings overlap, scores alone can be wrong. */
  async function measure(outcome: TuneOutcome): Promise<void> {
    const answer = await post<TuneSet>('tune/sets', { name: 'measured', rows, fragment: outcome.fragment });
    if (!answer.ok) return toast(answer.message, 'bad');
    ask();
    const { now } = answer.value;
    const same = now.caught === outcome.caught && now.flagged === outcome.flagged;
    toast(
      same ? 'Measured: exactly as shown' : `Measured: ${now.caught} caught, ${now.flagged} flagged`,
      same ? 'ok' : 'bad',
    );
  }
}

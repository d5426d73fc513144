/** Policies side by side on the rows that are loaded: the one in force, where the sliders stand, and any keys laid over the one in force. */
import type { TuneOutcome, TuneSet } from '../router/admin/api.ts';
import { shareBar } from './charts.ts';
import { post } from './client.ts';
import { fill, h } from './dom.ts';
import { percent } from './format.ts';
import { card, table } from './parts.ts';

export interface Comparison {
  readonly element: HTMLElement;
  /** show draws the table again with what the sliders say now. */
  show(sliders: TuneOutcome): void;
}

/** comparison asks for each policy with the same rows: `source` is what loaded them. `keep` asks for the loaded set, which the router lets go of when others were used since. */
export function comparison(
  source: { readonly rows?: string; readonly feedback?: boolean },
  set: TuneSet,
  keep: () => void,
): Comparison {
  const others: (readonly [string, TuneOutcome])[] = [];
  let sliders = set.now;
  const rows = h('div', { 'aria-live': 'polite' });
  const problem = h('p', { class: 'form-error', role: 'alert' });
  const keys = h('textarea', {
    id: 'compare-keys',
    rows: 4,
    spellcheck: 'false',
    placeholder: 'complexity: { threshold: 0.7 }',
  });
  const button = h('button', { class: 'button', onclick: () => void add() }, 'Compare');

  async function add(): Promise<void> {
    fill(problem);
    button.disabled = true;
    const answer = await post<TuneSet>('tune/sets', { name: 'compared', ...source, fragment: keys.value });
    button.disabled = false;
    if (!answer.ok) return fill(problem, answer.message);
    others.push([keys.value.trim().slice(0, 120), answer.value.now]);
    draw();
    keep();
  }
  function draw(): void {
    const row = (name: string | HTMLElement, outcome: TuneOutcome) => [
      name,
      percent(outcome.caught, outcome.sensitive),
      percent(outcome.caught, outcome.caught + outcome.flagged),
      `${outcome.flagged} of ${outcome.safe}`,
      shareBar(outcome.routes, 'Routes'),
    ];
    fill(
      rows,
      table(
        'Policies side by side',
        ['Policy', 'Recall', 'Precision', 'Safe rows flagged', 'Routes'],
        [
          row('in force', set.now),
          ...(sliders.fragment === '' ? [] : [row('the sliders', sliders)]),
          ...others.map(([name, outcome]) => row(h('code', {}, name), outcome)),
        ],
      ),
    );
  }
  draw();
  return {
    element: card(
      'Compare policies',
      'each reads the same rows again; nothing is put in force',
      h('label', { for: 'compare-keys' }, 'Keys laid over the policy in force (YAML):'),
      keys,
      h('div', { class: 'actions' }, button),
      problem,
      rows,
    ),
    show(outcome) {
      sliders = outcome;
      draw();
    },
  };
}

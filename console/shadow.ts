/** Shadow: a candidate policy beside the live one. It shows where the two part, by id and reason, and puts the file in force when the person is sure. */
import type { KeyChange, ReloadResult, ShadowDifference, ShadowState } from '../router/admin/api.ts';
import { get, post, remove } from './client.ts';
import { fill, h, toast } from './dom.ts';
import { ago, clock, count, percent, routeName } from './format.ts';
import { card, chip, empty, failed, page, routeBadge, table, tile } from './parts.ts';

const REFRESH_MS = 1_500;

export function shadow(root: HTMLElement, signal: AbortSignal): void {
  const body = h('div', {});
  const fragment = h('textarea', {
    id: 'fragment',
    rows: 7,
    spellcheck: 'false',
    placeholder: 'complexity:\n  threshold: 0.6',
  });
  const kept = sessionStorage.getItem('fragment');
  if (kept !== null) fragment.value = kept;
  sessionStorage.removeItem('fragment');
  const problem = h('p', { class: 'form-error', role: 'alert' });
  const reloaded = h('div', { 'aria-live': 'polite' });
  fill(
    root,
    page(
      'Shadow',
      'Try a policy on live traffic before it decides anything. Requests are looked at twice; only differences are listed, without bodies.',
      [],
      h(
        'div',
        { class: 'columns' },
        card(
          'Candidate',
          'nothing is sent by it',
          h('p', {}, 'The configuration file as it stands on disk, changed and not yet in force:'),
          h('button', { class: 'button primary', onclick: () => void begin({ source: 'file' }) }, 'Shadow the file'),
          h('label', { for: 'fragment' }, 'Or keys laid over the policy in force (YAML):'),
          fragment,
          h(
            'button',
            { class: 'button', onclick: () => void begin({ source: 'fragment', fragment: fragment.value }) },
            'Shadow these keys',
          ),
          problem,
        ),
        card(
          'Put the file in force',
          'between two requests; a bad file changes nothing',
          h(
            'div',
            { class: 'actions' },
            h('button', { class: 'button', onclick: () => void reload(true) }, 'What would change?'),
            h('button', { class: 'button', onclick: () => void reload(false) }, 'Reload'),
          ),
          reloaded,
        ),
      ),
      body,
    ),
  );
  void refresh();
  const timer = setInterval(() => void refresh(), REFRESH_MS);
  signal.addEventListener('abort', () => clearInterval(timer));

  async function refresh(): Promise<void> {
    const answer = await get<ShadowState>('shadow');
    if (signal.aborted) return;
    fill(
      body,
      answer.ok
        ? describe(answer.value, () => void remove('shadow').then(refresh))
        : failed(answer.message, () => void refresh()),
    );
  }
  async function begin(what: object): Promise<void> {
    const answer = await post<ShadowState>('shadow', what);
    fill(problem, answer.ok ? '' : answer.message);
    if (answer.ok) toast('The candidate runs beside the live policy');
    await refresh();
  }
  async function reload(dryRun: boolean): Promise<void> {
    const answer = await post<ReloadResult>('reload', { dryRun });
    if (!answer.ok) return fill(reloaded, h('p', { class: 'form-error' }, answer.message));
    const { kind, changes, problems, policy } = answer.value;
    const shown = document.querySelector('#policy');
    if (shown !== null) shown.textContent = policy;
    if (kind === 'reloaded') toast('The new policy is in force');
    fill(
      reloaded,
      h('p', { class: kind === 'invalid' || kind === 'needs-restart' ? 'form-error' : '' }, SAID[kind]),
      problems.map((each) =>
        h('p', { class: 'form-error' }, each.path === '' ? each.message : `${each.path}: ${each.message}`),
      ),
      changes.length === 0 ? '' : changeTable('Keys the file changes', changes),
    );
  }
}

const SAID: Readonly<Record<ReloadResult['kind'], string>> = {
  unchanged: 'The file says what is in force already.',
  reloaded: 'In force.',
  'would-reload': 'This would change:',
  invalid: 'Not taken; the old policy is still in force.',
  'needs-restart': 'Not taken: this takes effect with the next start only.',
  unavailable: 'There is no configuration file to read again.',
};

function describe(state: ShadowState, stop: () => void): HTMLElement {
  if (!state.active) return empty('No candidate is running', 'Start one above. The live policy goes on deciding.');
  const moves = Object.entries(state.moves).toSorted(([, one], [, other]) => other - one);
  return h(
    'div',
    {},
    h(
      'div',
      { class: 'tiles' },
      tile('Compared', count(state.compared), `for ${ago(state.since)}`),
      tile('Decided alike', percent(state.same, state.compared)),
      tile(
        'Differ',
        count(state.differing),
        moves.map(([move, times]) => `${move.split(' → ').map(routeName).join(' → ')} ×${times}`).join(', '),
      ),
      tile('Not compared', count(state.dropped + state.failed), state.failed > 0 ? `${state.failed} failed` : ''),
    ),
    card(
      'What the candidate changes',
      h('button', { class: 'button small', onclick: stop }, 'Stop'),
      state.changes.length === 0
        ? h('p', { class: 'quiet' }, 'No key differs from the policy in force.')
        : changeTable('Keys the candidate changes', state.changes),
    ),
    state.differences.length === 0
      ? empty(
          state.compared === 0 ? 'Waiting for traffic' : 'No difference so far',
          state.compared === 0
            ? 'Requests appear here when the two policies part.'
            : `${count(state.compared)} requests went the same way under both.`,
        )
      : card('Differences', 'newest first', differenceTable(state.differences)),
  );
}

function changeTable(label: string, changes: readonly KeyChange[]): HTMLElement {
  return table(
    label,
    ['Key', 'Now', 'Then'],
    changes.map((change) => [
      h('code', {}, change.key),
      h('code', { class: 'was' }, change.from),
      h('code', { class: 'will' }, change.to),
    ]),
  );
}

function differenceTable(differences: readonly ShadowDifference[]): HTMLElement {
  const side = ({ route, label, reasons, entities }: ShadowDifference['live']): HTMLElement =>
    h(
      'div',
      { class: 'side-cell' },
      routeBadge(route),
      h('span', { class: 'quiet small' }, label),
      h(
        'div',
        { class: 'chips' },
        reasons.slice(0, 2).map((reason) => chip(reason)),
        entities.map((entity) => chip(`only here: ${entity}`, 'entity')),
      ),
    );
  return table(
    'Differences',
    ['Time', 'Live', 'Candidate', 'Request'],
    differences
      .slice(0, 100)
      .map((each) => [
        clock(each.at),
        side(each.live),
        side(each.candidate),
        h('code', { class: 'small' }, each.id.slice(0, 16)),
      ]),
  );
}

/** Health: what is there, what is missing and its cure, what was counted, and the configuration in force without secrets. */
import type { Health } from '../router/admin/api.ts';
import { bars, shareBar } from './charts.ts';
import { get } from './client.ts';
import { fill, h } from './dom.ts';
import { ago, bytes, count, money, percent } from './format.ts';
import { badge, card, copyButton, empty, facts, failed, page, table, tile } from './parts.ts';

const REFRESH_MS = 5_000;

export function health(root: HTMLElement, signal: AbortSignal): void {
  const body = h('div', {});
  const config = h('div', {});
  fill(
    root,
    page(
      'Health',
      'What Sluice needs and whether it is there. The configuration is shown as it is in force.',
      [],
      body,
      config,
    ),
  );
  void load();
  void loadConfig();
  const timer = setInterval(() => void load(), REFRESH_MS);
  signal.addEventListener('abort', () => clearInterval(timer));

  async function load(): Promise<void> {
    const answer = await get<Health>('health');
    if (signal.aborted) return;
    fill(body, answer.ok ? describe(answer.value) : failed(answer.message, () => void load()));
  }
  async function loadConfig(): Promise<void> {
    const answer = await get<{ readonly policy: string; readonly file: string; readonly config: unknown }>('config');
    if (signal.aborted || !answer.ok) return;
    const text = JSON.stringify(answer.value.config, null, 2);
    fill(
      config,
      card(
        'Configuration in force',
        copyButton(() => text),
        h(
          'p',
          { class: 'quiet small' },
          answer.value.file === '' ? 'from the environment' : answer.value.file,
          ' · digest ',
          h('code', {}, answer.value.policy.slice(0, 12)),
          ' · secrets are references, lists of values are withheld',
        ),
        h('details', {}, h('summary', {}, 'Show all keys'), h('pre', { class: 'tall', tabindex: 0 }, text)),
      ),
    );
  }
}

function describe(state: Health): HTMLElement {
  const { totals } = state;
  const { sampling } = state.keeps;
  const silent = state.recognizers.filter((each) => each.silent);
  const total = Object.values(totals.requests).reduce((sum, each) => sum + each, 0);
  const findings = Object.entries(totals.findings)
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, 10);
  return h(
    'div',
    {},
    h(
      'div',
      { class: 'tiles' },
      tile('Ready', state.ready ? badge('yes', 'ok') : badge('no', 'bad'), `up ${ago(state.startedAt)}`),
      tile('Requests', count(total), `${percent(totals.requests['local'] ?? 0, total)} local`),
      tile('Cloud cost', money(totals.cost, totals.currency), `${money(totals.costAvoided, totals.currency)} avoided`),
      tile('Memory', bytes(state.memory.residentBytes), `${bytes(state.memory.heapBytes)} heap`),
      tile('Conversation marks', count(state.sessionMarks)),
    ),
    card(
      'Checks',
      state.mode === 'demo' ? badge('demo: stand-in models', 'warn') : '',
      h(
        'ul',
        { class: 'claims' },
        state.checks.map((check) =>
          h(
            'li',
            { class: check.ok ? 'proved' : 'unproved' },
            h('span', { class: 'claim-mark', 'aria-hidden': 'true' }, check.ok ? '✓' : '✗'),
            h(
              'div',
              {},
              h('b', {}, check.name),
              h('span', { class: 'hidden' }, check.ok ? ' ok' : ' missing'),
              h('div', { class: 'quiet small' }, check.detail),
            ),
          ),
        ),
      ),
    ),
    h(
      'div',
      { class: 'columns' },
      card(
        'Routes since the start',
        '',
        total === 0
          ? empty('No traffic yet', 'Numbers appear with the first request.')
          : shareBar(totals.requests, 'Routes since the start'),
      ),
      card(
        'Findings since the start',
        '',
        findings.length === 0
          ? empty('Nothing found yet', 'Entities are counted here, never values.')
          : bars(findings, 'Findings by entity'),
      ),
    ),
    card(
      'Recognizers',
      'one that stops firing looks like clean traffic',
      silent.length > 0
        ? h(
            'p',
            { class: 'form-error', role: 'alert' },
            `Gone silent: ${silent.map((each) => each.recognizer).join(', ')}`,
          )
        : '',
      state.recognizers.length === 0
        ? h('p', { class: 'quiet' }, 'A recognizer is listed once it fired in 20 conversations.')
        : table(
            'Recognizers',
            ['Recognizer', 'Fired in', 'Conversations since', 'State'],
            state.recognizers.map((each) => [
              each.recognizer,
              count(each.fired),
              count(each.since),
              each.silent ? badge('silent', 'bad') : badge('as usual', 'ok'),
            ]),
          ),
    ),
    state.processes.length === 0
      ? ''
      : card(
          'Processes',
          'each serves the same port on a core of its own; this page is answered by the one that holds them together',
          table(
            'Processes',
            ['Process', 'State', 'Up', 'Open requests', 'Memory'],
            state.processes.map((each) => [
              String(each.pid),
              each.state === 'serving' ? badge('serving', 'ok') : badge('starting', 'warn'),
              ago(each.startedAt),
              count(each.openRequests),
              bytes(each.residentBytes),
            ]),
          ),
        ),
    card(
      'Text that is kept',
      sampling.share === 0 ? badge('no samples', 'ok') : badge('sampling', 'warn'),
      facts([
        [
          'Marks',
          { off: 'nothing', evidence: 'evidence, no text', text: 'evidence, and text that a person gives' }[
            state.keeps.feedback
          ],
        ],
        [
          'Samples',
          sampling.share === 0
            ? 'off'
            : `${Number((sampling.share * 100).toPrecision(3))} % of requests up to ${sampling.upTo}, for ${sampling.days} days`,
        ],
        ['Samples held', sampling.held === undefined ? 'the store does not answer' : count(sampling.held)],
      ]),
    ),
    card(
      'Process',
      '',
      facts([
        ['Version', state.version],
        ['Policy', h('code', {}, state.policy)],
        ['Decisions held', count(state.decisionsHeld)],
        ['File', state.configFile === '' ? 'none' : h('code', {}, state.configFile)],
      ]),
    ),
  );
}

/** Explain: what would happen to a text or a request, and which key would change it. The text stays between this page and the router, which keeps nothing of it. */
import type { Explanation, FindingView, NearMissView } from '../router/admin/api.ts';
import { steps } from './charts.ts';
import { post } from './client.ts';
import { type Child, fill, h, toast } from './dom.ts';
import { milliseconds } from './format.ts';
import { card, chip, copyButton, empty, page, routeBadge, table, withCode } from './parts.ts';
import { wireSelect } from './wires.ts';

const SAMPLE =
  'Please refund jane.roe@corp.example, card 4539 5787 6362 1486, and prove step by step why the retry loop terminates.';

export function explain(root: HTMLElement, signal: AbortSignal): void {
  let mode: 'text' | 'request' = 'text';
  const input = h('textarea', { id: 'input', rows: 8, spellcheck: 'false', placeholder: 'Paste a prompt…' });
  const result = h('div', { class: 'result', 'aria-live': 'polite' });
  const button = h('button', { class: 'button primary', onclick: () => void run() }, 'Explain');
  const tabs = (['text', 'request'] as const).map((each) =>
    h(
      'button',
      { class: 'segment', 'aria-pressed': String(each === mode), onclick: () => choose(each) },
      each === 'text' ? 'A text' : 'A whole request (JSON)',
    ),
  );
  const wire = wireSelect();
  const wireChoice = h('label', { class: 'small', hidden: true }, 'Wire ', wire);
  fill(
    root,
    page(
      'Explain',
      'Paste a prompt or a request: where it would go, what was found, and the key that would change it. Nothing goes to a cloud and nothing is kept; a local judge is asked where the configuration names one.',
      [],
      h(
        'div',
        { class: 'card' },
        h(
          'div',
          { class: 'toolbar' },
          h('div', { class: 'segments', role: 'group', 'aria-label': 'What is pasted' }, tabs),
          wireChoice,
          h('button', { class: 'button small', onclick: sample }, 'Try an example'),
        ),
        h('label', { class: 'hidden', for: 'input' }, 'Text to explain'),
        input,
        h('div', { class: 'toolbar' }, button, h('span', { class: 'quiet small' }, 'Ctrl + Enter')),
      ),
      result,
    ),
  );
  fill(result, empty('Nothing explained yet', 'Paste something above, or try the example.'));
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void run();
  });
  if (matchMedia('(pointer: fine)').matches) input.focus();

  function choose(next: 'text' | 'request'): void {
    mode = next;
    wireChoice.hidden = mode === 'text';
    for (const [index, tab] of tabs.entries())
      tab.setAttribute('aria-pressed', String((index === 0) === (mode === 'text')));
    input.placeholder = mode === 'text' ? 'Paste a prompt…' : '{"model":"auto","messages":[…]}';
  }
  function sample(): void {
    input.value =
      mode === 'text'
        ? SAMPLE
        : JSON.stringify(
            {
              model: 'auto',
              messages: [
                { role: 'system', content: 'You are a support agent.' },
                { role: 'user', content: SAMPLE },
              ],
            },
            null,
            2,
          );
    void run();
  }
  async function run(): Promise<void> {
    if (input.value.trim() === '') return input.focus();
    button.disabled = true;
    const source = input.value;
    const answer = await post<Explanation>(
      'explain',
      mode === 'text' ? { text: source } : { request: source, ...(wire.value === '' ? {} : { protocol: wire.value }) },
    );
    button.disabled = false;
    if (signal.aborted) return;
    if (!answer.ok)
      return fill(
        result,
        h(
          'div',
          { class: 'empty failed', role: 'alert' },
          h('div', { class: 'empty-title' }, 'This would be refused as it stands'),
          h('p', {}, answer.message),
        ),
      );
    fill(result, describe(answer.value, textsOf(answer.value, source, mode)), mode === 'text' ? markCard(source) : '');
  }
}

function markCard(text: string): HTMLElement {
  const mark = (kind: 'missed' | 'over-flagged'): void =>
    void post('feedback', { kind, text }).then((answer) =>
      answer.ok
        ? toast('Kept, encrypted, for tune and evaluate')
        : toast(
            answer.status === 409 ? 'The policy does not allow texts to be kept (telemetry.feedback).' : answer.message,
            'bad',
          ),
    );
  return card(
    'Is this wrong?',
    'the text is kept only where telemetry.feedback is text',
    h(
      'div',
      { class: 'actions' },
      h('button', { class: 'button', onclick: () => mark('missed') }, 'Something was missed'),
      h('button', { class: 'button', onclick: () => mark('over-flagged') }, 'Flagged too much'),
    ),
  );
}

/** The strings that findings point into, by pointer. */
function textsOf(explanation: Explanation, source: string, mode: 'text' | 'request'): ReadonlyMap<string, string> {
  if (mode === 'text') return new Map([['/messages/0/content', source]]);
  const texts = new Map<string, string>();
  let body: unknown;
  try {
    body = JSON.parse(source);
  } catch {
    return texts;
  }
  for (const { pointer } of [...explanation.findings, ...explanation.nearMisses]) {
    const found = resolve(body, pointer);
    if (found !== undefined) texts.set(pointer, found);
  }
  return texts;
}

/** A JSON pointer; `#` at the end of a token goes on inside a string that was JSON. */
function resolve(body: unknown, pointer: string): string | undefined {
  let at: unknown = body;
  for (const raw of pointer.split('/').slice(1)) {
    const inside = raw.endsWith('#');
    const token = (inside ? raw.slice(0, -1) : raw).replaceAll('~1', '/').replaceAll('~0', '~');
    if (at === null || typeof at !== 'object') return undefined;
    at = (at as Record<string, unknown>)[token];
    if (inside && typeof at === 'string') {
      try {
        at = JSON.parse(at);
      } catch {
        return undefined;
      }
    }
  }
  return typeof at === 'string' || typeof at === 'number' ? String(at) : undefined;
}

function describe(explanation: Explanation, texts: ReadonlyMap<string, string>): Child {
  const { findings, nearMisses, complexity, levers } = explanation;
  return [
    h(
      'div',
      { class: `verdict verdict-${explanation.route}` },
      h(
        'div',
        { class: 'verdict-head' },
        routeBadge(explanation.route),
        h('strong', {}, sentence(explanation)),
        h('span', { class: 'quiet small' }, `read as ${explanation.protocol}, ${milliseconds(explanation.ms)}`),
      ),
      explanation.counterfactual === '' ? '' : h('p', {}, explanation.counterfactual),
      h(
        'div',
        { class: 'chips' },
        explanation.reasons.map((reason) => chip(reason)),
      ),
    ),
    [...texts].length === 0
      ? ''
      : card(
          'Where',
          `${findings.length} found, ${nearMisses.length} near misses`,
          [...texts].map(([pointer, text]) => [
            texts.size > 1 ? h('div', { class: 'pointer' }, pointer) : '',
            h('p', { class: 'marked' }, highlight(text, pointer, findings, nearMisses)),
          ]),
        ),
    findings.length === 0
      ? ''
      : card(
          'Findings',
          'each step of a score, against the threshold',
          h(
            'div',
            { class: 'finding-list' },
            findings.map((finding) => findingCard(finding, texts)),
          ),
        ),
    nearMisses.length === 0
      ? ''
      : card(
          'Near misses',
          'seen and not reported',
          table(
            'Near misses',
            ['Entity', 'Value', 'Score', 'Needs', 'Why not', 'By'],
            nearMisses
              .slice(0, 40)
              .map((miss) => [
                chip(miss.entity),
                valueAt(miss, texts),
                miss.score.toFixed(2),
                miss.threshold.toFixed(2),
                miss.cause,
                h('span', { class: 'quiet' }, miss.recognizer),
              ]),
          ),
        ),
    card(
      'Complexity',
      `${complexity.score.toFixed(2)}, complex from ${complexity.threshold.toFixed(2)}: ${complexity.zone === complexity.band ? complexity.band : `${complexity.zone}, counts as ${complexity.band} by ${complexity.settledBy}`}`,
      h('meter', { class: 'meter', min: 0, max: 1, value: complexity.score, 'aria-label': 'Complexity' }),
      complexity.reasons.length === 0
        ? ''
        : h(
            'div',
            { class: 'chips' },
            complexity.reasons.map(({ code, weight }) => chip(`${code} ${weight >= 0 ? '+' : ''}${weight.toFixed(2)}`)),
          ),
    ),
    explanation.gaps.length + explanation.signals.length === 0
      ? ''
      : card(
          'Signals and gaps',
          '',
          h(
            'ul',
            { class: 'plain' },
            explanation.signals.map((signal) =>
              h(
                'li',
                {},
                chip(signal.name.startsWith(signal.kind) ? signal.name : `${signal.kind}:${signal.name}`),
                ` ${signal.score.toFixed(2)}`,
              ),
            ),
            explanation.gaps.map((gap) =>
              h('li', {}, chip(gap.cause, 'bad'), ` ${gap.pointer || 'the whole request'} · ${gap.classifier}`),
            ),
          ),
        ),
    card(
      'What would change it',
      'keys of the configuration',
      table(
        'Keys',
        ['Key', 'Now', 'What it does', 'Copy'],
        levers.map((lever) => [
          h('code', {}, lever.key),
          h('code', {}, lever.value),
          withCode(lever.effect),
          copyButton(() => lever.key),
        ]),
      ),
    ),
  ];
}

function sentence({ route, upstream, label }: Explanation): string {
  switch (route) {
    case 'local':
      return `Stays here, answered by ${upstream} (label ${label})`;
    case 'cloud':
      return `Goes to ${upstream} as it is (label ${label})`;
    case 'cloud-masked':
      return `Goes to ${upstream} with every value masked (label ${label})`;
    default:
      return `Refused (label ${label})`;
  }
}

function findingCard(finding: FindingView, texts: ReadonlyMap<string, string>): HTMLElement {
  return h(
    'article',
    { class: 'finding' },
    h(
      'div',
      { class: 'finding-head' },
      chip(finding.entity, 'entity'),
      valueAt(finding, texts),
      h(
        'span',
        { class: 'quiet small' },
        `${finding.label} · ${finding.recognizer} · needs ${finding.threshold.toFixed(2)}`,
      ),
    ),
    h(
      'div',
      { class: 'finding-body' },
      steps(
        finding.steps.map((step) => step.score),
        finding.threshold,
      ),
      h(
        'ol',
        { class: 'step-list' },
        finding.steps.map((step) =>
          h(
            'li',
            {},
            h('b', {}, step.score.toFixed(2)),
            ` ${step.kind}`,
            step.detail === '' ? '' : h('span', { class: 'quiet' }, ` ${step.detail}`),
          ),
        ),
      ),
    ),
    finding.views.length === 0 ? '' : h('div', { class: 'quiet small' }, `read as ${finding.views.join(' > ')}`),
  );
}

function valueAt(span: FindingView | NearMissView, texts: ReadonlyMap<string, string>): HTMLElement {
  const text = texts.get(span.pointer)?.slice(span.start, span.end);
  return text === undefined
    ? h('code', {}, `${span.pointer} [${span.start}, ${span.end})`)
    : h('q', { class: 'value' }, text.length > 60 ? `${text.slice(0, 57)}…` : text);
}

function highlight(
  text: string,
  pointer: string,
  findings: readonly FindingView[],
  misses: readonly NearMissView[],
): readonly Child[] {
  const spans = [
    ...findings.map((each) => ({ ...each, found: true })),
    ...misses.map((each) => ({ ...each, found: false })),
  ]
    .filter((each) => each.pointer === pointer)
    .toSorted((one, other) => one.start - other.start || Number(other.found) - Number(one.found));
  const pieces: Child[] = [];
  let at = 0;
  for (const span of spans) {
    if (span.start < at) continue;
    pieces.push(text.slice(at, span.start));
    pieces.push(
      h(
        'mark',
        { class: span.found ? 'found' : 'near', title: `${span.entity} ${span.score.toFixed(2)}` },
        text.slice(span.start, span.end),
        h('sup', {}, span.entity),
      ),
    );
    at = span.end;
  }
  return [...pieces, text.slice(at)];
}

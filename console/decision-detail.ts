/** One decision in full: why, where the time went, what was found, and the two buttons that say it was wrong. */
import type { RequestRecord } from '../router/admin/api.ts';
import { stages } from './charts.ts';
import { post } from './client.ts';
import { h, toast } from './dom.ts';
import { count, milliseconds, moment } from './format.ts';
import { badge, chip, copyButton, facts, routeBadge, table } from './parts.ts';

export function describeDecision(
  record: RequestRecord,
  close: () => void,
  bySession: (session: string) => void,
): HTMLElement {
  const { timings, usage } = record;
  const parts = [
    { name: 'read', from: 0, to: timings.read },
    { name: 'decide', from: timings.read, to: timings.decided },
    { name: 'send', from: timings.decided, to: timings.dispatched },
    { name: 'model', from: timings.dispatched, to: timings.firstChunk ?? timings.total },
    { name: 'reply', from: timings.firstChunk, to: timings.total },
  ].flatMap(({ name, from, to }) => (from === undefined || to === undefined ? [] : [{ name, from, to }]));
  const mark = (kind: 'missed' | 'over-flagged'): void =>
    void post('feedback', { decision: record.id, kind }).then((answer) =>
      answer.ok
        ? toast(kind === 'missed' ? 'Marked as missed' : 'Marked as over-flagged')
        : toast(answer.message, 'bad'),
    );
  return h(
    'div',
    { class: 'card' },
    h(
      'header',
      { class: 'card-head' },
      h('h2', {}, routeBadge(record.route), ' ', moment(record.at)),
      h('button', { class: 'button small', onclick: close, 'aria-label': 'Close' }, 'Close'),
    ),
    record.counterfactual === '' ? '' : h('p', { class: 'counterfactual' }, record.counterfactual),
    h('h3', {}, 'Why'),
    h(
      'div',
      { class: 'chips' },
      record.reasons.map((reason) => chip(reason)),
    ),
    h('h3', {}, 'Where the time went'),
    stages(parts, timings.total),
    h(
      'ul',
      { class: 'stage-list' },
      parts.map(({ name, from, to }) =>
        h('li', {}, h('span', { class: `dot stage-${name}` }), `${name} `, h('b', {}, milliseconds(to - from))),
      ),
    ),
    record.findings.length === 0
      ? ''
      : [
          h('h3', {}, `Findings (${record.findingCount})`),
          table(
            'Findings',
            ['Entity', 'Where', 'Score', 'By'],
            record.findings
              .slice(0, 20)
              .map((finding) => [
                chip(finding.entity, 'entity'),
                h('code', {}, `${finding.pointer} [${finding.start}, ${finding.end})`),
                finding.score.toFixed(2),
                h('span', { class: 'quiet' }, finding.recognizer),
              ]),
          ),
        ],
    record.gaps.length === 0
      ? ''
      : [
          h('h3', {}, 'What could not be read'),
          h(
            'ul',
            { class: 'plain' },
            record.gaps.map((gap) =>
              h(
                'li',
                {},
                `${gap.cause} at `,
                h('code', {}, gap.pointer || '/'),
                h('span', { class: 'quiet' }, ` ${gap.classifier}`),
              ),
            ),
          ),
        ],
    record.tools.length === 0
      ? ''
      : [
          h('h3', {}, 'Tools'),
          table(
            'Tools',
            ['Tool', 'Ended', 'Backend', 'Took'],
            record.tools.map((tool) => [
              tool.tool,
              badge(tool.outcome, tool.outcome === 'exited' ? 'ok' : 'warn'),
              tool.backend,
              milliseconds(tool.durationMs),
            ]),
          ),
        ],
    h('h3', {}, 'Request'),
    facts([
      ['Id', h('code', {}, record.id)],
      ['Label', record.label],
      ['Verdict', record.verdict],
      ['Outcome', record.outcome],
      ['Complexity', `${record.complexity.score.toFixed(2)} (${record.complexity.band || 'none'})`],
      [
        'Model',
        `${record.requestModel} → ${record.responseModel || '–'}${record.upstream === '' ? '' : ` at ${record.upstream}`}`,
      ],
      [
        'Size',
        `${count(record.chars)} characters, ${record.turns} ${record.turns === 1 ? 'message' : 'messages'}, ${record.protocol}`,
      ],
      ['Tokens', usage === undefined ? '–' : `${count(usage.inputTokens)} in, ${count(usage.outputTokens)} out`],
      [
        'Conversation',
        record.session === ''
          ? '–'
          : h('button', { class: 'link', onclick: () => bySession(record.session) }, record.session),
      ],
      ['Principal', record.principal],
      ['Policy', h('code', {}, record.policy)],
    ]),
    h('h3', {}, 'Was this wrong?'),
    h(
      'div',
      { class: 'actions' },
      h('button', { class: 'button small', onclick: () => mark('missed') }, 'Something was missed'),
      h('button', { class: 'button small', onclick: () => mark('over-flagged') }, 'Flagged too much'),
      copyButton(() => record.id, 'Copy id'),
    ),
  );
}

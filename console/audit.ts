/** Audit: prove that a label never left, check that the chain is whole, and look receipts up. */
import type { AuditRecord, AuditView, ChainView, ProofView } from '../router/admin/api.ts';
import { get, post } from './client.ts';
import { type Child, fill, h } from './dom.ts';
import { count, milliseconds, moment, ROUTES, routeName } from './format.ts';
import { badge, card, chip, copyButton, empty, facts, failed, page, routeBadge, table } from './parts.ts';

const HOUR = 3_600_000;
const SPANS: readonly (readonly [string, number])[] = [
  ['the last hour', HOUR],
  ['the last 24 hours', 24 * HOUR],
  ['the last 7 days', 168 * HOUR],
  ['the last 30 days', 720 * HOUR],
  ['ever', 0],
];
const KINDS = ['request', 'send', 'tool', 'reload', 'key', 'admin', 'start', 'stop', 'refused-callers', 'pruned'];

export function audit(root: HTMLElement, signal: AbortSignal): void {
  let next = '';
  let shown: AuditView['hits'][number][] = [];
  const proof = h('div', { 'aria-live': 'polite' });
  const chain = h('div', { 'aria-live': 'polite' });
  const results = h('div', {});
  const label = h('select', { id: 'claim-label' });
  const since = h(
    'select',
    { id: 'claim-since' },
    SPANS.map(([name, span]) => h('option', { value: span }, name)),
  );
  since.value = String(24 * HOUR);
  const masked = h('input', { type: 'checkbox', id: 'claim-masked' });
  const kind = h(
    'select',
    { 'aria-label': 'Kind', onchange: again },
    h('option', { value: '' }, 'Any kind'),
    KINDS.map((each) => h('option', { value: each }, each)),
  );
  // Most people ask about requests; what stands around them is one choice away.
  kind.value = 'request';
  const route = h(
    'select',
    { 'aria-label': 'Route', onchange: again },
    h('option', { value: '' }, 'Any route'),
    ROUTES.map((each) => h('option', { value: each }, routeName(each))),
  );
  const wanted = h('select', { 'aria-label': 'Label', onchange: again }, h('option', { value: '' }, 'Any label'));
  const text = h('input', {
    type: 'search',
    'aria-label': 'Entity, id or principal',
    placeholder: 'Entity, req_… or principal',
    onchange: again,
  });

  fill(
    root,
    page(
      'Audit',
      'Signed receipts of every decision, in a chain that shows when one was changed or is missing. Receipts hold no text.',
      [],
      h(
        'div',
        { class: 'columns' },
        card(
          'Prove that it stayed inside',
          'over the whole chain',
          h(
            'div',
            { class: 'toolbar' },
            h('label', { for: 'claim-label' }, 'Nothing labelled'),
            label,
            h('label', { for: 'claim-since' }, 'or higher went to a cloud in'),
            since,
          ),
          h('label', { class: 'check', for: 'claim-masked' }, masked, 'count masked sends as a breach too'),
          h('button', { class: 'button primary', onclick: () => void prove() }, 'Prove'),
          proof,
        ),
        card(
          'The chain',
          '',
          h(
            'div',
            { class: 'actions' },
            h('button', { class: 'button', onclick: () => void verify(false) }, 'Check the chain'),
            h('button', { class: 'button', onclick: () => void verify(true) }, 'Check every signature'),
          ),
          chain,
        ),
      ),
      card('Receipts', 'newest first', h('div', { class: 'filters' }, kind, route, wanted, text), results),
    ),
  );
  void load();

  function again(): void {
    next = '';
    shown = [];
    void load();
  }

  async function load(): Promise<void> {
    const query = new URLSearchParams({
      limit: '50',
      kind: kind.value,
      route: route.value,
      label: wanted.value,
      cursor: next,
    });
    const typed = text.value.trim();
    if (typed.startsWith('req_')) query.set('id', typed);
    else if (/^[A-Z][A-Z_]+$/.test(typed)) query.set('entity', typed);
    else if (typed !== '') query.set('principal', typed);
    const answer = await get<AuditView>(`audit?${query}`);
    if (signal.aborted) return;
    if (!answer.ok)
      return fill(
        results,
        failed(answer.message, () => void load()),
      );
    const { ladder, required, head, hits } = answer.value;
    if (label.options.length === 0) {
      for (const each of ladder) {
        label.append(h('option', { value: each }, each));
        wanted.append(h('option', { value: each }, each));
      }
      label.value = ladder[Math.min(2, ladder.length - 1)] ?? '';
    }
    if (chain.childElementCount === 0)
      fill(
        chain,
        facts([
          ['Head', head === undefined ? 'nothing yet' : h('code', {}, `${head.n} ${head.hash.slice(0, 16)}…`)],
          ['Recorded', required ? 'before anything is done (audit.required)' : 'a moment after'],
        ]),
      );
    next = answer.value.next;
    shown = [...shown, ...hits];
    fill(
      results,
      shown.length === 0
        ? empty('No receipt', 'Nothing was recorded that passes the filters.')
        : [
            table(
              'Receipts',
              ['Time', 'Kind', 'What', 'Who', 'Where it stands'],
              shown.map(({ record, n }) => [
                moment(record.at),
                badge(record.kind, record.kind === 'send' ? 'warn' : 'quiet'),
                describe(record),
                'principal' in record ? record.principal : 'by' in record ? record.by : '',
                h('code', { class: 'small' }, `${n}:${record.i}`),
              ]),
            ),
            next === '' ? '' : h('button', { class: 'button', onclick: () => void load() }, 'Show older'),
          ],
    );
  }

  async function prove(): Promise<void> {
    const span = Number(since.value);
    fill(proof, h('p', { class: 'quiet' }, 'Reading the chain…'));
    const answer = await post<ProofView>('audit/prove', {
      label: label.value,
      since: span === 0 ? 0 : Date.now() - span,
      masked: masked.checked ? 'breach' : 'allowed',
    });
    if (signal.aborted) return;
    fill(proof, answer.ok ? describeProof(answer.value) : h('p', { class: 'form-error' }, answer.message));
  }
  async function verify(everySignature: boolean): Promise<void> {
    const startedAt = performance.now();
    const answer = await post<ChainView>('audit/verify', { everySignature });
    if (signal.aborted) return;
    fill(
      chain,
      answer.ok
        ? describeChain(answer.value, performance.now() - startedAt)
        : h('p', { class: 'form-error' }, answer.message),
    );
  }
}

function describeProof(proof: ProofView): Child {
  const { claim, counted } = proof;
  const said = {
    proved: `Proved: nothing labelled ${claim.label} or higher was sent to a cloud.`,
    contradicted: `Contradicted: ${count(proof.breaches.length)} sends carried it.`,
    open: 'Nothing contradicts it, but not everything it rests on holds.',
  }[proof.result];
  return [
    h(
      'div',
      { class: `proof ${proof.result === 'proved' ? '' : 'broken'}` },
      h('strong', {}, said),
      h(
        'div',
        { class: 'small' },
        `${count(counted.requests)} requests, ${count(counted.requestsWithLabel)} with the label: ${count(counted.local)} answered here, ${count(counted.refused)} refused, ${count(counted.sendsMaskedWithLabel)} sent with every value masked; ${count(counted.sends)} sends in all.`,
      ),
    ),
    h(
      'ul',
      { class: 'grounds' },
      proof.grounds.map((each) =>
        h(
          'li',
          {},
          h('span', { class: `claim-mark ${each.holds ? '' : 'no'}`, 'aria-hidden': 'true' }, each.holds ? '✓' : '✗'),
          h(
            'div',
            {},
            each.ground,
            h('span', { class: 'hidden' }, each.holds ? ': holds' : ': does not hold'),
            each.detail === '' ? '' : h('div', { class: 'quiet small' }, each.detail),
          ),
        ),
      ),
    ),
    proof.breaches.length === 0
      ? ''
      : table(
          'Breaches',
          ['Time', 'Request', 'To', 'Label'],
          proof.breaches
            .slice(0, 20)
            .map((each) => [moment(each.at), h('code', { class: 'small' }, each.id), each.upstream, each.label]),
        ),
    copyButton(() => JSON.stringify(proof, null, 2), 'Copy the proof'),
  ];
}

function describeChain(chain: ChainView, ms: number): Child {
  return [
    h(
      'div',
      { class: `proof ${chain.whole ? '' : 'broken'}` },
      h('strong', {}, chain.whole ? 'The chain is whole.' : 'The chain is broken.'),
      h(
        'div',
        { class: 'small' },
        `${count(chain.records)} receipts in ${count(chain.segments)} segments, read in ${milliseconds(ms)}`,
      ),
    ),
    chain.problems.length === 0
      ? ''
      : table(
          'Problems',
          ['What', 'Segment', 'Detail'],
          chain.problems.slice(0, 50).map((each) => [badge(each.code, 'bad'), String(each.n), each.detail]),
        ),
    chain.notes.length === 0
      ? ''
      : h(
          'ul',
          { class: 'plain small' },
          chain.notes.map((each) => h('li', {}, chip(each.code), ` ${each.detail}`)),
        ),
    chain.head === undefined
      ? ''
      : facts([
          ['Head', h('code', {}, `${chain.head.n} ${chain.head.hash.slice(0, 24)}…`)],
          ['From', moment(chain.from)],
          ['To', moment(chain.to)],
        ]),
  ];
}

function describe(record: AuditRecord): Child {
  switch (record.kind) {
    case 'request':
      return [
        routeBadge(record.route),
        ' ',
        record.reasons.slice(0, 2).map((reason) => chip(reason)),
        ' ',
        h('code', { class: 'small quiet' }, record.id.slice(0, 16)),
      ];
    case 'send':
      return [
        `${record.upstream}, ${count(record.bytes)} bytes, label ${record.sent}`,
        record.masked ? ' (masked)' : '',
        ' ',
        h('code', { class: 'small quiet' }, record.digest.slice(0, 12)),
      ];
    case 'tool':
      return `${record.tool} ${record.phase} ${record.outcome} in ${record.backend}`;
    case 'reload':
      return [
        badge(record.outcome, record.applied ? 'ok' : 'warn'),
        ' ',
        record.changes.slice(0, 3).map((key) => chip(key)),
      ];
    case 'key':
      return `${record.action} ${record.role} key ${record.key} of ${record.principal}`;
    case 'admin':
      return `${record.action}: ${record.outcome}`;
    case 'start':
      return `version ${record.version}, policy ${record.policy}`;
    case 'refused-callers':
      return `${count(record.count)} × ${record.code}`;
    case 'pruned':
      return `${count(record.records)} receipts up to segment ${record.upTo}`;
    case 'intent':
      return `${record.protocol} ${record.id.slice(0, 16)}`;
    case 'stop':
      return '';
  }
}

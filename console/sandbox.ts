/** Sandbox: what is claimed and what was seen to hold, who holds a workspace, what would change in it, and what tried to reach the network. */
import type { SandboxView } from '../router/admin/api.ts';
import { get, post } from './client.ts';
import { fill, h } from './dom.ts';
import { ago, bytes, clock, moment } from './format.ts';
import { badge, card, empty, failed, page, table, tile } from './parts.ts';

export function sandbox(root: HTMLElement, signal: AbortSignal): void {
  const body = h('div', {});
  const verify = h('button', { class: 'button', onclick: () => void prove() }, 'Prove again');
  fill(
    root,
    page('Sandbox', 'Claims are probed from inside. One that cannot be proved stops every tool.', [verify], body),
  );
  void load();

  async function load(): Promise<void> {
    const answer = await get<SandboxView>('sandbox');
    if (signal.aborted) return;
    fill(body, answer.ok ? describe(answer.value) : failed(answer.message, () => void load()));
  }
  async function prove(): Promise<void> {
    verify.disabled = true;
    verify.textContent = 'Proving…';
    const answer = await post<SandboxView>('sandbox/verify', {});
    verify.disabled = false;
    verify.textContent = 'Prove again';
    if (!signal.aborted) fill(body, answer.ok ? describe(answer.value) : failed(answer.message, () => void load()));
  }
}

function describe(view: SandboxView): HTMLElement {
  const proved = view.claims.filter((claim) => claim.proved).length;
  const unproved = view.claims.filter((claim) => !claim.proved);
  return h(
    'div',
    {},
    h(
      'div',
      { class: 'tiles' },
      tile('Backend', view.backend, view.usable ? badge('tools run', 'ok') : badge('tools are refused', 'bad')),
      tile(
        'Proved',
        `${proved} of ${view.claims.length}`,
        view.probedAt === 0 ? 'never probed' : `${ago(view.probedAt)} ago`,
      ),
      tile(
        'Scopes held',
        String(view.scopes.length),
        `${view.scopes.filter((scope) => scope.running > 0).length} running`,
      ),
      tile(
        'Alarms',
        String(view.events.filter((event) => event.level !== 'info').length),
        'since the start, at most 300 events',
      ),
    ),
    view.reason === '' ? '' : h('p', { class: 'form-error', role: 'alert' }, view.reason),
    card(
      'Claimed against proved',
      view.policyDigest === '' ? '' : h('code', {}, `policy ${view.policyDigest.slice(0, 12)}`),
      view.claims.length === 0
        ? empty('Nothing was claimed yet', 'The first proof runs when the broker starts.')
        : h(
            'ul',
            { class: 'claims' },
            [...unproved, ...view.claims.filter((claim) => claim.proved)].map((claim) =>
              h(
                'li',
                { class: claim.proved ? 'proved' : 'unproved' },
                h('span', { class: 'claim-mark', 'aria-hidden': 'true' }, claim.proved ? '✓' : '✗'),
                h(
                  'div',
                  {},
                  h('b', {}, claim.claim),
                  h('span', { class: 'hidden' }, claim.proved ? ' proved' : ' not proved'),
                  h('div', { class: 'quiet small' }, claim.evidence),
                ),
              ),
            ),
          ),
    ),
    h(
      'div',
      { class: 'columns' },
      card(
        'Workspaces and homes',
        '',
        view.scopes.length === 0
          ? empty('Nothing is kept', 'Scopes of sessions and agents appear here once a tool ran.')
          : table(
              'Scopes',
              ['Scope', 'Made', 'Used', 'Running'],
              view.scopes.map((scope) => [
                h('code', {}, scope.scopeKey.slice(0, 12)),
                moment(scope.createdAt),
                `${ago(scope.usedAt)} ago`,
                String(scope.running),
              ]),
            ),
      ),
      card(
        'Changes that wait',
        'of copy-on-write workspaces',
        view.changes.length === 0
          ? empty(
              'Nothing waits',
              h('span', {}, 'With ', h('code', {}, 'workspace: cow'), ' every call’s changes are kept for review.'),
            )
          : view.changes.map((set) =>
              h(
                'details',
                { class: 'change-set' },
                h(
                  'summary',
                  {},
                  h('code', {}, set.id.slice(0, 16)),
                  ` ${set.changes.length} ${set.changes.length === 1 ? 'change' : 'changes'} `,
                  set.objections.length === 0 ? '' : badge(`${set.objections.length} objections`, 'warn'),
                ),
                h(
                  'p',
                  { class: 'quiet small' },
                  set.workspace,
                  ' · ',
                  h('code', {}, `sluice sandbox changes apply ${set.id}`),
                ),
                table(
                  'Changes',
                  ['Change', 'Kind', 'Size', 'Path'],
                  set.changes.map((change) => [
                    change.change,
                    change.kind,
                    bytes(change.size),
                    h('code', {}, change.path),
                  ]),
                ),
              ),
            ),
      ),
    ),
    card(
      'Egress and alarms',
      'newest first; hosts are never named here',
      view.events.length === 0
        ? empty('Nothing happened yet', 'Proofs, refused connections and restarts of the broker are listed here.')
        : table(
            'Events',
            ['Time', 'Event', 'What'],
            view.events
              .slice(0, 100)
              .map((event) => [
                clock(event.at),
                badge(event.event, event.level === 'info' ? 'quiet' : event.level === 'warn' ? 'warn' : 'bad'),
                event.detail,
              ]),
          ),
    ),
  );
}

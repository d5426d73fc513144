/** The frame of the console: session, login, navigation, and one page at a time. */
import type { SessionState } from '../router/admin/api.ts';
import { audit } from './audit.ts';
import { get, post, useSession } from './client.ts';
import { fill, h, svg, toast } from './dom.ts';
import { explain } from './explain.ts';
import { health } from './health.ts';
import { live } from './live.ts';
import { sandbox } from './sandbox.ts';
import { shadow } from './shadow.ts';
import { tune } from './tune.ts';

/** A page fills `root` and stops all it started when `signal` is aborted. */
export type Page = (root: HTMLElement, signal: AbortSignal) => void;

const PAGES: readonly { readonly id: string; readonly name: string; readonly icon: string; readonly page: Page }[] = [
  { id: 'live', name: 'Live', icon: 'M3 12h4l3-8 4 16 3-8h4', page: live },
  { id: 'explain', name: 'Explain', icon: 'M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14m5 12 5 5', page: explain },
  { id: 'tune', name: 'Tune', icon: 'M4 7h9m5 0h2M4 17h3m5 0h8M15 4v6M9 14v6', page: tune },
  { id: 'shadow', name: 'Shadow', icon: 'M12 3a9 9 0 1 0 0 18V3zm0 0a9 9 0 0 1 0 18', page: shadow },
  {
    id: 'sandbox',
    name: 'Sandbox',
    icon: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5',
    page: sandbox,
  },
  { id: 'audit', name: 'Audit', icon: 'M6 3h9l4 4v14H6zM9 12l2 2 4-4', page: audit },
  {
    id: 'health',
    name: 'Health',
    icon: 'M12 20s-7-4.6-7-10a4 4 0 0 1 7-2.6A4 4 0 0 1 19 10c0 5.4-7 10-7 10z',
    page: health,
  },
];

const app = document.querySelector<HTMLElement>('#app') ?? document.body;
let leave = new AbortController();

void start();

async function start(): Promise<void> {
  const session = await get<SessionState>('session');
  if (!session.ok) return showLogin('key', session.message);
  useSession(session.value, () => void start());
  if (session.value.access === 'granted') return showFrame(session.value);
  // The link that serve prints carries the way in behind the hash, which no server ever sees.
  const linked = location.hash.slice(1);
  if (/^[A-Za-z0-9_-]{32}$/.test(linked)) {
    history.replaceState(null, '', location.pathname);
    if (await login(linked)) return start();
    return showLogin(
      session.value.way,
      'This link is no longer valid: Sluice was started again, or there is an admin key now.',
    );
  }
  showLogin(session.value.way, '');
}

async function login(key: string): Promise<boolean> {
  return (await post('login', { key })).ok;
}

function showLogin(way: SessionState['way'], message: string): void {
  leave.abort();
  const input = h('input', {
    type: 'password',
    id: 'key',
    name: 'key',
    autocomplete: 'current-password',
    required: true,
  });
  const note = h('p', { class: 'form-error', role: 'alert' }, message);
  const form = h(
    'form',
    {
      class: 'login',
      onsubmit: (event: SubmitEvent) => {
        event.preventDefault();
        void post('login', { key: input.value.trim() }).then((answer) => {
          if (answer.ok) void start();
          else fill(note, answer.status === 401 ? 'That key does not open the console.' : answer.message);
        });
      },
    },
    h('img', { src: '/console/icon.svg', alt: '', width: 44, height: 44 }),
    h('h1', {}, 'Sluice'),
    h(
      'p',
      { class: 'lead' },
      way === 'link'
        ? ['Open the link that ', h('code', {}, 'sluice serve'), ' printed, or paste what stands behind its #.']
        : ['Log in with an admin key. ', h('code', {}, 'sluice keys create NAME --role admin'), ' makes one.'],
    ),
    h('label', { for: 'key' }, way === 'link' ? 'Link or admin key' : 'Admin key'),
    input,
    note,
    h('button', { class: 'button primary', type: 'submit' }, 'Log in'),
  );
  fill(app, h('main', { class: 'login-page' }, form));
  document.title = 'Log in · Sluice';
  input.focus();
}

function showFrame(session: SessionState): void {
  const main = h('main', { id: 'main', tabindex: -1 });
  const links = PAGES.map(({ id, name, icon }) =>
    h(
      'a',
      { href: `#/${id}`, id: `nav-${id}`, title: name },
      svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: icon })),
      h('span', {}, name),
    ),
  );
  fill(
    app,
    h('a', { class: 'skip', href: '#main', onclick: skip }, 'Skip to content'),
    h(
      'div',
      { class: 'frame' },
      h(
        'header',
        { class: 'side' },
        h('div', { class: 'brand' }, h('img', { src: '/console/icon.svg', alt: '', width: 28, height: 28 }), 'Sluice'),
        h('nav', { 'aria-label': 'Pages' }, links),
        h(
          'div',
          { class: 'side-foot' },
          session.mode === 'demo' ? h('span', { class: 'badge warn' }, 'demo: stand-in models') : '',
          h('div', { class: 'quiet small' }, 'policy ', h('code', { id: 'policy' }, session.policy)),
          h('div', { class: 'quiet small' }, session.principal),
          h('button', { class: 'button small', onclick: () => void post('logout', {}).then(start) }, 'Log out'),
        ),
      ),
      main,
    ),
  );
  const show = (): void => {
    const id = location.hash.replace(/^#\/?/, '').split('?')[0] || 'live';
    const current = PAGES.find((each) => each.id === id) ?? PAGES[0];
    if (current === undefined) return;
    leave.abort();
    leave = new AbortController();
    for (const link of links) {
      if (link.id === `nav-${current.id}`) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    document.title = `${current.name} · Sluice`;
    fill(main);
    current.page(main, leave.signal);
  };
  window.addEventListener('hashchange', () => {
    show();
    // What was asked for is what is read next.
    main.querySelector('h1')?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  });
  window.addEventListener('unhandledrejection', () => toast('Something went wrong on this page.', 'bad'));
  show();

  function skip(event: Event): void {
    event.preventDefault();
    main.focus();
  }
}

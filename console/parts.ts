/** Pieces that several pages share: headings, badges, tiles, tables, empty and failed states. */
import { type Child, h } from './dom.ts';
import { routeName } from './format.ts';

export function page(title: string, lead: string, actions: readonly Child[], ...body: readonly Child[]): HTMLElement {
  return h(
    'section',
    { class: 'page' },
    h(
      'header',
      { class: 'page-head' },
      h('div', {}, h('h1', { tabindex: -1 }, title), h('p', { class: 'lead' }, lead)),
      h('div', { class: 'actions' }, actions),
    ),
    body,
  );
}

export function routeBadge(route: string): HTMLElement {
  return h('span', { class: `badge route-${route}` }, routeName(route));
}
export function badge(text: string, kind: 'ok' | 'bad' | 'warn' | 'quiet' = 'quiet'): HTMLElement {
  return h('span', { class: `badge ${kind}` }, text);
}
export function chip(text: string, kind = ''): HTMLElement {
  return h('span', { class: `chip ${kind}` }, text);
}

export function tile(label: string, value: Child, note: Child = ''): HTMLElement {
  return h(
    'div',
    { class: 'tile' },
    h('div', { class: 'tile-label' }, label),
    h('div', { class: 'tile-value' }, value),
    note === '' ? '' : h('div', { class: 'tile-note' }, note),
  );
}

export function card(title: string, note: Child, ...body: readonly Child[]): HTMLElement {
  return h(
    'section',
    { class: 'card' },
    h('header', { class: 'card-head' }, h('h2', {}, title), note === '' ? '' : h('div', { class: 'note' }, note)),
    body,
  );
}

export function empty(title: string, text: Child, ...more: readonly Child[]): HTMLElement {
  return h('div', { class: 'empty' }, h('div', { class: 'empty-title' }, title), h('p', {}, text), more);
}
export function failed(message: string, retry: () => void): HTMLElement {
  return h(
    'div',
    { class: 'empty failed', role: 'alert' },
    h('div', { class: 'empty-title' }, 'This could not be loaded'),
    h('p', {}, message),
    h('button', { class: 'button', onclick: retry }, 'Try again'),
  );
}

export function table(label: string, head: readonly string[], rows: readonly (readonly Child[])[]): HTMLElement {
  return h(
    'div',
    { class: 'table-wrap', tabindex: 0, role: 'region', 'aria-label': label },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          head.map((each) => h('th', { scope: 'col' }, each)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row) =>
          h(
            'tr',
            {},
            row.map((cell) => h('td', {}, cell)),
          ),
        ),
      ),
    ),
  );
}

export function facts(pairs: readonly (readonly [string, Child])[]): HTMLElement {
  return h(
    'dl',
    { class: 'facts' },
    pairs.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
  );
}

export function copyButton(text: () => string, label = 'Copy'): HTMLElement {
  const button = h(
    'button',
    {
      class: 'button small',
      onclick: () => {
        void navigator.clipboard.writeText(text()).then(
          () => {
            button.textContent = 'Copied';
            setTimeout(() => (button.textContent = label), 1_500);
          },
          () => (button.textContent = 'Select and copy by hand'),
        );
      },
    },
    label,
  );
  return button;
}

/** A file made in the page: it goes nowhere but to the disk of who clicks. */
export function downloadButton(text: () => string, name: string, label = 'Download'): HTMLElement {
  return h(
    'button',
    {
      class: 'button small',
      onclick: () => {
        const url = URL.createObjectURL(new Blob([text()], { type: 'text/plain' }));
        h('a', { href: url, download: name }).click();
        setTimeout(() => URL.revokeObjectURL(url), 1_000);
      },
    },
    label,
  );
}

/** A sentence with `keys` between backticks, as the API writes them. */
export function withCode(sentence: string): readonly Child[] {
  return sentence.split('`').map((part, index) => (index % 2 === 1 ? h('code', {}, part) : part));
}

/** Audit: search the receipts, and prove what never left. */
import { fill, h } from './dom.ts';
import { empty, page } from './parts.ts';

export function audit(root: HTMLElement): void {
  fill(
    root,
    page(
      'Audit',
      'Signed receipts of every decision, in a chain that shows when one is missing.',
      [],
      empty('No audit is kept here', h('span', {}, 'Receipts appear once the audit is switched on.')),
    ),
  );
}

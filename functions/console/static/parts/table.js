// A list as a table, which becomes cards on a narrow screen. `j`, `k` and Enter move and open: see `keys.js`.
import { html } from '../vendor/htm-preact.js';

/**
 * @typedef {{head: string, cell: (item: any) => any, kind?: string}} Column
 * @param {{columns: Column[], items: any[], keyOf: (item: any) => string, label: string, kind?: string, hrefOf?: (item: any) => string | undefined,
 *   selection?: {has: (item: any) => boolean, set: (item: any, on: boolean) => void, all: (on: boolean) => void, label: string,
 *   name: (item: any) => string}}} props
 */
export function Table({ columns, items, keyOf, label, kind, hrefOf, selection }) {
  const every = selection && items.length > 0 && items.every(selection.has);
  const some = selection && !every && items.some(selection.has);
  return html`<table class=${`list cards-small ${kind || ''}`} aria-label=${label}>
    <thead><tr>
      ${selection ? html`<th class="pick" scope="col"><input type="checkbox" aria-label=${selection.label} checked=${every}
        ref=${(/** @type {any} */ box) => box && (box.indeterminate = some)}
        onChange=${(/** @type {any} */ event) => selection.all(event.target.checked)} /></th>` : ''}
      ${columns.map((column) => html`<th scope="col" class=${column.kind} key=${column.head}>${column.head}</th>`)}
    </tr></thead>
    <tbody>${items.map((item) => html`<tr key=${keyOf(item)} data-row tabindex="-1" class=${selection && selection.has(item) ? 'picked' : ''}
        onClick=${(/** @type {MouseEvent} */ event) => opened(event)}>
      ${selection ? html`<td class="pick"><input type="checkbox" aria-label=${selection.name(item)} checked=${selection.has(item)}
        onChange=${(/** @type {any} */ event) => selection.set(item, event.target.checked)} /></td>` : ''}
      ${columns.map((column, at) => html`<td class=${column.kind} data-label=${column.head} key=${column.head}><div class="cell">${column.cell(item)}</div>
        ${at === 0 && hrefOf && hrefOf(item) ? html`<a class="open" data-open href=${hrefOf(item)} tabindex="-1" aria-hidden="true"></a>` : ''}</td>`)}
    </tr>`)}</tbody></table>`;
}

/** Opens the row of a click that meant nothing else. @param {MouseEvent} event */
function opened(event) {
  const target = /** @type {Element} */ (event.target);
  if (target.closest('a, button, input, label, select, summary') || String(getSelection())) return;
  const row = target.closest('[data-row]');
  const link = row && row.querySelector('[data-open]');
  if (link) /** @type {HTMLElement} */ (link).click();
}

// The ledger: for each connection, that all that was accepted is somewhere.
import { html } from '../vendor/htm-preact.js';
import { useLive } from '../live.js';
import { href } from '../router.js';
import { named, number, t } from '../text.js';
import { Empty, Head, Viewed } from '../parts/basic.js';
import { Icon } from '../parts/icons.js';

const DELIVERIES = ['delivered', 'pending', 'failed', 'confirmed', 'unrouted'];
/** States that can be listed. */
const LISTED = ['delivered', 'pending', 'failed', 'confirmed'];
const CALLS = ['queued', 'succeeded', 'failed', 'ambiguous', 'cancelled'];

/** @param {any} tally */
function sumOf(tally) {
  const deliveries = DELIVERIES.reduce((sum, name) => sum + (tally[name] || 0), 0);
  const calls = CALLS.reduce((sum, name) => sum + ((tally.calls || {})[name] || 0), 0);
  return deliveries + calls + (tally.watches || 0);
}

export function LedgerPage() {
  const view = useLive('/ledger', 15_000);
  return html`<${Head} title=${t('nav.ledger')} note=${t('ledger.note')} />
    <${Viewed} view=${view}>${() => {
      const rows = Object.entries(view.data.connections);
      if (rows.length === 0) return html`<${Empty} icon="ledger" title=${t('ledger.none')} />`;
      return html`<p class=${`verdict ${view.data.balanced ? 'good' : 'bad'}`} role="status"><${Icon} name=${view.data.balanced ? 'check' : 'alert'} />${t(view.data.balanced ? 'ledger.balanced' : 'ledger.unbalanced')}</p>
        <div class="scroll" tabindex="0" role="region" aria-label=${t('nav.ledger')}><table class="list ledger"><thead>
          <tr><td></td><td></td><th colspan=${DELIVERIES.length} scope="colgroup">${t('nav.deliveries')}</th><th colspan=${CALLS.length} scope="colgroup">${t('nav.calls')}</th><td></td><td></td></tr>
          <tr><th scope="col">${t('connection')}</th><th scope="col" class="right">${t('ledger.accepted')}</th>${DELIVERIES.map((one) => html`<th scope="col" class="right" key=${one}>${named('state', one)}</th>`)}
          ${CALLS.map((one) => html`<th scope="col" class="right" key=${`calls ${one}`}>${named('state', one)}</th>`)}<th scope="col" class="right">${t('ledger.watches')}</th><th scope="col" class="right">${t('ledger.difference')}</th></tr></thead>
        <tbody>${rows.map(([id, value]) => {
          const tally = /** @type {any} */ (value);
          const difference = tally.accepted - sumOf(tally);
          return html`<tr key=${id} data-row tabindex="-1"><th scope="row">${id}</th><td class="right num"><b>${number(tally.accepted)}</b></td>
            ${DELIVERIES.map((one) => html`<td class=${`right num ${one === 'failed' && tally[one] ? 'bad' : ''} ${tally[one] ? '' : 'faint'}`} key=${one}>${tally[one] && LISTED.includes(one) ? html`<a href=${href(['deliveries'], { state: one, connection: id })}>${number(tally[one])}</a>` : number(tally[one] || 0)}</td>`)}
            ${CALLS.map((one) => html`<td class=${`right num ${(tally.calls || {})[one] ? '' : 'faint'}`} key=${one}>${(tally.calls || {})[one] ? html`<a href=${href(['calls'], { state: one, connection: id })}>${number(tally.calls[one])}</a>` : '0'}</td>`)}
            <td class="right num faint">${number(tally.watches || 0)}</td><td class=${`right num ${difference ? 'bad' : ''}`}>${difference ? number(difference) : html`<${Icon} name="check" title=${t('ledger.balanced')} />`}</td></tr>`;
        })}</tbody></table></div>`;
    }}</${Viewed}>`;
}

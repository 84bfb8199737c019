// The ERP's calls to partners, by state.
import { html } from '../vendor/htm-preact.js';
import { withQuery } from '../api.js';
import { useList, useLive } from '../live.js';
import { callHref, href, usePlace } from '../router.js';
import { may } from '../session.js';
import { named, operationName, t } from '../text.js';
import { BusinessKey, Empty, Head, LinkButton, More, State, Time, Viewed } from '../parts/basic.js';
import { bounds, Choice, Filters, Period, Tabs, Words } from '../parts/filters.js';
import { Table } from '../parts/table.js';

const STATES = ['ongoing', 'ambiguous', 'failed', 'queued', 'succeeded', 'cancelled'];

export function CallsPage() {
  const { query } = usePlace();
  const state = query.state || 'ongoing';
  const connections = useLive('/connections', 15_000);
  const accounts = ((connections.data && connections.data.connections) || []).map((/** @type {any} */ one) => [one.id, one.id]);
  const filters = { connection: query.connection, operation: query.operation, number: query.number, ...bounds(query) };
  const active = Object.values(filters).some(Boolean);
  const list = useList(withQuery('/calls', { state: state === 'ongoing' ? undefined : state, ...filters, limit: 100 }), (answer) => answer.items, (item) => item.id);
  return html`<${Head} title=${t('nav.calls')}>${may('call') ? html`<${LinkButton} kind="main" icon="plus" name="new-call" href=${href(['calls', 'new'])}>${t('call.new')}</${LinkButton}>` : ''}</${Head}>
    <${Tabs} name="state" values=${STATES} value=${state} label=${t('filter.state')} text=${(/** @type {string} */ one) => named('state', one)} />
    <${Filters} active=${active} clear=${{ connection: '', operation: '', number: '', period: '', from: '', to: '' }}>
      <${Words} name="number" label=${t('filter.number')} value=${query.number} placeholder=${t('filter.number.example')} />
      <${Choice} name="connection" label=${t('connection')} value=${query.connection} options=${accounts} all=${t('filter.all')} />
      <${Words} name="operation" label=${t('operation')} value=${query.operation} placeholder="upload" /><${Period} query=${query} /></${Filters}>
    <${Viewed} view=${list}>${() => list.items.length === 0 && list.asked
      ? html`<${Empty} icon=${active ? 'search' : 'check'} title=${active ? t('list.none') : named('calls.none', state)}>${active ? t('list.none.filters') : ''}</${Empty}>`
      : html`<${Table} label=${t('nav.calls')} items=${list.items} keyOf=${(/** @type {any} */ one) => one.id} hrefOf=${(/** @type {any} */ one) => callHref(one.id)} columns=${[
          { head: t('number'), cell: (/** @type {any} */ one) => html`<${BusinessKey} value=${one.subject} href=${callHref(one.id)} />`, kind: 'main' },
          { head: t('operation'), cell: (/** @type {any} */ one) => html`<span class="type"><span>${operationName(one.connection, one.operation)}</span> <code>${one.operation}</code></span>` },
          { head: t('connection'), cell: (/** @type {any} */ one) => one.connection },
          { head: t('state'), cell: (/** @type {any} */ one) => html`<${State} value=${one.state} />` },
          { head: t('delivery.last'), cell: (/** @type {any} */ one) => html`<${Said} call=${one} />`, kind: 'reason' },
          { head: t('delivery.tries'), cell: (/** @type {any} */ one) => html`<span class="num">${one.attempts.length}</span>`, kind: 'right' },
          { head: t('call.accepted'), cell: (/** @type {any} */ one) => html`<${Time} at=${one.accepted} />`, kind: 'right' },
        ]} /><${More} list=${list} />`}</${Viewed}>`;
}

/** What the partner said last. @param {{call: any}} props */
function Said({ call }) {
  const last = call.attempts[call.attempts.length - 1];
  const text = call.text || (last && last.detail) || '';
  if (!text && !call.code) return html`<span class="faint">–</span>`;
  return html`<span class="reason" title=${text}>${call.code ? html`<code>${call.code}</code> ` : ''}${text}</span>`;
}

// The audit: who changed what, when, and what came of it.
import { html } from '../vendor/htm-preact.js';
import { withQuery } from '../api.js';
import { useList } from '../live.js';
import { callHref, eventHref, shipmentHref, usePlace } from '../router.js';
import { named, number, t } from '../text.js';
import { Empty, Head, More, State, Time, Viewed } from '../parts/basic.js';
import { bounds, Choice, Filters, Period, Words } from '../parts/filters.js';
import { Table } from '../parts/table.js';

const ACTIONS = ['replay', 'confirm', 'resolve', 'retry', 'cancel', 'call', 'test', 'configuration', 'evidence'];

export function AuditPage() {
  const { query } = usePlace();
  const filters = { action: query.action, key: query.key, number: query.number, ...bounds(query) };
  const active = Object.values(filters).some(Boolean);
  const list = useList(withQuery('/audit', { ...filters, limit: 100 }), (answer) => answer.entries, (entry) => `${entry.at} ${entry.key} ${entry.action} ${JSON.stringify(entry.request)}`);
  return html`<${Head} title=${t('nav.audit')} note=${t('audit.note')} />
    <${Filters} active=${active} clear=${{ action: '', key: '', number: '', period: '', from: '', to: '' }}>
      <${Words} name="number" label=${t('filter.number')} value=${query.number} placeholder=${t('filter.number.example')} />
      <${Choice} name="action" label=${t('audit.action')} value=${query.action} options=${ACTIONS.map((one) => [one, named('action', one)])} all=${t('filter.all')} />
      <${Words} name="key" label=${t('audit.key')} value=${query.key} placeholder="erp" /><${Period} query=${query} /></${Filters}>
    <${Viewed} view=${list}>${() => list.items.length === 0 && list.asked
      ? html`<${Empty} icon="audit" title=${t(active ? 'list.none' : 'audit.none')}>${active ? t('list.none.filters') : ''}</${Empty}>`
      : html`<${Table} label=${t('nav.audit')} items=${list.items} keyOf=${(/** @type {any} */ one) => `${one.at} ${one.key} ${one.action} ${JSON.stringify(one.request)}`} columns=${[
          { head: t('audit.at'), cell: (/** @type {any} */ one) => html`<${Time} at=${one.at} />` },
          { head: t('audit.action'), cell: (/** @type {any} */ one) => html`<b>${named('action', one.action)}</b>`, kind: 'main' },
          { head: t('audit.key'), cell: (/** @type {any} */ one) => html`${named('by', one.key)} <span class="faint">${named('role', one.role || '')}</span>` },
          { head: t('audit.result'), cell: (/** @type {any} */ one) => html`<${Result} result=${one.result} />` },
          { head: t('audit.touched'), cell: (/** @type {any} */ one) => html`<${Touched} entry=${one} />` },
          { head: t('audit.request'), cell: (/** @type {any} */ one) => html`<details class="quiet"><summary>${t('audit.show')}</summary><pre tabindex="0">${JSON.stringify(one.request, null, 1)}${'\n'}${JSON.stringify(one.result, null, 1)}</pre></details>` },
        ]} /><${More} list=${list} />`}</${Viewed}>`;
}

/** @param {{result: any}} props */
function Result({ result }) {
  if (!result || !result.status) return html`<${State} value="ambiguous" text=${t('audit.unknown')} />`;
  return html`<${State} value=${result.status < 400 ? 'good' : 'bad'} text=${`${result.status}${result.problem ? ` ${result.problem}` : ''}`} />${result.changed ? html` <span class="faint">${t('audit.changed', { n: number(result.changed) })}</span>` : ''}`;
}

/** Actions on calls. */
const OF_CALLS = ['call', 'resolve', 'retry', 'cancel'];

/** @param {{entry: any}} props */
function Touched({ entry }) {
  const touched = entry.touched || [];
  const keys = (entry.request && entry.request.keys) || [];
  if (entry.action === 'configuration' && keys.length > 0) return html`${keys.slice(0, 4).map((/** @type {string} */ key) => html`<code class="chip" key=${key}>${key}</code> `)}`;
  if (entry.action === 'evidence' && entry.request.shipment) return html`<a class="chip" href=${shipmentHref(entry.request.shipment)}>${entry.request.shipment}</a>`;
  if (touched.length === 0) return html`<span class="faint">–</span>`;
  const address = (/** @type {any} */ one) => (OF_CALLS.includes(entry.action) ? callHref(one.id) : eventHref(one));
  return html`${touched.slice(0, 3).map((/** @type {any} */ one) => html`<a class="chip" key=${one.id} href=${address(one)}>${one.subject}</a> `)}${touched.length > 3 ? html`<span class="faint">${t('audit.more', { n: number(touched.length - 3) })}</span>` : ''}`;
}

// Shipments: the latest news of all, or those with work that failed, waits or is missing.
import { html } from '../vendor/htm-preact.js';
import { withQuery } from '../api.js';
import { useList, useLive } from '../live.js';
import { shipmentHref, usePlace } from '../router.js';
import { named, t } from '../text.js';
import { BusinessKey, Empty, Head, Milestone, More, Num, State, Time, Type, Viewed } from '../parts/basic.js';
import { bounds, Choice, Filters, Period, Tabs, Words } from '../parts/filters.js';
import { Table } from '../parts/table.js';

const LISTS = ['recent', 'failed', 'open', 'quiet'];

export function ShipmentsPage() {
  const { query } = usePlace();
  const shown = query.state || 'recent';
  return html`<${Head} title=${t('nav.shipments')} note=${t('shipments.note')} />
    <${Tabs} name="state" values=${LISTS} value=${shown} label=${t('filter.state')} text=${(/** @type {string} */ one) => named('shipments', one)} />
    ${shown === 'recent' ? html`<${Recent} query=${query} />` : html`<${Stuck} state=${shown} />`}`;
}

/** @param {any[]} events */
function byShipment(events) {
  /** @type {Map<string, any>} */
  const shipments = new Map();
  for (const event of events) {
    // A call is listed with the order that it is about.
    const about = event.subject.startsWith('call:') && event.aliases && event.aliases[0] ? event.aliases[0] : event.subject;
    const key = `${event.connection} ${about}`;
    const one = shipments.get(key) || { key, about, event, count: 0, states: {}, milestone: null };
    one.count += 1;
    one.milestone = one.milestone || event.milestone;
    for (const delivery of event.deliveries || []) one.states[delivery.state] = (one.states[delivery.state] || 0) + 1;
    if (event.call) one.states[event.call.state] = (one.states[event.call.state] || 0) + 1;
    shipments.set(key, one);
  }
  return [...shipments.values()];
}

/** The worst first. */
const ORDER = ['failed', 'ambiguous', 'pending', 'queued', 'confirmed', 'cancelled', 'delivered', 'succeeded'];

/** @param {{states: Record<string, number>}} props */
function States({ states }) {
  const known = ORDER.filter((state) => states[state]);
  if (known.length === 0) return html`<${State} value="unrouted" />`;
  return html`<span class="states">${known.slice(0, 2).map((state) => html`<${State} key=${state} value=${state} text=${`${named('state', state)} ${states[state]}`} />`)}</span>`;
}

/** @param {{query: Record<string, string>}} props */
function Recent({ query }) {
  const connections = useLive('/connections', 15_000);
  const accounts = ((connections.data && connections.data.connections) || []).map((/** @type {any} */ one) => [one.id, one.id]);
  const filters = { connection: query.connection, type: query.type, number: query.number, ...bounds(query) };
  const active = Object.values(filters).some(Boolean);
  const list = useList(withQuery('/events', { ...filters, limit: 100 }), (answer) => answer.events, (event) => `${event.connection} ${event.subject} ${event.id}`);
  const shipments = byShipment(list.items);
  return html`<${Filters} active=${active} clear=${{ connection: '', type: '', number: '', period: '', from: '', to: '' }}>
      <${Words} name="number" label=${t('filter.number')} value=${query.number} placeholder=${t('filter.number.example')} />
      <${Choice} name="connection" label=${t('connection')} value=${query.connection} options=${accounts} all=${t('filter.all')} />
      <${Words} name="type" label=${t('type')} value=${query.type} placeholder="xhq.*" /><${Period} query=${query} /></${Filters}>
    <${Viewed} view=${list}>${() => shipments.length === 0 && list.asked
      ? html`<${Empty} icon="shipments" title=${t(active ? 'list.none' : 'shipments.none')}>${t(active ? 'list.none.filters' : 'shipments.none.more')}</${Empty}>`
      : html`<${Table} label=${t('nav.shipments')} items=${shipments} keyOf=${(/** @type {any} */ one) => one.key} hrefOf=${(/** @type {any} */ one) => shipmentHref(one.about)} columns=${[
          { head: t('number'), cell: (/** @type {any} */ one) => html`<${BusinessKey} value=${one.about} href=${shipmentHref(one.about)} />`, kind: 'main' },
          { head: t('connection'), cell: (/** @type {any} */ one) => one.event.connection },
          { head: t('milestone'), cell: (/** @type {any} */ one) => one.milestone ? html`<${Milestone} name=${one.milestone} />` : html`<span class="faint">–</span>` },
          { head: t('shipments.latest'), cell: (/** @type {any} */ one) => html`<${Type} type=${one.event.call ? `call.${one.event.call.state}` : one.event.type} />` },
          { head: t('nav.deliveries'), cell: (/** @type {any} */ one) => html`<${States} states=${one.states} />` },
          { head: t('shipments.events'), cell: (/** @type {any} */ one) => html`<${Num} value=${one.count} />`, kind: 'right' },
          { head: t('received'), cell: (/** @type {any} */ one) => html`<${Time} at=${one.event.received || one.event.time} />`, kind: 'right' },
        ]} /><${More} list=${list} />`}</${Viewed}>`;
}

/** @param {{state: string}} props */
function Stuck({ state }) {
  const list = useList(withQuery('/shipments', { state, limit: 100 }), (answer) => answer.items, (item) => `${item.connection} ${item.key}`);
  return html`<${Viewed} view=${list}>${() => list.items.length === 0 && list.asked
    ? html`<${Empty} title=${named('shipments.none', state)} />`
    : html`<${Table} label=${t('nav.shipments')} items=${list.items} keyOf=${(/** @type {any} */ one) => `${one.connection} ${one.key}`} hrefOf=${(/** @type {any} */ one) => shipmentHref(one.key)} columns=${[
        { head: t('number'), cell: (/** @type {any} */ one) => html`<${BusinessKey} value=${one.key} href=${shipmentHref(one.key)} />`, kind: 'main' },
        { head: t('connection'), cell: (/** @type {any} */ one) => one.connection },
        { head: t('nav.deliveries'), cell: (/** @type {any} */ one) => html`<${Num} value=${one.deliveries} />`, kind: 'right' },
        { head: t('nav.calls'), cell: (/** @type {any} */ one) => html`<${Num} value=${one.calls} />`, kind: 'right' },
        { head: state === 'open' ? t('delivery.next') : t('delivery.since'), cell: (/** @type {any} */ one) => html`<${Time} at=${state === 'open' ? one.due : one.since} />`, kind: 'right' },
      ]} /><${More} list=${list} />`}</${Viewed}>`;
}

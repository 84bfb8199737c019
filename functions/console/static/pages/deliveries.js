// Deliveries in every state: found, grouped by what went wrong, and repaired together.
import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { withQuery } from '../api.js';
import { useList, useLive } from '../live.js';
import { eventHref, usePlace } from '../router.js';
import { may } from '../session.js';
import { named, number, t } from '../text.js';
import { BusinessKey, Button, Empty, Head, More, State, Time, Type, Viewed } from '../parts/basic.js';
import { Change } from '../parts/change.js';
import { bounds, Choice, Filters, Period, Tabs, Words } from '../parts/filters.js';
import { Table } from '../parts/table.js';

const STATES = ['failed', 'pending', 'delivered', 'confirmed'];

/** @param {any} item */
const keyOf = (item) => `${item.event.connection} ${item.event.subject} ${item.event.id} ${item.endpoint}`;

/** The cause that deliveries are grouped by. @param {any} item */
function causeOf(item) {
  const last = item.last || {};
  const status = last.status ? `HTTP ${last.status}` : t('attempts.no_answer');
  const reason = String(last.reason || '').replace(/[0-9a-f]{16,}|\d{4,}/g, '…').slice(0, 90);
  return { id: `${item.endpoint} ${status} ${reason}`, endpoint: item.endpoint, status, reason: String(last.reason || '') };
}

export function DeliveriesPage() {
  const { query } = usePlace();
  const state = query.state || 'failed';
  const endpoints = useLive('/endpoints', 15_000);
  const connections = useLive('/connections', 15_000);
  const filters = { endpoint: query.endpoint, connection: query.connection, type: query.type, number: query.number, ...bounds(query) };
  const path = withQuery('/deliveries', { state, ...filters, limit: 100 });
  const list = useList(path, (answer) => answer.deliveries, keyOf);
  const [picked, setPicked] = useState(/** @type {Map<string, any>} */ (new Map()));
  const [change, setChange] = useState(/** @type {any} */ (null));
  useEffect(() => setPicked(new Map()), [path]);

  const known = (endpoints.data && endpoints.data.endpoints) || [];
  const ids = known.map((/** @type {any} */ one) => /** @type {[string, string]} */ ([one.id, one.id]));
  const accounts = ((connections.data && connections.data.connections) || []).map((/** @type {any} */ one) => /** @type {[string, string]} */ ([one.id, one.id]));
  const grouped = query.group !== 'none' && state === 'failed';
  const active = Object.values(filters).some(Boolean);
  const sum = (/** @type {string} */ name) => known.reduce((/** @type {number} */ all, /** @type {any} */ one) => all + (one[name] || 0), 0);

  const begin = (/** @type {string} */ kind, /** @type {any[]} */ items) => {
    /** @type {Map<string, any[]>} */
    const parts = new Map();
    for (const { endpoint, event: { connection, subject, id } } of items) {
      parts.set(endpoint, [...(parts.get(endpoint) || []), { connection, subject, id }]);
    }
    setChange({ kind, parts: [...parts].map(([endpoint, events]) => ({ endpoint, events })) });
  };
  const kinds = state === 'failed' ? ['replay', 'confirm'] : state === 'pending' ? ['now'] : ['replay'];
  const shown = new Set(list.items.map(keyOf));
  const chosen = [...picked].flatMap(([key, item]) => (shown.has(key) ? [item] : []));

  return html`<${Head} title=${t('nav.deliveries')}>${may('operate') && state === 'failed' && query.endpoint && !filters.connection && !filters.type && !filters.number && !query.period && !query.from && !query.to
      ? html`<${Button} icon="replay" name="replay-all" onClick=${() => setChange({ kind: 'replay', parts: [{ endpoint: query.endpoint }] })}>${t('deliveries.replay_all', { endpoint: query.endpoint })}</${Button}>` : ''}</${Head}>
    <${Tabs} name="state" values=${STATES} value=${state} label=${t('filter.state')} text=${(/** @type {string} */ one) => named('state', one)}
      counts=${{ failed: sum('failed') || undefined, pending: sum('pending') || undefined }} />
    <${Filters} active=${active} clear=${{ endpoint: '', connection: '', type: '', number: '', period: '', from: '', to: '' }}>
      <${Words} name="number" label=${t('filter.number')} value=${query.number} placeholder=${t('filter.number.example')} />
      <${Choice} name="endpoint" label=${t('endpoint')} value=${query.endpoint} options=${ids} all=${t('filter.all')} />
      <${Choice} name="connection" label=${t('connection')} value=${query.connection} options=${accounts} all=${t('filter.all')} />
      <${Words} name="type" label=${t('type')} value=${query.type} placeholder="xhq.*" />
      <${Period} query=${query} />
      ${state === 'failed' ? html`<${Choice} name="group" label=${t('filter.group')} value=${query.group || 'cause'} options=${[['cause', t('group.cause')], ['none', t('group.none')]]} />` : ''}
    </${Filters}>
    <${Viewed} view=${list}>${() => list.items.length === 0 && list.asked
      ? html`<${Empty} icon=${state === 'failed' && !active ? 'check' : 'search'} title=${state === 'failed' && !active ? t('deliveries.none_failed') : t('list.none')}>${active ? t('list.none.filters') : ''}</${Empty}>`
      : html`${grouped ? html`<${Groups} items=${list.items} picked=${picked} pick=${setPicked} begin=${begin} more=${!!list.next} />`
          : html`<${List} items=${list.items} state=${state} picked=${picked} pick=${setPicked} />`}<${More} list=${list} />`}</${Viewed}>
    ${may('operate') && chosen.length > 0 ? html`<div class="dock" role="region" aria-label=${t('deliveries.chosen')}><span aria-live="polite">${t('deliveries.picked', { n: number(chosen.length) })}</span>
      <${Button} kind="quiet" onClick=${() => setPicked(new Map())}>${t('deliveries.unpick')}</${Button}>
      ${kinds.map((kind) => html`<${Button} key=${kind} kind=${kind === 'confirm' ? 'plain' : 'main'} name=${kind} icon=${kind === 'confirm' ? 'seen' : 'replay'} onClick=${() => begin(kind, chosen)}>${named('do', kind)}</${Button}>`)}</div>` : ''}
    ${change ? html`<${Change} ...${change} close=${(/** @type {boolean} */ done) => {
      setChange(null);
      if (done) setPicked(new Map());
    }} />` : ''}`;
}

/** @param {{items: any[], state: string, picked: Map<string, any>, pick: (next: Map<string, any>) => void, grouped?: boolean}} props */
function List({ items, state, picked, pick, grouped }) {
  const selection = may('operate') ? {
    has: (/** @type {any} */ item) => picked.has(keyOf(item)),
    set: (/** @type {any} */ item, /** @type {boolean} */ on) => {
      const next = new Map(picked);
      if (on) next.set(keyOf(item), item);
      else next.delete(keyOf(item));
      pick(next);
    },
    all: (/** @type {boolean} */ on) => {
      const next = new Map(picked);
      for (const item of items) {
        if (on) next.set(keyOf(item), item);
        else next.delete(keyOf(item));
      }
      pick(next);
    },
    label: t('deliveries.pick_all'),
    name: (/** @type {any} */ item) => t('deliveries.pick', { what: item.event.subject }),
  } : undefined;
  const pending = state === 'pending';
  return html`<${Table} label=${t('nav.deliveries')} kind=${grouped ? 'even' : ''} items=${items} keyOf=${keyOf} hrefOf=${(/** @type {any} */ item) => eventHref(item.event)} selection=${selection} columns=${[
    { head: t('number'), cell: (/** @type {any} */ item) => html`<${BusinessKey} value=${item.event.subject} href=${eventHref(item.event)} />`, kind: 'main' },
    { head: t('type'), cell: (/** @type {any} */ item) => html`<${Type} type=${item.event.type} />` },
    { head: t('connection'), cell: (/** @type {any} */ item) => item.event.connection },
    ...(grouped ? [] : [
      { head: t('endpoint'), cell: (/** @type {any} */ item) => item.endpoint },
      { head: t('state'), cell: (/** @type {any} */ item) => html`<${State} value=${item.state} />` },
      { head: t('delivery.last'), cell: (/** @type {any} */ item) => html`<${Last} last=${item.last} />`, kind: 'reason' },
    ]),
    { head: t('delivery.tries'), cell: (/** @type {any} */ item) => html`<span class="num">${item.tries}</span>`, kind: 'right' },
    { head: pending ? t('delivery.next') : t('delivery.since'), cell: (/** @type {any} */ item) => html`<${Time} at=${pending ? item.due : item.since || item.event.received} />`, kind: 'right' },
  ]} />`;
}

/** @param {{last: any}} props */
function Last({ last }) {
  if (!last) return html`<span class="faint">–</span>`;
  return html`<span class="reason" title=${last.reason || ''}>${last.status ? html`<b class="num">${last.status}</b> ` : ''}${last.reason || ''}</span>`;
}

/** @param {{items: any[], picked: Map<string, any>, pick: (next: Map<string, any>) => void, begin: (kind: string, items: any[]) => void, more: boolean}} props */
function Groups({ items, picked, pick, begin, more }) {
  /** @type {Map<string, {cause: ReturnType<typeof causeOf>, items: any[]}>} */
  const groups = new Map();
  for (const item of items) {
    const cause = causeOf(item);
    const group = groups.get(cause.id) || { cause, items: [] };
    group.items.push(item);
    groups.set(cause.id, group);
  }
  const sorted = [...groups.values()].sort((a, b) => b.items.length - a.items.length);
  return html`${sorted.map(({ cause, items: own }) => html`<details class="group" key=${cause.id} open=${sorted.length < 6}>
    <summary><span class="count">${number(own.length)}${more ? '+' : ''}</span><span class="what"><b>${cause.endpoint}</b> · ${cause.status}${cause.reason ? html` · <span class="reason">${cause.reason}</span>` : ''}</span>
      ${may('operate') ? html`<span class="tools"><${Button} name="replay-group" icon="replay" onClick=${(/** @type {Event} */ event) => {
        event.preventDefault();
        begin('replay', own);
      }}>${t('deliveries.replay_group', { n: number(own.length) })}</${Button}></span>` : ''}</summary>
    <${List} items=${own} state="failed" picked=${picked} pick=${pick} grouped /></details>`)}`;
}

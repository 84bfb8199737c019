// One shipment: how far it is, what is missing, and all that each partner told and was told, in lanes along time.
import { html, useState } from '../vendor/htm-preact.js';
import { segment } from '../api.js';
import { useList, useLive } from '../live.js';
import { callHref, eventHref, shipmentHref } from '../router.js';
import { may } from '../session.js';
import { absolute, named, operationName, t } from '../text.js';
import { Audited } from '../parts/attempts.js';
import { BusinessKey, Button, Copy, Empty, Head, Milestone, More, State, Time, Viewed } from '../parts/basic.js';
import { Change } from '../parts/change.js';
import { Evidence } from '../parts/evidence.js';
import { Files } from '../parts/files.js';
import { Icon } from '../parts/icons.js';

/** The ladder of a direction, lowest first, as the hub has it. */
const LADDER = ['order_accepted', 'prepared', 'declared', 'accepted', 'reviewed', 'released', 'departed', 'cleared'];

/** @param {{shipmentKey: string}} props */
export function ShipmentPage({ shipmentKey }) {
  const list = useList(`/shipments/${segment(shipmentKey)}?limit=200`, (answer) => answer.items, (item) => `${item.connection} ${item.subject} ${item.id}`);
  const missing = list.trouble && list.trouble.status === 404;
  const bare = shipmentKey.replace(/^[a-z]+:/, '');
  return html`<${Head} title=${html`${bare}<${Copy} value=${bare} />`} note=${list.answer && list.answer.direction ? named('direction', list.answer.direction) : ''}>
      ${list.answer ? html`<${Evidence} shipmentKey=${shipmentKey} />` : ''}</${Head}>
    ${missing && !list.answer ? html`<${Empty} icon="search" title=${t('shipment.none', { key: bare })}>${t('shipment.none.more')}</${Empty}>`
      : html`<${Viewed} view=${list}>${() => html`<${Found} list=${list} />`}</${Viewed}>`}`;
}

/** @param {{list: any}} props */
function Found({ list }) {
  const { answer, items } = list;
  const connections = useLive('/connections', 15_000);
  const partners = Object.fromEntries(((connections.data && connections.data.connections) || []).map((/** @type {any} */ one) => [one.id, one.partner]));
  const trouble = items.flatMap((/** @type {any} */ item) => item.deliveries.filter((/** @type {any} */ one) => one.state === 'failed').map((/** @type {any} */ one) => ({ item, delivery: one })));
  const [change, setChange] = useState(/** @type {any} */ (null));
  const unsure = items.filter((/** @type {any} */ item) => item.call === 'ambiguous');
  return html`
    ${trouble.length + unsure.length > 0 ? html`<section class="card attention" aria-label=${t('shipment.attention')}><h2><${Icon} name="alert" />${t('shipment.attention')}</h2><ul class="plain lines">
      ${trouble.map((/** @type {any} */ { item, delivery }) => {
        const last = delivery.attempts[delivery.attempts.length - 1] || {};
        return html`<li key=${item.id + delivery.endpoint}><a href=${eventHref(item)} data-trouble>${t('shipment.not_delivered', { type: named('type', item.type), endpoint: delivery.endpoint })}</a>
          <span class="reason">${last.status ? `HTTP ${last.status} ` : ''}${last.detail || ''}</span> <${Time} at=${delivery.at} />
          ${may('operate') ? html`<${Button} icon="replay" name="replay" onClick=${() => setChange({ kind: 'replay', parts: [{ endpoint: delivery.endpoint, events: [{ connection: item.connection, subject: item.subject, id: item.id }] }] })}>${named('do', 'replay')}</${Button}>` : ''}</li>`;
      })}
      ${unsure.map((/** @type {any} */ item) => html`<li key=${item.id}><a href=${callHref(item.id)}>${t('shipment.unsure', { operation: operation(item) })}</a> <${Time} at=${item.received} /></li>`)}</ul></section>` : ''}
    <section class="card"><h2>${t('shipment.progress')}${answer.milestone ? html` · <${Milestone} name=${answer.milestone} />` : ''}</h2>
      <${Ladder} answer=${answer} />
      <div class="keyring"><span class="faint">${t('shipment.keys')}</span>${answer.keys.map((/** @type {string} */ key) => html`<${BusinessKey} key=${key} value=${key} />`)}</div>
      ${answer.related.length > 0 ? html`<div class="keyring"><span class="faint">${t('shipment.related')}</span>${answer.related.map((/** @type {string} */ key) => html`<${BusinessKey} key=${key} value=${key} href=${shipmentHref(key)} />`)}</div>` : ''}
      ${answer.complete ? '' : html`<p class="warning"><${Icon} name="alert" /> ${t('shipment.incomplete')}</p>`}</section>
    <${Lanes} items=${items} partners=${partners} /><${More} list=${list} /><${Files} files=${answer.files} /><${Audited} entries=${answer.audit} />
    ${change ? html`<${Change} ...${change} close=${() => setChange(null)} />` : ''}`;
}

/** @param {any} item */
function operation(item) {
  return item.type.split('.').slice(1).join('.');
}

/** @param {{answer: any}} props */
function Ladder({ answer }) {
  const reached = new Map(answer.milestones.map((/** @type {any} */ one) => [one.milestone, one]));
  const missing = new Set(answer.missing);
  const rungs = answer.direction === 'import' ? LADDER.filter((one) => one !== 'departed') : LADDER;
  const beside = answer.milestones.filter((/** @type {any} */ one) => !LADDER.includes(one.milestone));
  if (reached.size === 0) return html`<p class="faint">${t('shipment.no_milestones')}</p>`;
  return html`<ol class="ladder">${rungs.map((name) => {
    const sign = /** @type {any} */ (reached.get(name));
    const state = sign ? 'reached' : missing.has(name) ? 'missing' : 'ahead';
    return html`<li key=${name} class=${`${state}${name === answer.milestone ? ' current' : ''}`} aria-current=${name === answer.milestone ? 'step' : undefined}>
      <span class="mark"><${Icon} name=${sign ? 'check' : state === 'missing' ? 'question' : 'minus'} /></span>
      <span class="name">${sign ? html`<a href=${eventHref(sign)}>${named('milestone', name)}</a>` : named('milestone', name)}</span>
      <span class="faint">${sign ? html`<${Time} at=${sign.occurred || sign.received} />` : state === 'missing' ? t('shipment.missing') : t('shipment.ahead')}</span></li>`;
  })}</ol>
  ${beside.length > 0 ? html`<p class="beside">${beside.map((/** @type {any} */ one) => html`<a key=${one.milestone} class="milestone" href=${eventHref(one)} title=${absolute(one.occurred || one.received)}>${named('milestone', one.milestone)} · <${Time} at=${one.occurred || one.received} /></a> `)}</p>` : ''}`;
}

/** @param {{items: any[], partners: Record<string, string>}} props */
function Lanes({ items, partners }) {
  const lanes = [...new Set(items.map((item) => item.connection))];
  const sorted = [...items].reverse();
  if (items.length === 0) return html`<${Empty} icon="quiet" title=${t('shipment.no_events')} />`;
  let day = '';
  return html`<section class="lanes" style=${{ '--lanes': lanes.length }} aria-label=${t('shipment.timeline')}>
    <div class="lane-head">${lanes.map((lane) => html`<h2 key=${lane}>${named('partner', partners[lane] || '')}<small>${lane}</small></h2>`)}</div>
    <ol class="plain">${sorted.map((item) => {
      const at = absolute(item.occurred || item.received);
      const date = at.slice(0, 10) === day ? '' : (day = at.slice(0, 10));
      return html`<li key=${item.connection + item.subject + item.id}>${date ? html`<p class="day">${date}</p>` : ''}
        <div class="lane-row"><span class="when num" title=${at}>${at.slice(11, 16)}</span>
        <article data-row tabindex="-1" style=${{ '--lane': lanes.indexOf(item.connection) + 1 }} class=${`happening ${item.call ? 'called' : ''}`}
          onClick=${(/** @type {any} */ event) => event.target.closest('a, button') || event.currentTarget.querySelector('a').click()}>
          <a data-open href=${item.call ? callHref(item.id) : eventHref(item)}>${item.call ? html`<${Icon} name="calls" />${operationName(item.connection, operation(item))}` : named('type', item.type)}</a>
          ${item.milestone ? html`<${Milestone} name=${item.milestone} />` : ''}
          ${item.malformed ? html`<${State} value="malformed" />` : ''}
          <span class="lane-name faint">${named('partner', partners[item.connection] || '')} ${item.connection}</span>
          <div class="ends">${item.call ? html`<${State} value=${item.call} />` : ''}${item.deliveries.map((/** @type {any} */ one) => html`<span key=${one.endpoint} class="end-of"><${State} value=${one.state} /><span class="faint">${one.endpoint}</span></span>`)}
            ${!item.call && item.deliveries.length === 0 ? html`<${State} value="unrouted" />` : ''}</div></article></div></li>`;
    })}</ol></section>`;
}

// One event: what the partner sent, and each delivery of it with its attempts.
import { html, useState } from '../vendor/htm-preact.js';
import { segment } from '../api.js';
import { useLive } from '../live.js';
import { callHref, shipmentHref } from '../router.js';
import { may } from '../session.js';
import { named, t } from '../text.js';
import { Attempts, Audited } from '../parts/attempts.js';
import { BusinessKey, Button, Head, Id, LinkButton, Milestone, State, Time, Viewed } from '../parts/basic.js';
import { Change } from '../parts/change.js';
import { Files } from '../parts/files.js';
import { Icon } from '../parts/icons.js';
import { Payload } from '../parts/payload.js';

/** @param {{parts: string[]}} props */
export function EventPage({ parts }) {
  const [connection = '', subject = '', id = ''] = parts;
  const view = useLive(`/events/${segment(connection)}/${segment(subject)}/${segment(id)}`, 5_000, true);
  const key = { connection, subject, id };
  return html`<${Head} title=${view.data ? named('type', view.data.event.type) : '…'} note=${html`<${BusinessKey} value=${subject} href=${shipmentHref(subject)} /> · ${connection} · <${Id} value=${id} />`}>
      <${LinkButton} href=${shipmentHref(subject)} icon="shipments">${t('event.shipment')}</${LinkButton}></${Head}>
    <${Viewed} view=${view}>${() => html`<${Found} data=${view.data} eventKey=${key} />`}</${Viewed}>`;
}

/** @param {{data: any, eventKey: any}} props */
function Found({ data, eventKey }) {
  const { event, deliveries, occurred } = data;
  const call = event.type.startsWith('call.') || !event.data ? null : event.data;
  const payload = event.data !== undefined ? event.data : event.data_base64;
  return html`<div class="columns"><div class="stack">
    <section class="card"><dl class="facts">
      <div><dt>${t('type')}</dt><dd><code>${event.type}</code></dd></div>
      <div><dt>${t('received')}</dt><dd><${Time} at=${event.time} /></dd></div>
      ${occurred ? html`<div><dt>${t('occurred')}</dt><dd><${Time} at=${occurred} /></dd></div>` : ''}
      ${event.milestone ? html`<div><dt>${t('milestone')}</dt><dd><${Milestone} name=${event.milestone} /></dd></div>` : ''}
      <div><dt>${t('origin')}</dt><dd>${event.origin === 'pulled' ? t('origin.pulled') : t('origin.pushed')}</dd></div>
      ${event.possiblerepeat ? html`<div><dt>${t('event.repeat')}</dt><dd>${t('yes')}</dd></div>` : ''}</dl>
      ${event.malformed ? html`<p class="warning"><${Icon} name="alert" /> ${t('event.malformed')}: ${event.malformed}</p>` : ''}</section>
    <${Deliveries} deliveries=${deliveries} eventKey=${eventKey} />
    <${Files} files=${data.files} />
    <${Audited} entries=${data.audit} /></div>
    <section class="card wide-card"><h2>${t('payload')}</h2><${Payload} data=${payload} type=${event.type} />
    ${call && call.operation && call.id ? html`<p><a href=${callHref(call.id)}>${t('call.open')}</a></p>` : ''}</section></div>`;
}

/** @param {{deliveries: any[], eventKey: any}} props */
export function Deliveries({ deliveries, eventKey }) {
  const [change, setChange] = useState(/** @type {any} */ (null));
  const endpoints = useLive('/endpoints', 15_000);
  const addressOf = (/** @type {string} */ id) => ((endpoints.data && endpoints.data.endpoints) || []).find((/** @type {any} */ one) => one.id === id);
  // Nothing of a pull endpoint's can be sent now.
  const actions = (/** @type {any} */ one) => (one.state === 'pending' && addressOf(one.endpoint)?.pull ? [] : ACTIONS[/** @type {'failed'} */ (one.state)]);
  return html`<section class="card"><h2>${t('event.deliveries')}</h2>
    ${deliveries.length === 0 ? html`<p class="faint">${t('event.unrouted')}</p>` : ''}
    ${deliveries.map((delivery) => html`<div class="delivery" key=${delivery.endpoint} data-delivery=${delivery.endpoint}>
      <header><b>${delivery.endpoint}</b><${State} value=${delivery.state} />
        <span class="faint">${delivery.due ? html`${t('delivery.next')} <${Time} at=${delivery.due} />` : html`<${Time} at=${delivery.at} />`}</span>
        ${may('operate') ? html`<span class="tools">${actions(delivery)?.map((/** @type {string} */ kind) => html`<${Button} key=${kind} name=${kind}
          onClick=${() => setChange({ kind, parts: [{ endpoint: delivery.endpoint, events: [eventKey] }] })}>${named('do', kind)}</${Button}>`)}</span>` : ''}</header>
      ${addressOf(delivery.endpoint) ? html`<p class="faint address">${addressOf(delivery.endpoint).pull ? t('endpoints.pull') : html`<code>POST ${addressOf(delivery.endpoint).url}</code> · ${addressOf(delivery.endpoint).format}`}</p>` : ''}
      <${Attempts} attempts=${delivery.attempts} /></div>`)}
    ${change ? html`<${Change} ...${change} close=${() => setChange(null)} />` : ''}</section>`;
}

/** What may be done with a delivery in a state. */
const ACTIONS = { failed: ['replay', 'confirm'], pending: ['now'], delivered: ['replay'], confirmed: ['replay'] };

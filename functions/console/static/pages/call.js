// One call: what was asked, what came back, and for one whose end is not known, all that helps to decide.
import { html, useState } from '../vendor/htm-preact.js';
import { post } from '../api.js';
import { useLive } from '../live.js';
import { callHref, eventHref, shipmentHref } from '../router.js';
import { may } from '../session.js';
import { named, operationName, t } from '../text.js';
import { Attempts, Audited } from '../parts/attempts.js';
import { BusinessKey, Button, Failure, Head, Id, LinkButton, Milestone, State, Time, Viewed } from '../parts/basic.js';
import { Dialog } from '../parts/dialog.js';
import { Icon } from '../parts/icons.js';
import { Payload } from '../parts/payload.js';
import { segment } from '../api.js';

/** @param {{id: string}} props */
export function CallPage({ id }) {
  const view = useLive(`/calls/${segment(id)}`, 3_000, true);
  const call = view.data;
  return html`<${Head} title=${call ? operationName(call.connection, call.operation) : t('call.title')} note=${call ? html`<code>${call.operation}</code> · ${call.connection} · <${Id} value=${id} />` : ''}>
      ${call ? html`<${LinkButton} href=${shipmentHref(call.subject)} icon="shipments">${t('event.shipment')}</${LinkButton}>` : ''}</${Head}>
    <${Viewed} view=${view}>${() => html`<${Found} call=${call} refresh=${view.refresh} />`}</${Viewed}>`;
}

/** @param {{call: any, refresh: () => void}} props */
function Found({ call, refresh }) {
  const [asks, setAsks] = useState(/** @type {'' | 'done' | 'retry' | 'cancel' | 'now'} */ (''));
  const done = () => {
    setAsks('');
    refresh();
  };
  return html`${call.state === 'ambiguous' ? html`<${Ambiguous} call=${call} ask=${setAsks} />` : ''}
    <div class="columns"><div class="stack">
    <section class="card"><h2><${State} value=${call.state} /></h2><dl class="facts">
      <div><dt>${t('number')}</dt><dd><${BusinessKey} value=${call.subject} /></dd></div>
      ${call.aliases.filter((/** @type {string} */ one) => one !== call.subject).map((/** @type {string} */ one) => html`<div key=${one}><dt>${t('alias')}</dt><dd><${BusinessKey} value=${one} /></dd></div>`)}
      <div><dt>${t('call.accepted')}</dt><dd><${Time} at=${call.accepted} /></dd></div>
      ${call.settled ? html`<div><dt>${t('call.settled')}</dt><dd><${Time} at=${call.settled} /></dd></div>` : ''}
      ${call.due ? html`<div><dt>${t('delivery.next')}</dt><dd><${Time} at=${call.due} /></dd></div>` : ''}
      ${call.waits_for ? html`<div><dt>${t('call.waits_for')}</dt><dd><a href=${callHref(call.waits_for)}><code>${call.waits_for.slice(0, 8)}…</code></a></dd></div>` : ''}
      ${call.code ? html`<div><dt>${t('call.code')}</dt><dd><code>${call.code}</code> ${call.text || ''}</dd></div>` : ''}
      <div><dt>${t('call.key')}</dt><dd><${Id} value=${call.idempotency_key} /></dd></div>
      ${call.cancellation ? html`<div><dt>${t('call.cancelled_by')}</dt><dd>${call.cancellation.by} · <${Time} at=${call.cancellation.at} /></dd></div>` : ''}
      ${(call.decisions || []).map((/** @type {any} */ one) => html`<div key=${one.at}><dt>${t('call.decision')}</dt><dd>${named('decision', one.decision)} · ${one.by} · <${Time} at=${one.at} /></dd></div>`)}</dl>
      ${may('operate') && call.state === 'queued' ? html`<p class="tools"><${Button} name="now" icon="replay" onClick=${() => setAsks('now')}>${t('call.now')}</${Button}>
        <${Button} name="cancel" kind="danger" icon="minus" onClick=${() => setAsks('cancel')}>${t('call.cancel')}</${Button}></p>` : ''}</section>
    <section class="card"><h2>${t('attempts')}</h2><${Attempts} attempts=${call.attempts} /></section>
    <${Audited} entries=${call.audit} /></div>
    <div class="stack"><section class="card wide-card"><h2>${t('call.request')}</h2><${Payload} data=${call.request && call.request.body} type=${`call.${call.operation}`} />
      ${call.request && call.request.file ? html`<p><${Icon} name="file" /> ${call.request.file.name || call.request.file.url} ${call.request.file.bytes ? html`<span class="num faint">${call.request.file.bytes} B</span>` : ''}</p>` : ''}</section>
    <section class="card wide-card"><h2>${t('call.answer')}${call.answer ? html` <span class="faint">HTTP ${call.answer.status}</span>` : ''}</h2>
      ${call.answer ? html`<${Payload} data=${call.answer.body} type=${`call.${call.operation}`} />` : html`<p class="faint">${t('call.no_answer')}</p>`}</section></div></div>
    ${asks ? html`<${Decide} call=${call} kind=${asks} close=${() => setAsks('')} done=${done} />` : ''}`;
}

/** What is known of a call whose end is not, side by side. @param {{call: any, ask: (what: any) => void}} props */
function Ambiguous({ call, ask }) {
  const shipment = useLive(`/shipments/${segment(call.subject)}?limit=50`, 10_000);
  const since = Date.parse(call.accepted);
  const later = ((shipment.data && shipment.data.items) || []).filter((/** @type {any} */ item) => item.id !== call.id && Date.parse(item.received) > since);
  const last = call.attempts[call.attempts.length - 1];
  return html`<section class="card attention" data-ambiguous><h2><${Icon} name="question" />${t('ambiguous.title')}</h2><p>${t('ambiguous.meaning')}</p>
    <div class="known"><div><h3>${t('ambiguous.sent')}</h3><dl class="facts">
        <div><dt>${t('number')}</dt><dd><${BusinessKey} value=${call.subject} /></dd></div><div><dt>${t('ambiguous.at')}</dt><dd><${Time} at=${last && last.at} /></dd></div>
        <div><dt>${t('ambiguous.outcome')}</dt><dd>${last ? last.detail || t('attempts.no_answer') : t('attempts.no_answer')}</dd></div></dl></div>
      <div><h3>${t('ambiguous.since')}</h3>${later.length === 0 ? html`<p class="faint">${t('ambiguous.nothing')}</p>` : html`<ul class="plain lines">${later.slice(-6).map((/** @type {any} */ item) => html`<li key=${item.id}>
        <a href=${item.call ? callHref(item.id) : eventHref(item)}>${named('type', item.type)}</a> <${Milestone} name=${item.milestone} /> <${Time} at=${item.received} /></li>`)}</ul>`}
        <p><a href=${shipmentHref(call.subject)}>${t('event.shipment')}</a></p></div></div>
    ${may('operate') ? html`<p class="tools"><${Button} kind="main" icon="check" name="resolve-done" onClick=${() => ask('done')}>${t('ambiguous.done')}</${Button}>
      <${Button} icon="replay" name="resolve-retry" onClick=${() => ask('retry')}>${t('ambiguous.retry')}</${Button}></p>` : ''}</section>`;
}

/** @type {Record<string, {path: string, body: any, title: import('../text.js').TextKey, meaning: import('../text.js').TextKey}>} */
const DECISIONS = {
  done: { path: 'resolve', body: { decision: 'done' }, title: 'ambiguous.done', meaning: 'decide.done' },
  retry: { path: 'resolve', body: { decision: 'retry' }, title: 'ambiguous.retry', meaning: 'decide.retry' },
  cancel: { path: 'cancel', body: {}, title: 'call.cancel', meaning: 'decide.cancel' },
  now: { path: 'retry', body: {}, title: 'call.now', meaning: 'decide.now' },
};

/** @param {{call: any, kind: string, close: () => void, done: () => void}} props */
function Decide({ call, kind, close, done }) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const decision = DECISIONS[kind];
  if (!decision) return '';
  const agree = async () => {
    setBusy(true);
    try {
      await post(`/calls/${segment(call.id)}/${decision.path}`, decision.body);
      done();
    } catch (trouble) {
      setTrouble(trouble);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t(decision.title)} close=${close} actions=${html`<${Button} onClick=${close}>${t('cancel')}</${Button}>
    <${Button} kind=${kind === 'done' || kind === 'now' ? 'main' : 'danger'} busy=${busy} onClick=${agree} name="agree">${t(decision.title)}</${Button}>`}>
    <p>${t(decision.meaning)}</p><dl class="facts"><div><dt>${t('operation')}</dt><dd>${operationName(call.connection, call.operation)}</dd></div>
    <div><dt>${t('number')}</dt><dd><${BusinessKey} value=${call.subject} /></dd></div></dl>${trouble ? html`<${Failure} trouble=${trouble} />` : ''}</${Dialog}>`;
}

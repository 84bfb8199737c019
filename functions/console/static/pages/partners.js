// The partners' accounts and the ERP's endpoints: whether they work, what they wait for, and a test of each.
import { html, useState } from '../vendor/htm-preact.js';
import { BASE, get, parse, post, segment } from '../api.js';
import { refresh, useLive } from '../live.js';
import { eventHref, href } from '../router.js';
import { may } from '../session.js';
import { named, number, operationName, t } from '../text.js';
import { Button, Copy, Empty, Failure, Head, Num, State, Time, Viewed } from '../parts/basic.js';
import { Dialog } from '../parts/dialog.js';
import { Icon } from '../parts/icons.js';

export function PartnersPage() {
  const connections = useLive('/connections');
  const endpoints = useLive('/endpoints');
  return html`<${Head} title=${t('nav.partners')} />
    <h2 class="part">${t('partners.accounts')}</h2>
    <${Viewed} view=${connections} rows=${3}>${() => connections.data.connections.length === 0 ? html`<${Empty} icon="partners" title=${t('partners.none')} />`
      : html`<div class="cards">${connections.data.connections.map((/** @type {any} */ one) => html`<${Connection} key=${one.id} connection=${one} />`)}</div>`}</${Viewed}>
    <h2 class="part">${t('partners.endpoints')}</h2>
    <${Viewed} view=${endpoints} rows=${3}>${() => endpoints.data.endpoints.length === 0 ? html`<${Empty} icon="deliveries" title=${t('endpoints.none')} />`
      : html`<div class="cards">${endpoints.data.endpoints.map((/** @type {any} */ one) => html`<${Endpoint} key=${one.id} endpoint=${one} />`)}</div>`}</${Viewed}>`;
}

/** @param {{id: string, circuits: any[]}} props */
function Circuits({ id, circuits }) {
  const broken = (circuits || []).filter((one) => one.state !== 'closed');
  if (broken.length === 0) return html`<${State} value="closed" text=${t('circuit.closed')} />`;
  return html`<ul class="plain">${broken.map((one, at) => html`<li key=${at}><${State} value=${one.state} text=${named('circuit', one.state)} /> <span class="faint">${named('type', one.kind || '') === one.kind ? operationName(id, one.kind || '') : named('type', one.kind || '')}</span>
    ${one.until ? html` <span class="faint">${t('circuit.until')} <${Time} at=${one.until} /></span>` : ''}</li>`)}</ul>`;
}

/** @param {{connection: any}} props */
function Connection({ connection }) {
  const [urls, setUrls] = useState(/** @type {any} */ (null));
  const [tests, setTests] = useState(false);
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const show = async () => {
    if (urls) return setUrls(null);
    setTrouble(null);
    try {
      const { urls } = await get(`/connections/${segment(connection.id)}/urls`);
      // A hub that is not told its public address gives paths; this page was reached at one.
      setUrls(urls.map((/** @type {any} */ one) => ({ ...one, url: one.url.startsWith('/') ? location.origin + BASE + one.url : one.url })));
    } catch (trouble) {
      setTrouble(trouble);
    }
  };
  const actions = connection.actions || [];
  return html`<section class="card" data-connection=${connection.id}><header><div><h3>${connection.id}</h3><p class="note">${named('partner', connection.partner)}</p></div></header>
    <dl class="facts">
      <div><dt>${t('circuit')}</dt><dd><${Circuits} id=${connection.id} circuits=${connection.circuits} /></dd></div>
      <div><dt>${t('partners.last_push')}</dt><dd>${connection.last_push ? html`<${Time} at=${connection.last_push} />` : actions.length > 0 ? t('never') : html`<span class="faint">${t('partners.no_pushes')}</span>`}</dd></div>
      <div><dt>${t('partners.waiting')}</dt><dd><a href=${href(['calls'], { state: 'queued', connection: connection.id })}><${Num} value=${connection.calls_waiting} /></a></dd></div>
      ${connection.token ? html`<div><dt>${t('partners.token')}</dt><dd><${Time} at=${connection.token.obtained} />${connection.token.expires ? html` · ${t('partners.expires')} <${Time} at=${connection.token.expires} />` : ''}</dd></div>` : ''}
      ${actions.length > 0 ? html`<div><dt>${t('partners.actions')}</dt><dd class="num">${number(actions.length)}</dd></div>` : ''}</dl>
    ${may('operate') && actions.length > 0 ? html`<p class="tools"><${Button} icon="eye" name="urls" onClick=${show}>${t(urls ? 'partners.hide_urls' : 'partners.show_urls')}</${Button}>
      <${Button} icon="arrow" name="test-push" onClick=${() => setTests(true)}>${t('partners.test_push')}</${Button}></p>` : ''}
    ${trouble ? html`<${Failure} trouble=${trouble} />` : ''}
    ${urls ? html`<p class="warning"><${Icon} name="alert" /> ${t('partners.secret')}</p><ul class="plain urls">${urls.map((/** @type {any} */ one) => html`<li key=${one.action + one.url}><span>${named('type', `${connection.partner}.${one.action}`)}</span><code>${one.url}</code><${Copy} value=${one.url} what="URL" /></li>`)}</ul>` : ''}
    ${tests ? html`<${TestPush} connection=${connection} close=${() => setTests(false)} />` : ''}</section>`;
}

/** @param {{connection: any, close: () => void}} props */
function TestPush({ connection, close }) {
  const [action, setAction] = useState(connection.actions[0].action);
  const [payload, setPayload] = useState('');
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const work = async () => {
    setTrouble(null);
    setAnswer(null);
    const given = payload.trim();
    try {
      parse(given);
    } catch {
      return setTrouble({ status: 400, problem: { detail: t('form.not_json') } });
    }
    setBusy(true);
    try {
      setAnswer(await post(`/connections/${segment(connection.id)}/test`, given ? `{"action":${JSON.stringify(action)},"payload":${given}}` : { action }));
      refresh();
    } catch (trouble) {
      setTrouble(trouble);
    }
    setBusy(false);
  };
  return html`<${Dialog} title=${t('partners.test_push')} close=${close} actions=${html`<${Button} onClick=${close}>${t('close')}</${Button}><${Button} kind="main" busy=${busy} onClick=${work} name="agree">${t('partners.push_now')}</${Button}>`}>
    <p>${t('partners.test_push.meaning', { connection: connection.id })}</p>
    <div class="field"><label for="action">${t('partners.action')}</label><select id="action" onChange=${(/** @type {any} */ event) => setAction(event.target.value)}>
      ${connection.actions.map((/** @type {any} */ one) => html`<option key=${one.action} value=${one.action} selected=${one.action === action}>${named('type', one.type)} (${one.action})</option>`)}</select></div>
    <div class="field"><label for="payload">${t('payload')}</label><textarea id="payload" rows="6" spellcheck="false" placeholder=${t('partners.example')} value=${payload} onInput=${(/** @type {any} */ event) => setPayload(event.target.value)}></textarea></div>
    ${trouble ? html`<${Failure} trouble=${trouble} />` : ''}
    ${answer ? html`<div role="status" data-answer><p><${State} value=${answer.status < 300 ? 'good' : 'bad'} text=${`HTTP ${answer.status}`} /></p><pre tabindex="0">${typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)}</pre>
      <ul class="plain">${(answer.events || []).map((/** @type {any} */ event) => html`<li key=${event.id}><a href=${eventHref(event)}>${event.subject}</a></li>`)}</ul></div>` : ''}</${Dialog}>`;
}

/** @param {{endpoint: any}} props */
function Endpoint({ endpoint }) {
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const test = async () => {
    setBusy(true);
    setTrouble(null);
    setAnswer(null);
    try {
      setAnswer(await post(`/endpoints/${segment(endpoint.id)}/test`));
    } catch (trouble) {
      setTrouble(trouble);
    }
    setBusy(false);
  };
  return html`<section class="card" data-endpoint=${endpoint.id}><header><div><h3>${endpoint.id}</h3><p class="note">${endpoint.pull ? t('endpoints.pull') : html`<code class="url">${endpoint.url}</code>`}</p></div></header>
    <dl class="facts">
      ${endpoint.pull ? html`<div><dt>${t('endpoints.last_pull')}</dt><dd>${endpoint.last_pull ? html`<${Time} at=${endpoint.last_pull} />` : t('never')}</dd></div>`
        : html`<div><dt>${t('circuit')}</dt><dd><${Circuits} id=${endpoint.id} circuits=${endpoint.circuits} /></dd></div>`}
      <div><dt>${named('state', 'failed')}</dt><dd><a href=${href(['deliveries'], { endpoint: endpoint.id })}>${endpoint.failed ? html`<${State} value="failed" text=${number(endpoint.failed)} />` : html`<${Num} value=${endpoint.failed} />`}</a></dd></div>
      <div><dt>${named('state', 'pending')}</dt><dd><a href=${href(['deliveries'], { state: 'pending', endpoint: endpoint.id })}><${Num} value=${endpoint.pending} /></a></dd></div>
      <div><dt>${t('endpoints.last_success')}</dt><dd>${endpoint.last_success ? html`<${Time} at=${endpoint.last_success} />` : t('never')}</dd></div>
      <div><dt>${t('endpoints.takes')}</dt><dd><code>${(endpoint.connections || []).join(' ')}</code> · <code>${(endpoint.types || []).join(' ')}</code></dd></div>
      <div><dt>${t('endpoints.format')}</dt><dd><code>${endpoint.format}</code> · ${named('order', endpoint.order || 'none')}</dd></div></dl>
    ${may('operate') && !endpoint.pull ? html`<p class="tools"><${Button} icon="arrow" name="test-delivery" busy=${busy} onClick=${test}>${t('endpoints.test')}</${Button}></p>` : ''}
    ${trouble ? html`<${Failure} trouble=${trouble} />` : ''}
    ${answer ? html`<div role="status" data-answer><p><${State} value=${answer.delivered ? 'delivered' : 'failed'} text=${t(answer.delivered ? 'endpoints.test.good' : 'endpoints.test.bad')} />
      ${answer.status ? html` <span class="num">HTTP ${answer.status}</span>` : ''} <span class="num faint">${number(answer.milliseconds)} ms</span></p>${answer.reason ? html`<p>${answer.reason}</p>` : ''}${answer.answer ? html`<pre tabindex="0">${answer.answer}</pre>` : ''}</div>` : ''}</section>`;
}

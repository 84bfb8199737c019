// A call to a partner by hand: a form for each operation, with the document's own example.
import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { parse, segment, send } from '../api.js';
import { useLive } from '../live.js';
import { amend, callHref, go, href, usePlace } from '../router.js';
import { may } from '../session.js';
import { named, operationName, t } from '../text.js';
import { Button, Empty, Failure, Head, Viewed } from '../parts/basic.js';
import { Dialog } from '../parts/dialog.js';
import { Payload } from '../parts/payload.js';
import { bodyOf, Fields, fieldsOf, textsOf } from '../parts/schema.js';

/** A name for a request, by which its repetition is no second call. */
function fresh() {
  return `console-${[...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** The operations of the built-in partners. @param {any} document */
function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, item]) => {
    const name = path.match(/^\/calls\/\{connection\}\/([^{}]+)$/);
    const post = /** @type {any} */ (item).post;
    return name && post ? [{ name: name[1] || '', partner: (post.tags || [])[0], post }] : [];
  });
}

/** An operation that the hub tells of a connection, in the form of the document. @param {any} told */
function inDocument(told) {
  const content = { 'application/json': { schema: told.body, example: told.example } };
  return {
    name: told.name,
    partner: '',
    post: { summary: `${told.name}: ${told.source}`, description: told.description, deprecated: told.deprecated, requestBody: { content }, 'x-effect': told.effect, 'x-repeatable': told.repeatable },
  };
}

export function NewCallPage() {
  const document = useLive('/openapi.json', 3_600_000);
  const connections = useLive('/connections', 60_000);
  const both = { data: document.data && connections.data, trouble: document.trouble || connections.trouble, refresh: connections.refresh };
  return html`<${Head} title=${t('call.new')} note=${html`<a href=${href(['calls'])}>${t('nav.calls')}</a>`} />
    ${may('call') ? html`<${Viewed} view=${both}>${() => html`<${Chosen} document=${document.data} connections=${connections.data.connections} />`}</${Viewed}>`
      : html`<${Empty} icon="minus" title=${t('call.may_not')} />`}`;
}

/** @param {{document: any, connections: any[]}} props */
function Chosen({ document, connections }) {
  const { query } = usePlace();
  const all = operationsOf(document);
  const connection = connections.find((one) => one.id === query.connection) || connections[0];
  const built = all.filter((one) => connection && one.partner === connection.partner);
  // The document is the same for everybody, and has nothing of what a configuration describes.
  const described = useLive(connection && built.length === 0 ? `/connections/${segment(connection.id)}/operations` : null, 3_600_000);
  const own = built.length > 0 ? built : /** @type {any[]} */ ((described.data && described.data.operations) || []).map(inDocument);
  const operation = own.find((one) => one.name === query.operation) || own[0];
  if (!connection) return html`<${Empty} icon="partners" title=${t('partners.none')} />`;
  return html`<div class="stack"><section class="card"><div class="form two"><div class="field"><label for="connection">${t('connection')}</label>
      <select id="connection" onChange=${(/** @type {any} */ event) => amend({ connection: event.target.value, operation: '' })}>
      ${connections.map((one) => html`<option key=${one.id} value=${one.id} selected=${one === connection}>${one.id} · ${named('partner', one.partner)}</option>`)}</select></div>
    <div class="field"><label for="operation">${t('operation')}</label><select id="operation" onChange=${(/** @type {any} */ event) => amend({ connection: connection.id, operation: event.target.value })}>
      ${own.map((one) => html`<option key=${one.name} value=${one.name} selected=${one === operation}>${operationName(connection.id, one.name)} (${one.name})</option>`)}</select></div></div></section>
    ${operation ? html`<${Form} key=${`${connection.id} ${operation.name}`} document=${document} connection=${connection.id} operation=${operation} />` : described.asked || built.length > 0 ? html`<${Empty} icon="calls" title=${t('call.no_operations')} />` : ''}</div>`;
}

/** @param {{document: any, connection: string, operation: {name: string, post: any}}} props */
function Form({ document, connection, operation }) {
  const content = ((operation.post.requestBody || {}).content || {})['application/json'] || {};
  const { fields, array } = fieldsOf(document, content.schema);
  const example = content.example !== undefined ? content.example : Object.values(content.examples || {}).map((/** @type {any} */ one) => one.value)[0];
  const [texts, setTexts] = useState(() => textsOf(fields, example));
  const [json, setJson] = useState(/** @type {string | null} */ (fields.length === 0 ? JSON.stringify(example || {}, null, 2) : null));
  const [key, setKey] = useState(fresh);
  const [wrong, setWrong] = useState('');
  const [asks, setAsks] = useState(/** @type {string | null} */ (null));
  const command = operation.post['x-effect'] === 'command';
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  useEffect(() => setWrong(''), [texts, json]);

  const body = () => {
    if (json === null) return bodyOf(fields, array, texts);
    try {
      return { body: parse(json), text: json };
    } catch {
      return { wrong: 'json' };
    }
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const made = /** @type {{body?: any, wrong?: string, text?: string}} */ (body());
    if (made.wrong) return setWrong(made.wrong);
    const text = made.text || JSON.stringify(made.body);
    if (command) setAsks(text);
    else void work(text);
  };
  const work = async (/** @type {string} */ text) => {
    setBusy(true);
    setTrouble(null);
    setAnswer(null);
    setAsks(null);
    try {
      /** @type {Record<string, string>} */
      const headers = command ? { 'Idempotency-Key': key } : {};
      const got = parse((await send('POST', `/calls/${segment(connection)}/${segment(operation.name)}`, { body: text, headers })).text);
      if (command) {
        setKey(fresh());
        go(callHref(got.id));
      } else setAnswer(got);
    } catch (trouble) {
      setTrouble(trouble);
    }
    setBusy(false);
  };
  const over = (/** @type {boolean} */ toJson) => {
    const made = /** @type {{body?: any, wrong?: string}} */ (body());
    if (made.wrong) return setWrong(made.wrong);
    if (toJson) setJson(JSON.stringify(made.body, null, 2));
    else {
      setTexts(textsOf(fields, made.body));
      setJson(null);
    }
  };
  const notes = String(operation.post.description || '').split('\n\n');
  return html`<div class="stack"><section class="card"><form onSubmit=${submit} novalidate>
    <p class="note">${operation.post.deprecated ? html`<b>${t('call.deprecated')}</b> ` : ''}${t(command ? (operation.post['x-repeatable'] ? 'call.repeatable' : 'call.once') : 'call.query')}</p>
    <details class="quiet"><summary>${t('call.notes')}</summary><p>${operation.post.summary}</p>${notes.map((note) => html`<p key=${note}>${note}</p>`)}</details>
    ${fields.length > 0 ? html`<div class="switch" role="group" aria-label=${t('payload.view')}><button type="button" aria-pressed=${json === null} onClick=${() => json !== null && over(false)}>${t('call.form')}</button>
      <button type="button" aria-pressed=${json !== null} onClick=${() => json === null && over(true)}>JSON</button></div>` : ''}
    ${json === null ? html`<${Fields} fields=${fields} texts=${texts} wrong=${wrong} set=${(/** @type {string} */ name, /** @type {string} */ text) => setTexts((before) => ({ ...before, [name]: text }))} />`
      : html`<div class="field"><label for="json">${t('call.body')}</label><textarea id="json" rows="14" spellcheck="false" aria-invalid=${wrong ? 'true' : undefined} value=${json} onInput=${(/** @type {any} */ event) => setJson(event.target.value)}></textarea>
        <small>${wrong ? t('form.not_json') : ''}</small></div>`}
    ${command ? html`<div class="field"><label for="key">${t('call.key')} <code>Idempotency-Key</code></label><input id="key" value=${key} onInput=${(/** @type {any} */ event) => setKey(event.target.value)} autocomplete="off" spellcheck="false" /><small>${t('call.key.hint')}</small></div>` : ''}
    <p class="tools"><${Button} type="submit" kind="main" busy=${busy} icon="arrow" name="send">${t(command ? 'call.send' : 'call.ask')}</${Button}></p></form>
    ${trouble ? html`<${Failure} trouble=${trouble} />` : ''}</section>
    ${answer ? html`<section class="card" aria-live="polite"><h2>${t('call.answer')}</h2><${Payload} data=${answer} type=${`call.${operation.name}`} /></section>` : ''}
    ${asks !== null ? html`<${Dialog} title=${t('call.send')} close=${() => setAsks(null)} actions=${html`<${Button} onClick=${() => setAsks(null)}>${t('cancel')}</${Button}>
      <${Button} kind="main" onClick=${() => work(asks)} name="agree">${t('call.send')}</${Button}>`}><p>${t('call.sure', { operation: operationName(connection, operation.name), connection })}</p>
      <pre tabindex="0">${asks.slice(0, 2_000)}</pre></${Dialog}>` : ''}</div>`;
}

// A payload for reading: each field under the name that the partner's document gives it, and its own beside that.
import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { Exact, get } from '../api.js';
import { session } from '../session.js';
import { t } from '../text.js';
import { Copy } from './basic.js';

/** @typedef {{fields: Record<string, Record<string, [string, string]>>, codes: Record<string, Record<string, [string, string]>>}} Documented */

/** @type {Promise<Documented> | null} */
let asked = null;

function useDocumented() {
  const [documented, setDocumented] = useState(/** @type {Documented | null} */ (null));
  useEffect(() => {
    asked = asked || get('/console/fields.json').catch(() => ((asked = null), { fields: {}, codes: {} }));
    void asked.then(setDocumented);
  }, []);
  return documented;
}

/** @param {[string, string] | undefined} pair */
function told(pair) {
  return pair ? pair[session().language === 'zh' ? 0 : 1] : '';
}

/** The document's name of a field: at its path, or where one path of the type alone ends so. @param {Documented | null} documented @param {string} type @param {string} path */
function label(documented, type, path) {
  const fields = documented && documented.fields[type];
  if (!fields) return '';
  if (fields[path]) return told(fields[path]);
  const ends = Object.keys(fields).filter((known) => known.endsWith(`.${path}`));
  return ends.length === 1 && ends[0] ? told(fields[ends[0]]) : '';
}

/** @param {Documented | null} documented @param {string} type @param {string} path @param {any} value */
function meaning(documented, type, path, value) {
  const codes = documented && documented.codes[`${type} ${path}`];
  return codes ? told(codes[String(value)]) : '';
}

/** @param {{data: any, type: string}} props */
export function Payload({ data, type }) {
  const documented = useDocumented();
  const [raw, setRaw] = useState(false);
  const text = data === undefined ? '' : typeof data === 'string' ? data : JSON.stringify(data, null, 2);
  if (data === undefined || data === null) return html`<p class="faint">${t('payload.none')}</p>`;
  return html`<div class="payload">
    <div class="bar"><div class="switch" role="group" aria-label=${t('payload.view')}>
      <button type="button" aria-pressed=${!raw} onClick=${() => setRaw(false)}>${t('payload.fields')}</button>
      <button type="button" aria-pressed=${raw} onClick=${() => setRaw(true)}>JSON</button></div>
      <${Copy} value=${text} what="JSON" /></div>
    ${raw || typeof data !== 'object' ? html`<pre tabindex="0">${text}</pre>`
      : html`<div class="tree"><${Node} value=${data} type=${type} path="" documented=${documented} depth=${0} /></div>`}</div>`;
}

/** Most items of an array that are shown at once. */
const MOST = 50;

/** @param {{value: any, type: string, path: string, documented: Documented | null, depth: number}} props */
function Node({ value, type, path, documented, depth }) {
  const [all, setAll] = useState(false);
  if (Array.isArray(value)) {
    if (value.length === 0) return html`<span class="faint">${t('payload.empty')}</span>`;
    const shown = all ? value : value.slice(0, MOST);
    return html`<ol class="items">${shown.map((item, at) => html`<li key=${at}><${Node} value=${item} type=${type} path=${path}
      documented=${documented} depth=${depth + 1} /></li>`)}
      ${shown.length < value.length ? html`<li><button type="button" class="button quiet" onClick=${() => setAll(true)}>${t('payload.all', { n: value.length })}</button></li>` : ''}</ol>`;
  }
  if (value && typeof value === 'object' && !(value instanceof Exact)) {
    const names = Object.keys(value);
    if (names.length === 0) return html`<span class="faint">${t('payload.empty')}</span>`;
    return html`<dl class=${depth === 0 ? 'fields top' : 'fields'}>${names.map((name) => {
      const here = path ? `${path}.${name}` : name;
      const document = label(documented, type, here);
      const nested = value[name] && typeof value[name] === 'object' && !(value[name] instanceof Exact);
      return html`<div key=${name} class=${nested ? 'nested' : ''}><dt>${document ? html`<span>${document}</span>` : ''}<code>${name}</code></dt>
        <dd><${Node} value=${value[name]} type=${type} path=${here} documented=${documented} depth=${depth + 1} /></dd></div>`;
    })}</dl>`;
  }
  const code = meaning(documented, type, path, value);
  if (value === '' || value === null) return html`<span class="faint">${value === '' ? t('payload.blank') : 'null'}</span>`;
  if (typeof value === 'boolean') return html`<code>${String(value)}</code>`;
  const text = value instanceof Exact ? value.source : String(value);
  const number = typeof value === 'number' || value instanceof Exact;
  if (/^https?:\/\/[^\s]+$/i.test(text)) return html`<a href=${text} target="_blank" rel="noopener noreferrer">${text}</a>`;
  return html`<span class=${number ? 'num' : 'plain'}>${text}</span>${code ? html` <span class="code">${code}</span>` : ''}`;
}

// A form of an operation's body, made from the schema that `/openapi.json` has of it.
import { html } from '../vendor/htm-preact.js';
import { session } from '../session.js';
import { t } from '../text.js';

/** @typedef {{name: string, label: string, hint: string, kind: 'text' | 'number' | 'choice' | 'file' | 'json', required: boolean, options: string[], most?: number}} Field */

/** @param {any} document @param {any} schema @returns {any} */
function resolved(document, schema) {
  const name = schema && schema.$ref ? schema.$ref.split('/').pop() : '';
  return name ? document.components.schemas[name] : schema;
}

/** The partner's name and the explanation of `中文名 explanation`. @param {string} description */
function split(description) {
  const [first = '', ...rest] = description.split(' ');
  return /[\u3400-\u9fff]/.test(first) ? { zh: first, en: rest.join(' ') } : { zh: '', en: description };
}

/** The fields of a body; none where the schema does not tell them. @param {any} document @param {any} given @returns {{fields: Field[], array: boolean}} */
export function fieldsOf(document, given) {
  const schema = resolved(document, given) || {};
  const array = schema.type === 'array';
  const shape = array ? resolved(document, schema.items) || {} : schema;
  const required = new Set(shape.required || []);
  const fields = Object.entries(shape.properties || {}).map(([name, property]) => {
    const own = /** @type {any} */ (property);
    const { zh, en } = split(own.description || '');
    const chinese = session().language === 'zh';
    /** @type {Field['kind']} */
    const kind = own.$ref ? 'file' : own.enum ? 'choice' : own.type === 'string' ? 'text' : own.type === 'integer' || own.type === 'number' ? 'number' : 'json';
    return { name, label: chinese ? zh : en.split(/[;,:]/)[0] || zh, hint: chinese ? en : zh, kind, required: required.has(name), options: (own.enum || []).map(String), most: own.maxLength };
  });
  fields.sort((a, b) => Number(b.required) - Number(a.required));
  return { fields, array };
}

/** The texts of the inputs for a body. @param {Field[]} fields @param {any} body @returns {Record<string, string>} */
export function textsOf(fields, body) {
  const shape = Array.isArray(body) ? body[0] || {} : body || {};
  /** @type {Record<string, string>} */
  const texts = {};
  for (const { name, kind } of fields) {
    const value = shape[name];
    if (value === undefined) continue;
    texts[name] = kind === 'json' || kind === 'file' ? JSON.stringify(value, null, 1) : String(value);
  }
  return texts;
}

/** The body that the inputs make; the name of a field that is no JSON otherwise. @param {Field[]} fields @param {boolean} array @param {Record<string, string>} texts @returns {{body?: any, wrong?: string}} */
export function bodyOf(fields, array, texts) {
  /** @type {Record<string, any>} */
  const body = {};
  for (const { name, kind, required } of fields) {
    const text = texts[name];
    if (text === undefined || (text === '' && !required)) continue;
    if (kind === 'text' || (kind === 'choice' && Number.isNaN(Number(text)))) body[name] = text;
    else {
      try {
        body[name] = text === '' ? '' : JSON.parse(text);
      } catch {
        return { wrong: name };
      }
    }
  }
  return { body: array ? [body] : body };
}

/** @param {File} file @returns {Promise<string>} */
async function enclosed(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return JSON.stringify({ name: file.name, base64: btoa(text), ...(file.type ? { content_type: file.type } : {}) });
}

/** @param {{fields: Field[], texts: Record<string, string>, set: (name: string, text: string) => void, wrong?: string}} props */
export function Fields({ fields, texts, set, wrong }) {
  return html`<div class="form">${fields.map(({ name, label, hint, kind, required, options, most }) => {
    const id = `field-${name}`;
    const shared = { id, name, required, 'aria-invalid': wrong === name ? 'true' : undefined, 'aria-describedby': `${id}-hint` };
    const change = (/** @type {any} */ event) => set(name, event.target.value);
    return html`<div class="field" key=${name}><label for=${id}>${label ? html`<span>${label}</span> ` : ''}<code>${name}</code>${required ? html` <b class="required" title=${t('form.required')}>*</b>` : ''}</label>
      ${kind === 'choice' ? html`<select ...${shared} onChange=${change}><option value=""></option>${options.filter(Boolean).map((one) => html`<option key=${one} value=${one} selected=${texts[name] === one}>${one}</option>`)}</select>`
        : kind === 'file' ? html`<input type="file" id=${id} onChange=${async (/** @type {any} */ event) => {
            const file = event.target.files[0];
            if (file) set(name, await enclosed(file));
          }} /><textarea rows="3" aria-label=${`${name} JSON`} name=${name} spellcheck="false" value=${shortened(texts[name])} onInput=${change}></textarea>`
        : kind === 'json' ? html`<textarea rows="4" ...${shared} spellcheck="false" value=${texts[name] || ''} onInput=${change}></textarea>`
        : html`<input ...${shared} maxlength=${most} inputmode=${kind === 'number' ? 'numeric' : undefined} autocomplete="off" spellcheck="false" value=${texts[name] || ''} onInput=${change} />`}
      <small id=${`${id}-hint`}>${wrong === name ? t('form.not_json') : hint}</small></div>`;
  })}</div>`;
}

/** A file's content is no text to look at. @param {string | undefined} text */
function shortened(text) {
  return text && text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text || '';
}

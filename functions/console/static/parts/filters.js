// Filters of lists. They live in the address, so that a list can be linked as it is seen.
import { html, useState } from '../vendor/htm-preact.js';
import { amend, href, place } from '../router.js';
import { named, t } from '../text.js';
import { Icon } from './icons.js';

/** Tabs that choose a value of the query. @param {{name: string, values: string[], value: string, label: string, text: (value: string) => string, counts?: Record<string, number | undefined>}} props */
export function Tabs({ name, values, value, label, text, counts = {} }) {
  const { parts, query } = place();
  return html`<nav class="tabs" aria-label=${label}>${values.map((one) => html`<a key=${one} href=${href(parts, { ...query, [name]: one })}
    aria-current=${one === value ? 'page' : undefined}>${text(one)}${counts[one] ? html` <span class="count">${counts[one]}</span>` : ''}</a>`)}</nav>`;
}

/** @param {{name: string, label: string, value: string | undefined, options: [string, string][], all?: string}} props */
export function Choice({ name, label, value, options, all }) {
  return html`<label class="filter"><span>${label}</span><select name=${name} value=${value || ''}
    onChange=${(/** @type {any} */ event) => amend({ [name]: event.target.value })}>
    ${all === undefined ? '' : html`<option value="">${all}</option>`}
    ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
    ${value && !options.some(([key]) => key === value) ? html`<option value=${value} selected>${value}</option>` : ''}</select></label>`;
}

/** @param {{name: string, label: string, value: string | undefined, placeholder?: string}} props */
export function Words({ name, label, value, placeholder }) {
  return html`<label class="filter"><span>${label}</span><input name=${name} value=${value || ''} placeholder=${placeholder || ''} spellcheck="false"
    autocomplete="off" onChange=${(/** @type {any} */ event) => amend({ [name]: event.target.value.trim() })} /></label>`;
}

const PERIODS = ['1h', '24h', '7d', '30d'];

/** @type {Record<string, number>} */
const SPANS = { '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000, '30d': 2_592_000_000 };

/** The period of a list: one of the usual, or between two times. @param {{query: Record<string, string>}} props */
export function Period({ query }) {
  const chosen = query.from || query.to ? 'own' : query.period || '';
  const set = (/** @type {string} */ value) => {
    if (value !== 'own') return amend({ period: value, from: '', to: '' });
    amend({ period: '', from: local(new Date(Date.now() - 86_400_000)), to: '' });
  };
  return html`<label class="filter"><span>${t('filter.period')}</span><select name="period" value=${chosen}
      onChange=${(/** @type {any} */ event) => set(event.target.value)}>
      <option value="">${t('filter.any')}</option>
      ${PERIODS.map((one) => html`<option key=${one} value=${one} selected=${one === chosen}>${named('period', one)}</option>`)}
      <option value="own" selected=${chosen === 'own'}>${t('period.own')}</option></select></label>
    ${chosen === 'own' ? html`<label class="filter"><span>${t('filter.from')}</span><input type="datetime-local" value=${query.from || ''}
        onChange=${(/** @type {any} */ event) => amend({ from: event.target.value })} /></label>
      <label class="filter"><span>${t('filter.to')}</span><input type="datetime-local" value=${query.to || ''}
        onChange=${(/** @type {any} */ event) => amend({ to: event.target.value })} /></label>` : ''}`;
}

/** @param {Date} date */
function local(date) {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The bounds that a query's period stands for. Whole minutes, so that a list stays the same list. @param {Record<string, string>} query */
export function bounds(query) {
  const own = (/** @type {string | undefined} */ text) => {
    const date = text ? new Date(text) : null;
    return date && !Number.isNaN(date.getTime()) ? date.toISOString() : undefined;
  };
  if (query.from || query.to) return { since: own(query.from), until: own(query.to) };
  const span = SPANS[query.period || ''];
  if (!span) return {};
  return { since: new Date(Math.floor((Date.now() - span) / 300_000) * 300_000).toISOString() };
}

/** @param {{children: any, active: boolean, clear: Record<string, string>}} props */
export function Filters({ children, active, clear }) {
  const [open, setOpen] = useState(active);
  return html`<div class=${`filters ${open ? '' : 'shut'}`} role="search"><button type="button" class="button toggle" aria-expanded=${open} onClick=${() => setOpen(!open)}>${t('filter.show')}</button>
    ${children}${active
    ? html`<button type="button" class="button quiet" onClick=${() => amend(clear)}><${Icon} name="cross" />${t('filter.clear')}</button>` : ''}</div>`;
}

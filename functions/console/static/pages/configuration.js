// The configuration that runs, without its secrets: its warnings, and what of it changed when.
import { html } from '../vendor/htm-preact.js';
import { useLive } from '../live.js';
import { t } from '../text.js';
import { Empty, Head, Id, Time, Viewed } from '../parts/basic.js';
import { Icon } from '../parts/icons.js';
import { Payload } from '../parts/payload.js';

export function ConfigurationPage() {
  const view = useLive('/configuration', 30_000);
  return html`<${Head} title=${t('nav.configuration')} note=${t('configuration.note')} />
    <${Viewed} view=${view}>${() => {
      const { version, since, file, warnings = [], changes = [] } = view.data;
      return html`<div class="columns"><div class="stack">
        <section class="card"><h2>${t('configuration.version')}</h2><dl class="facts"><div><dt>${t('configuration.digest')}</dt><dd>${version ? html`<${Id} value=${String(version)} />` : '–'}</dd></div>
          <div><dt>${t('configuration.since')}</dt><dd><${Time} at=${since} /></dd></div></dl></section>
        <section class=${`card ${warnings.length > 0 ? 'attention' : ''}`}><h2>${warnings.length > 0 ? html`<${Icon} name="alert" />` : ''}${t('configuration.warnings')}</h2>${warnings.length === 0 ? html`<p><${Icon} name="check" /> ${t('configuration.no_warnings')}</p>`
          : html`<ul class="plain lines">${warnings.map((/** @type {string} */ one) => html`<li key=${one}>${one}</li>`)}</ul>`}</section>
        <section class="card"><h2>${t('configuration.changes')}</h2>${changes.length === 0 ? html`<p class="faint">${t('configuration.no_changes')}</p>`
          : html`<ul class="plain lines">${changes.map((/** @type {any} */ one) => html`<li key=${one.at}><${Time} at=${one.at} /><div>${one.keys.map((/** @type {string} */ key) => html`<code class="chip" key=${key}>${key}</code> `)}</div></li>`)}</ul>`}</section></div>
        <section class="card wide-card"><h2>${t('configuration.file')}</h2>${file ? html`<${Payload} data=${file} type="configuration" />` : html`<${Empty} icon="configuration" title=${t('configuration.none')} />`}</section></div>`;
    }}</${Viewed}>`;
}

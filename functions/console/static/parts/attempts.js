// The attempts of a delivery or a call, latest first, and what an audit says of both.
import { html } from '../vendor/htm-preact.js';
import { href } from '../router.js';
import { named, number, t } from '../text.js';
import { State, Time } from './basic.js';

/** @param {{attempts: any[]}} props */
export function Attempts({ attempts }) {
  if (!attempts || attempts.length === 0) return html`<p class="faint">${t('attempts.none')}</p>`;
  const latest = [...attempts].reverse();
  return html`<div><${Listed} attempts=${latest.slice(0, SHOWN)} />
    ${latest.length > SHOWN ? html`<details class="quiet earlier"><summary>${t('attempts.earlier', { n: number(latest.length - SHOWN) })}</summary><${Listed} attempts=${latest.slice(SHOWN)} /></details>` : ''}</div>`;
}

/** Attempts that are shown at once. */
const SHOWN = 3;

/** @param {{attempts: any[]}} props */
function Listed({ attempts }) {
  return html`<ol class="attempts">${attempts.map((attempt, at) => {
    const good = attempt.status >= 200 && attempt.status < 300;
    const tone = attempt.put_off ? 'calm' : good ? 'good' : 'bad';
    return html`<li key=${at} class=${tone}>
      <span class="when"><${Time} at=${attempt.at} /></span>
      <span class="result">${attempt.put_off ? t('attempts.put_off', { n: number(attempt.put_off) })
        : attempt.status ? html`HTTP <b class="num">${attempt.status}</b>` : t('attempts.no_answer')}</span>
      ${attempt.put_off ? '' : html`<span class="num faint">${number(attempt.ms)} ms</span>`}
      ${attempt.detail ? html`<pre tabindex="0" aria-label=${t('attempts.answer')}>${attempt.detail}</pre>` : ''}</li>`;
  })}</ol>`;
}

/** @param {{entries: any[] | undefined}} props */
export function Audited({ entries }) {
  if (!entries || entries.length === 0) return '';
  return html`<section class="card"><h2>${t('nav.audit')}</h2><ul class="plain lines">${entries.map((entry, at) => html`<li key=${at}>
    <${Time} at=${entry.at} /> <b>${named('by', entry.key)}</b> <span class="faint">${named('role', entry.role || '')}</span> ${named('action', entry.action)}
    ${entry.result && entry.result.status ? html` <${State} value=${entry.result.status < 400 ? 'good' : 'bad'} text=${String(entry.result.status)} />` : ''}</li>`)}</ul>
    <p><a href=${href(['audit'])}>${t('audit.all')}</a></p></section>`;
}
